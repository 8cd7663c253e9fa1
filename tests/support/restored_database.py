"""What a model of a database that is restored, and of the volumes beside it, is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID


@dataclass(frozen=True)
class Root:
    """What was acknowledged: `name` is the last part of what it was pinned for. Numbers go up."""

    number: int
    id: UUID
    uid: UUID
    name: str
    volume: str
    data: bytes


@dataclass
class Row:
    """A disk or version as the database has it, with the roots that it names; `pushing` has a push under way."""

    uid: UUID
    roots: set[UUID]
    ready: bool = True
    pushing: bool = False


@dataclass
class Metadata:
    """What the database says."""

    rows: dict[str, Row] = field(default_factory=dict)
    gallery: bool = False

    def named(self) -> set[UUID]:
        return {root for row in self.rows.values() for root in row.roots}


@dataclass
class Snapshot:
    """A copy of the database: what it knew, and what of the volumes was there and strange when it was made."""

    path: Path
    known: Metadata
    roots: frozenset[UUID]
    strange: frozenset[str]
