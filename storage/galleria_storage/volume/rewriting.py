"""Records moved into new packs, in a given order: read by the one who asks, written by a thread, sealed by another.

A new pack is sealed and read back before any row names it; a row moves only from a pack that no lease holds. A crash
before that leaves a pack all of whose records are hidden by the old ones, which is garbage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

import numpy as np

from galleria_storage.index.store import Batch, Table
from galleria_storage.packs.arrays import ENTRIES, Offsets, by_name
from galleria_storage.packs.format import PackId
from galleria_storage.packs.writer import OpenPack
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CollectionStopped
from galleria_storage.volume.gathering import Gathered, gather
from galleria_storage.volume.places import LARGEST_READ, Places, groups, keys_and_rows, read_together, rows_of, spans
from galleria_storage.volume.rows import HOME, PackRow, home_of, pack_key

_PART: Final = 4 << 20
_LEAST_WRITE: Final = 2 << 20


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
        self._writer = ThreadPoolExecutor(1, "rewrite")
        self._sealer = ThreadPoolExecutor(1, "seal")
        self._writing: Future[None] | None = None
        self._sealing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.shutdown()
        self._sealer.shutdown()
        if self._pack is not None:
            self._pack.abort()

    def move(self, places: Places, order: Offsets, domain: int) -> None:
        """Move records of a domain in this order. Raises CollectionStopped, StoreFull, StoreFailed."""
        for part in self._parts(places, order):
            records = self._read(part, domain)
            # Two parts are in memory at most: one is written while the next is read.
            _settle(self._writing)
            self._writing = self._writer.submit(self._append, records, domain)

    def finish(self) -> int:
        """Seal what is open; the bytes of all new packs. Raises as `move`."""
        _settle(self._writing)
        if self._pack is not None:
            self._begin_to_seal(self._pack)
        _settle(self._sealing)
        return self._written

    def _parts(self, places: Places, order: Offsets) -> Iterator[Places]:
        """The places in this order, 4 MiB or half a pack at a time."""
        lengths = (places.ends - places.starts)[order]
        parts = np.cumsum(lengths) // min(_PART, self._core.pack_sizes[places.kind] // 2)
        for first, after in groups(np.diff(parts) != 0, len(parts)):
            yield places[order[first:after]]

    def _read(self, places: Places, domain: int) -> Gathered:
        """The records of places in this order, without those that cannot be read, which are examined."""
        gathered, lost = gather(self._core.store, places, self._going)
        if lost:
            self._core.examine(places.kind, domain, lost)
        return gathered

    def _append(self, records: Gathered, domain: int) -> None:
        pack = self._pack = self._pack or self._core.open_pack(self._kind)
        pack.append_entries(records.places.entries(domain, pack.size), *_joined(records.frames))
        if pack.full:
            self._begin_to_seal(pack)

    def _begin_to_seal(self, pack: OpenPack) -> None:
        # One pack at a time is sealed, while the next one is written.
        _settle(self._sealing)
        self._pack = None
        self._sealing = self._sealer.submit(self._seal, pack)

    def _seal(self, pack: OpenPack) -> None:
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
        keys, rows = keys_and_rows(pack.id, by_name(np.frombuffer(bytes(pack.entries), ENTRIES)))
        with core.alone():
            batch = Batch()
            # Nothing comes to be held meanwhile.
            homes = {home_of(pack): pack for pack in self._packs if pack not in self._held}
            moved: Counter[bytes] = Counter()
            for key, row, before in zip(keys, rows, core.index.get(Table.CHUNKS, keys), strict=True):
                if before is not None and (home := before[HOME]) in homes:
                    batch.put(Table.CHUNKS, key, row)
                    moved[home] += 1
            for home, count in moved.items():
                core.chunks.hide(batch, homes[home], count)
            hidden = len(keys) - moved.total()
            batch.put(Table.PACKS, pack_key(pack.id), PackRow(pack.kind, size, len(keys), hidden=hidden).encode())
            core.index.apply(batch)


def _settle(under_way: Future[None] | None) -> None:
    if under_way is not None:
        under_way.result()


def _joined(frames: Iterable[memoryview]) -> Iterator[bytes | memoryview]:
    """The same bytes in pieces of which none but the last is small; what is large is not copied."""
    small: list[memoryview] = []
    size = 0
    for frame in frames:
        if len(frame) >= _LEAST_WRITE and not small:
            yield frame
            continue
        small.append(frame)
        size += len(frame)
        if size >= _LEAST_WRITE:
            yield b"".join(small)
            small, size = [], 0
    if small:
        yield b"".join(small)
