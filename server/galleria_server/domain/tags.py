"""Tags: labels that users put on resources."""

from __future__ import annotations

from collections.abc import Mapping

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.validation import Violations

MAX_TAGS = limits.number("tags")
MAX_TAG_NAME = limits.number("tag_name")
MAX_TAG_VALUE = limits.number("tag_value")

Tags = dict[str, str]


def check_tags(field: str, tags: Mapping[str, str]) -> Violations:
    """At most 50 tags with names of 1 to 512 and values of up to 256 characters; names compare without case."""
    violations = []
    if len(tags) > MAX_TAGS:
        violations.append(FieldViolation(field, f"has {len(tags)} tags, the limit is {MAX_TAGS}"))
    if len({name.casefold() for name in tags}) < len(tags):
        violations.append(FieldViolation(field, "has names that differ in case only"))
    for name, value in tags.items():
        violations.extend(_check_tag(field, name, value))
    return violations


def _check_tag(field: str, name: str, value: str) -> Violations:
    violations = []
    if not 1 <= len(name) <= MAX_TAG_NAME:
        violations.append(
            FieldViolation(field, f"has a name of {len(name)} characters, 1 to {MAX_TAG_NAME} are allowed")
        )
    if len(value) > MAX_TAG_VALUE:
        violations.append(
            FieldViolation(f"{field}.{name[:64]}", f"has {len(value)} characters, the limit is {MAX_TAG_VALUE}")
        )
    if "\0" in name + value:
        violations.append(FieldViolation(f"{field}.{name[:64]}", "has a NUL character, which no text may have"))
    return violations
