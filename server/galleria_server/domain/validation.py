"""What fields of requests must be. Each function returns what is wrong; `refuse` raises it all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain

from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.names import Pattern

MAX_DESCRIPTION = 1024
MAX_TAGS = 50
MAX_TAG_NAME = 512
MAX_TAG_VALUE = 256
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z0-9_-]")

Violations = list[FieldViolation]


def refuse(*violations: Violations) -> None:
    """Raises InvalidRequest unless all lists are empty."""
    found = tuple(chain.from_iterable(violations))
    if found:
        raise InvalidRequest(found)


def check_id(field: str, text: str, pattern: Pattern) -> Violations:
    """A new resource's id must be what `pattern` allows."""
    if pattern.expression.fullmatch(text):
        return []
    return [FieldViolation(field, f"{text[:100]!r} must be {pattern.rule}")]


def check_required(field: str, text: str) -> Violations:
    """A text that must be given."""
    return [] if text else [FieldViolation(field, "is required")]


def check_description(field: str, text: str) -> Violations:
    """At most 1,024 characters."""
    if len(text) <= MAX_DESCRIPTION:
        return []
    return [FieldViolation(field, f"has {len(text)} characters, the limit is {MAX_DESCRIPTION}")]


def check_tags(field: str, tags: Mapping[str, str]) -> Violations:
    """At most 50 tags with names of 1 to 512 and values of up to 256 characters; names compare without case."""
    violations = []
    if len(tags) > MAX_TAGS:
        violations.append(FieldViolation(field, f"has {len(tags)} tags, the limit is {MAX_TAGS}"))
    if len({name.casefold() for name in tags}) < len(tags):
        violations.append(FieldViolation(field, "has names that differ in case only"))
    for name, value in tags.items():
        if not 1 <= len(name) <= MAX_TAG_NAME:
            violations.append(
                FieldViolation(field, f"has a name of {len(name)} characters, 1 to {MAX_TAG_NAME} are allowed")
            )
        if len(value) > MAX_TAG_VALUE:
            violations.append(
                FieldViolation(f"{field}.{name[:64]}", f"has {len(value)} characters, the limit is {MAX_TAG_VALUE}")
            )
    return violations


def check_identifier(field: str, text: str, limit: int) -> Violations:
    """A publisher, offer or SKU: 1 to `limit` letters, digits, '_', '-' and '.', not ending in '.'."""
    if len(text) <= limit and _IDENTIFIER.fullmatch(text):
        return []
    rule = f"must be 1 to {limit} letters, digits, '_', '-' and '.', not ending in '.'"
    return [FieldViolation(field, f"{text[:100]!r} {rule}")]


def check_replicas(field: str, count: int, limit: int) -> Violations:
    """A replica count of 1 to `limit`."""
    return [] if 1 <= count <= limit else [FieldViolation(field, f"{count} must be 1 to {limit}")]
