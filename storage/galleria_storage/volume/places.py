"""Where records lie: rows of the chunk table as arrays, and which bytes of which packs to read together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple, Self

import numpy as np

from galleria_storage.objects.errors import StoreFailed
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.arrays import ENTRIES, NAME, Offsets, Rows, Truths, good_records
from galleria_storage.packs.format import DATA, PAGES, PackId
from galleria_storage.records import CHUNK, HEADER_SIZE

LARGEST_READ: Final = 2 << 20
_LARGEST_GAP: Final = 64 << 10
_IN_BOTH: Final = ("raw_length", "stored_length", "codec", "flags", "zeros")

CHUNK_ROWS: Final = np.dtype(
    [
        *((field, "<u4") for field in ("epoch", "number", "offset", "stored_length", "raw_length")),
        *((field, "u1") for field in ("codec", "flags", "zeros")),
    ]
)
"""Values of the chunk table, the same fields as those of `ChunkRow`."""
_KEYS: Final = np.dtype([("kind", "u1"), ("domain", ">u4"), ("name", NAME)])


class Places:
    """Records of one kind, in ascending order of pack and offset unless somebody put them into another.

    Attributes:
        kind: CHUNK or PAGE.
        names: their names.
        rows: their rows of the chunk table.
        starts, ends: where header and payload lie in their packs, in bytes.
    """

    __slots__ = ("ends", "kind", "names", "rows", "starts")

    def __init__(self, kind: int, names: Rows, rows: Rows) -> None:
        self.kind = kind
        self.names = names
        self.rows = rows
        self.starts: Offsets = rows["offset"].astype(np.int64)
        self.ends: Offsets = self.starts + rows["stored_length"] + HEADER_SIZE

    @classmethod
    def of(cls, kind: int, names: Iterable[bytes], values: Iterable[bytes]) -> Self:
        """Those of names and the chunk table's values for them, in any order; in ascending order."""
        found = cls(kind, np.frombuffer(b"".join(names), NAME), np.frombuffer(b"".join(values), CHUNK_ROWS))
        return found.ascending()

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)

    def order(self) -> Offsets:
        """Their numbers in ascending order."""
        return np.lexsort((self.rows["offset"], self.rows["number"], self.rows["epoch"]))

    def ascending(self) -> Self:
        """The same in ascending order."""
        order = self.order()
        return type(self)(self.kind, self.names[order], self.rows[order])

    def __getitem__(self, which: slice | Offsets | Truths) -> Places:
        """Some of them, by a slice, by numbers, or by yes and no."""
        return Places(self.kind, self.names[which], self.rows[which])

    @property
    def object_name(self) -> str:
        """The object of the first one's pack."""
        first = self.rows[0]
        return PackId(first["epoch"], first["number"]).object_name(DATA if self.kind == CHUNK else PAGES)

    @property
    def packs(self) -> Offsets:
        """For each a number that tells its pack from others."""
        packs: Offsets = self.rows["epoch"].astype(np.int64) << 32 | self.rows["number"]
        return packs

    def proofs(self) -> Iterable[tuple[bytes, tuple[int, int, int]]]:
        """Name, and raw length in bytes, flags and zero counts of each."""
        fields = (self.rows[field].tolist() for field in ("raw_length", "flags", "zeros"))
        return zip(self.names.tolist(), zip(*fields, strict=True), strict=True)

    def entries(self, domain: int, offset: int) -> bytes:
        """Footer entries of the same records of one pack, copied without their gaps to `offset` of another pack."""
        entries = np.zeros(len(self), ENTRIES)
        entries["name"], entries["domain"], entries["kind"] = self.names, domain, self.kind
        lengths = self.ends - self.starts
        entries["offset"] = offset + np.cumsum(lengths) - lengths
        for field in _IN_BOTH:
            entries[field] = self.rows[field]
        return entries.tobytes()


class Loaded(NamedTuple):
    """Records that were read and are good: `data` has those at `places`, back to back and nothing else."""

    data: memoryview
    places: Places


def keys_and_rows(pack: PackId, footer: bytes | bytearray | Rows) -> tuple[list[bytes], list[bytes]]:
    """Keys and values in the chunk table of a pack's footer entries."""
    entries = footer if isinstance(footer, np.ndarray) else np.frombuffer(footer, ENTRIES)
    keys = np.empty(len(entries), _KEYS)
    for field in ("kind", "domain", "name"):
        keys[field] = entries[field]
    rows = rows_of(pack, entries)
    return keys.view(f"V{_KEYS.itemsize}").tolist(), rows.view(f"V{CHUNK_ROWS.itemsize}").tolist()


def rows_of(pack: PackId, entries: Rows) -> Rows:
    """The rows of the chunk table that name a pack's entries."""
    rows = np.empty(len(entries), CHUNK_ROWS)
    rows["epoch"], rows["number"], rows["offset"] = *pack, entries["offset"]
    for field in _IN_BOTH:
        rows[field] = entries[field]
    return rows


def read_together(store: ObjectStore, places: Places) -> tuple[list[Loaded], list[bytes]]:
    """Read places of one pack as one range: what is good, and the names of the others.

    What cannot be read together is read in halves. Raises StoreFailed where none of it can be read.
    """
    start, end = int(places.starts[0]), int(places.ends[-1])
    try:
        data = memoryview(store.read(places.object_name, start, end - start) or b"")
    except StoreFailed:
        if len(places) == 1:
            raise
        return _read_halves(store, places)
    good = good_records(data, places.starts - start, places.ends - start, places.kind, places.names, places.rows)
    lost: list[bytes] = places.names[~good].tolist()
    return list(runs(data, start, places[np.flatnonzero(good)] if lost else places)), lost


def _read_halves(store: ObjectStore, places: Places) -> tuple[list[Loaded], list[bytes]]:
    loaded: list[Loaded] = []
    lost: list[bytes] = []
    failures: list[StoreFailed] = []
    middle = len(places) // 2
    for half in (places[:middle], places[middle:]):
        try:
            good, bad = read_together(store, half)
        except StoreFailed as error:
            failures.append(error)
            good, bad = [], half.names.tolist()
        loaded += good
        lost += bad
    if len(failures) == 2:  # noqa: PLR2004 - both halves
        raise failures[0]
    return loaded, lost


def spans(places: Places, largest: int) -> Iterator[slice]:
    """Group places into ranges of one pack of at most `largest` bytes (or one record), gaps to 64 KiB read along."""
    starts, ends, packs = places.starts, places.ends, places.packs
    apart = (packs[1:] != packs[:-1]) | (starts[1:] - ends[:-1] > _LARGEST_GAP)
    for first, after in groups(apart, len(places)):
        begin = first
        while begin < after:
            fitting = int(np.searchsorted(ends[begin:after], starts[begin] + largest, side="right"))
            yield slice(begin, begin + max(1, fitting))
            begin += max(1, fitting)


def runs(data: memoryview, start: int, places: Places) -> Iterator[Loaded]:
    """Places of which `data`, read from `start` of their pack, has the records, grouped into what lies back to back."""
    for first, after in groups(places.starts[1:] != places.ends[:-1], len(places)):
        begin, end = int(places.starts[first]) - start, int(places.ends[after - 1]) - start
        yield Loaded(data[begin:end], places[first:after])


def groups(apart: Truths, count: int) -> Iterator[tuple[int, int]]:
    """First and one past the last of each group of `count`; `apart` tells which do not go with the one before."""
    if count:
        yield from pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), count])
