"""Records moved into new packs, in a given order: read by the one who asks, written and sealed by a thread beside.

A new pack is sealed and read back before any row names it; a row moves only from a pack that no lease holds. A crash
before that leaves a pack all of whose records are hidden by the old ones, which is garbage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

import numpy as np

from galleria_storage.index.store import Batch, Table
from galleria_storage.packs.arrays import ENTRIES, Offsets
from galleria_storage.packs.format import PackId
from galleria_storage.packs.writer import OpenPack
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CollectionStopped
from galleria_storage.volume.places import LARGEST_READ, Places, keys_and_rows, read_together, rows_of, spans
from galleria_storage.volume.rows import ChunkRow, PackRow, pack_key

_RECORDS_AT_ONCE: Final = 128

Records = dict[bytes, memoryview]
"""By name, headers included."""


class Rewriting:
    """New packs of one kind. A context manager; for one thread, that calls `move` and then `finish`.

    Rows that name one of `packs` come to name the new ones, but those of packs `held`, which may grow meanwhile.
    """

    def __init__(
        self, core: Core, kind: int, packs: Collection[PackId], held: Collection[PackId], going: Callable[[], None]
    ) -> None:
        self._core = core
        self._kind = kind
        self._packs = packs
        self._held = held
        self._going = going
        self._pack: OpenPack | None = None
        self._written = 0
        self._thread = ThreadPoolExecutor(1, "rewrite")
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown()
        if self._pack is not None:
            self._pack.abort()

    def move(self, places: Places, order: Offsets, domain: int) -> None:
        """Move records of a domain in this order. Raises CollectionStopped, StoreFull, StoreFailed."""
        for part in self._parts(places, order):
            records = self._read(part, domain)
            # Two parts are in memory at most: one is written while the next is read.
            self._settle()
            self._under_way = self._thread.submit(self._append, part, records, domain)

    def finish(self) -> int:
        """Seal what is open; the bytes of all new packs. Raises as `move`."""
        self._settle()
        if self._pack is not None:
            self._seal(self._pack)
        return self._written

    def _settle(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _parts(self, places: Places, order: Offsets) -> Iterator[Places]:
        """The places in this order, half a pack at a time."""
        lengths = (places.ends - places.starts)[order]
        borders = np.cumsum(lengths) // (self._core.pack_sizes[places.kind] // 2)
        for border in np.unique(borders):
            yield places[order[borders == border]]

    def _read(self, places: Places, domain: int) -> Records:
        """The records of places in any order, without those that cannot be read, which are examined."""
        records: Records = {}
        ascending = places.ascending()
        for span in spans(ascending, LARGEST_READ):
            self._going()
            loaded, lost = read_together(self._core.store, ascending[span])
            if lost:
                self._core.examine(places.kind, domain, lost)
            for run in loaded:
                base = run.places.starts[0]
                bounds = zip((run.places.starts - base).tolist(), (run.places.ends - base).tolist(), strict=True)
                records.update(
                    (name, run.data[start:end])
                    for name, (start, end) in zip(run.places.names.tolist(), bounds, strict=True)
                )
        return records

    def _append(self, places: Places, records: Records, domain: int) -> None:
        pack = self._pack = self._pack or self._core.open_pack(self._kind)
        places = places[np.array([name in records for name in places.names.tolist()], np.bool_)]
        for first in range(0, len(places), _RECORDS_AT_ONCE):
            piece = places[first : first + _RECORDS_AT_ONCE]
            data = b"".join([records[name] for name in piece.names.tolist()])
            pack.append_entries(piece.entries(domain, pack.size), data)
        if pack.full:
            self._seal(pack)

    def _seal(self, pack: OpenPack) -> None:
        self._pack = None
        if not pack.entries:
            pack.abort()
            return
        size = pack.seal()
        self._read_back(pack)
        self._point(pack, size)
        self._written += size

    def _read_back(self, pack: OpenPack) -> None:
        entries = np.frombuffer(bytes(pack.entries), ENTRIES)
        places = Places(pack.kind, entries["name"], rows_of(pack.id, entries))
        for span in spans(places, LARGEST_READ):
            if read_together(self._core.store, places[span])[1]:
                name = pack.id.object_name(pack.kind)
                raise CollectionStopped(f"{name} does not read back as it was written")

    def _point(self, pack: OpenPack, size: int) -> None:
        """Let rows that name one of `packs` name the new pack instead, unless a lease holds the old one."""
        core = self._core
        keys, rows = keys_and_rows(pack.id, pack.entries)
        moved: dict[PackId, int] = defaultdict(int)
        with core.alone():
            batch = Batch()
            for key, row, before in zip(keys, rows, core.index.get(Table.CHUNKS, keys), strict=True):
                home = None if before is None else ChunkRow.decode(before).pack
                if home is not None and home in self._packs and home not in self._held:
                    batch.put(Table.CHUNKS, key, row)
                    moved[home] += 1
            for home, count in moved.items():
                core.chunks.hide(batch, home, count)
            hidden = len(keys) - sum(moved.values())
            batch.put(Table.PACKS, pack_key(pack.id), PackRow(pack.kind, size, len(keys), hidden=hidden).encode())
            core.index.apply(batch)
