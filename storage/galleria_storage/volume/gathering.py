"""Records read from where they lie and put into another order; what stays together is not copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from galleria_storage.objects.errors import StoreFailed
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.arrays import Offsets, Stated, Truths
from galleria_storage.volume.places import LARGEST_READ, Places, groups, read_together, spans


class Gathered(NamedTuple):
    """Good records one after the other: where they lay, and their bytes, headers included, in pieces of any size."""

    places: Places
    frames: list[memoryview]


def gather(store: ObjectStore, places: Places, going: Callable[[], None]) -> tuple[Gathered, list[bytes]]:
    """The records of places in any order, in that order, and the names of those that are not good.

    They are read in the order in which they lie. `going` is called before each read. Raises StoreFailed where a range
    cannot be read at all.
    """
    order = places.order()
    reading = _Reading(store, places[order])
    for span in spans(reading.places, LARGEST_READ):
        going()
        reading.read(span)
    turns = np.empty(len(order), np.int64)
    turns[order] = np.arange(len(order))
    good = reading.good()[turns]
    lost: list[bytes] = places.names[~good].tolist()
    return Gathered(places[good] if lost else places, list(reading.frames(turns[good]))), lost


class _Reading:
    """The bytes of `places`, which ascend, and what their records say."""

    def __init__(self, store: ObjectStore, places: Places) -> None:
        self.places = places
        self._store = store
        self._starts: list[int] = places.starts.tolist()
        self._ends: list[int] = places.ends.tolist()
        self._buffers: list[memoryview] = []
        self._bases: list[int] = []
        self._buffer_of = np.full(len(places), -1)
        self._stated = Stated()

    def read(self, span: slice) -> None:
        start, end = self._starts[span.start], self._ends[span.stop - 1]
        places = self.places[span]
        try:
            data = self._store.read(places.object_name, start, end - start) or b""
        except StoreFailed:
            data = b""
        if len(data) == end - start:
            self._add(memoryview(data), start, span.start, len(places))
            return
        for run in read_together(self._store, places)[0]:
            start = int(run.places.starts[0])
            first = span.start + int(np.searchsorted(places.starts, start))
            self._add(run.data, start, first, len(run.places))

    def good(self) -> Truths:
        """Which of the places have the record that they should."""
        good = self._buffer_of >= 0
        read = self.places if good.all() else self.places[good]
        good[good] = self._stated.good(read.kind, read.names, read.rows)
        return good

    def frames(self, turns: Offsets) -> Iterator[memoryview]:
        """The bytes of records, by their numbers among the places; what lies back to back as one."""
        apart = np.diff(self._buffer_of[turns]) != 0
        apart |= self.places.starts[turns[1:]] != self.places.ends[turns[:-1]]
        for first, after in groups(apart, len(turns)):
            begin, last = int(turns[first]), int(turns[after - 1])
            number = int(self._buffer_of[begin])
            base = self._bases[number]
            yield self._buffers[number][self._starts[begin] - base : self._ends[last] - base]

    def _add(self, data: memoryview, base: int, first: int, count: int) -> None:
        self._buffer_of[first : first + count] = len(self._buffers)
        self._buffers.append(data)
        self._bases.append(base)
        which = slice(first, first + count)
        self._stated.add(data, base, self._starts[which], self._ends[which])
