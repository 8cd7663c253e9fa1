"""What there is to filter by: the fields of a resource and what they hold.

The values beside a shape: str for TEXT and for a choice, bool, int or float, an aware datetime for TIME, a mapping of
the same for a Struct and of texts for a Dictionary, a sequence for Listed. What is absent is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Scalar(Enum):
    """Values that stand alone."""

    TEXT = "a text"
    TRUTH = "true or false"
    NUMBER = "a number"
    TIME = 'a time such as "2026-01-31T00:00:00Z"'


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Texts by key."""


@dataclass(frozen=True, slots=True)
class Struct:
    """Fields by name."""

    fields: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Listed:
    """Any number of the same."""

    of: Shape


Shape = Scalar | Choice | Dictionary | Struct | Listed
