"""Which bytes of which packs to read together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from galleria_storage.packs.format import DATA, PAGES, PackId
from galleria_storage.records import CHUNK
from galleria_storage.volume.rows import ChunkRow

LARGEST_READ: Final = 2 << 20
_LARGEST_GAP: Final = 64 << 10


class Place(NamedTuple):
    """A record in a pack; `length` is header and payload, in bytes."""

    pack: PackId
    offset: int
    length: int
    name: bytes
    kind: int
    row: ChunkRow

    @property
    def object_name(self) -> str:
        """The pack's object."""
        return self.pack.object_name(DATA if self.kind == CHUNK else PAGES)


class Loaded(NamedTuple):
    """Records that were read and are good: `data` has those at `places`, back to back and nothing else."""

    data: memoryview
    places: Sequence[Place]


Span = Sequence[Place]
"""Places of one pack in ascending order of offset, to be read as one range."""


def spans(places: Sequence[Place], largest: int) -> Iterator[Span]:
    """Group places into ranges of at most `largest` bytes (or one record), gaps of up to 64 KiB read along."""
    span: list[Place] = []
    begin = end = 0
    before: PackId | None = None
    for place in sorted(places):
        pack, offset, length, *_ = place
        if pack != before or offset - end > _LARGEST_GAP or offset + length - begin > largest:
            if span:
                yield span
            span, begin, before = [], offset, pack
        span.append(place)
        end = offset + length
    if span:
        yield span
