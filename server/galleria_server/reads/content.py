"""What is read: one content and the places that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Location:
    """One full set of bytes: a root on a volume."""

    region: str
    volume: str
    root: UUID


@dataclass(frozen=True, slots=True)
class Content:
    """A disk's or version's content: exact resource name, the region it is read from, disk digest, sizes in bytes.

    `locations` are where it lies, the one to be read from first; `warnings` are for who deploys it.
    """

    name: str
    region: str
    digest: str
    size: int
    occupied: int
    locations: tuple[Location, ...]
    warnings: tuple[str, ...] = ()
