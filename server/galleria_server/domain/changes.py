"""What an update may change of a resource, and what never changes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.validation import Violations


def check_unchanged(path: str, before: object, after: object, names: Sequence[str]) -> Violations:
    """The fields of these dotted names are as they were."""
    changed = [name for name in names if _at(before, name) != _at(after, name)]
    return [FieldViolation(f"{path}.{name}", f"cannot be changed; it is {_at(before, name)}"[:240]) for name in changed]


def check_allowed(path: str, before: object, after: object, names: Sequence[str], flag: str) -> Violations:
    """The fields of these names are as they were, as a request that wants to change them has to say `flag`."""
    changed = [name for name in names if _at(before, name) != _at(after, name)]
    return [FieldViolation(f"{path}.{name}", f"can be changed only with {flag}") for name in changed]


def _at(value: object, name: str) -> object:
    found = reduce(getattr, name.split("."), value)
    return getattr(found, "value", found)
