"""Filters as trees, and as text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

NAME = re.compile(r"[A-Za-z0-9_-]+")
"""A part of a path that needs no quotes."""


class Operator(Enum):
    """How a field is compared."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    HAS = ":"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field beside a value; None is `*`, whatever it has. Columns count from 1 and do not tell comparisons apart."""

    path: tuple[str, ...]
    operator: Operator
    value: str | None
    column: int = field(default=0, compare=False)
    value_column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        value = "*" if self.value is None else quoted(self.value)
        head, *keys = self.path
        parts = [head, *(key if NAME.fullmatch(key) else quoted(key) for key in keys)]
        return f"{'.'.join(parts)}{self.operator.value}{value}"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    term: Expression

    def __str__(self) -> str:
        return f"NOT {_operand(self.term)}"


@dataclass(frozen=True, slots=True)
class All:
    """Every one of two or more terms: AND."""

    terms: tuple[Expression, ...]

    def __str__(self) -> str:
        return " AND ".join(map(_operand, self.terms))


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of two or more terms: OR."""

    terms: tuple[Expression, ...]

    def __str__(self) -> str:
        return " OR ".join(map(_operand, self.terms))


Expression = Comparison | Not | All | Some


def quoted(text: str) -> str:
    """The text between quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _operand(term: Expression) -> str:
    return str(term) if isinstance(term, Comparison) else f"({term})"
