"""What fields of requests must be. Each function returns what is wrong; `refuse` raises it all at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from urllib.parse import urlsplit

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.names import Pattern

MAX_URI = limits.number("uri")
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


def check_length(field: str, text: str, limit: int) -> Violations:
    """A text of at most `limit` characters, none of them NUL, which no database holds."""
    if len(text) > limit:
        return [FieldViolation(field, f"has {len(text)} characters, the limit is {limit}")]
    return [FieldViolation(field, "has a NUL character, which no text may have")] if "\0" in text else []


def check_identifier(field: str, text: str, limit: int) -> Violations:
    """A publisher, offer or SKU: 1 to `limit` letters, digits, '_', '-' and '.', not ending in '.'."""
    if len(text) <= limit and _IDENTIFIER.fullmatch(text):
        return []
    rule = f"must be 1 to {limit} letters, digits, '_', '-' and '.', not ending in '.'"
    return [FieldViolation(field, f"{text[:100]!r} {rule}")]


def check_range(field: str, number: int, least: int, most: int) -> Violations:
    """A number of `least` to `most`, both included."""
    if least <= number <= most:
        return []
    return [FieldViolation(field, f"{number} must be {least} to {most}")]


def check_uri(field: str, text: str, *, required: bool = False) -> Violations:
    """An absolute http or https URI of at most 2,048 characters; empty unless it is required."""
    if not text:
        return check_required(field, text) if required else []
    if len(text) <= MAX_URI and _is_web_address(text):
        return []
    return [FieldViolation(field, f"{text[:100]!r} must be an http or https URI of at most {MAX_URI} characters")]


def check_future(field: str, time: datetime | None, now: datetime) -> Violations:
    """A time that is still to come, when there is one."""
    if time is None or time > now:
        return []
    return [FieldViolation(field, f"{time.isoformat()} must be in the future, which begins at {now.isoformat()}")]


def check_count(field: str, things: Sequence[object], limit: int) -> Violations:
    """At most `limit` things."""
    return [] if len(things) <= limit else [FieldViolation(field, f"has {len(things)}, the limit is {limit}")]


def check_distinct(field: str, keys: Sequence[str]) -> Violations:
    """No two that compare alike; says which."""
    folded = [key.casefold() for key in keys]
    twice = sorted({key for key, at in zip(keys, folded, strict=True) if folded.count(at) > 1})
    return [FieldViolation(field, f"names {', '.join(twice)[:200]} more than once")] if twice else []


def _is_web_address(text: str) -> bool:
    if any(character.isspace() or not character.isprintable() for character in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
