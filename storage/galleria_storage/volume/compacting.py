"""Compaction: what is alive of some packs moves into new ones, in the order of the newest disks that have it.

A new pack is sealed and read back before any row names it; a row moves only from a pack that no lease holds. A crash
before that leaves a pack all of whose records are hidden by the old ones, which is garbage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from galleria_storage.index.store import Batch, Table
from galleria_storage.packs.arrays import ENTRIES, Offsets, Rows, Truths
from galleria_storage.packs.format import PackId
from galleria_storage.packs.reader import entries_or_salvage
from galleria_storage.packs.writer import OpenPack
from galleria_storage.roots import Root
from galleria_storage.volume.choosing import Share
from galleria_storage.volume.condemned import CondemnedPacks
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CollectionStopped
from galleria_storage.volume.marking import Mark
from galleria_storage.volume.order import ordered
from galleria_storage.volume.places import LARGEST_READ, Places, keys_and_rows, read_together, rows_of, spans
from galleria_storage.volume.rows import ChunkRow, PackRow, pack_key

Going = Callable[[], None]


_RECORDS_AT_ONCE: Final = 128


class Compacted(NamedTuple):
    """Bytes of new packs, of packs condemned for them, and of what was dead in these."""

    written: int = 0
    condemned: int = 0
    freed: int = 0


class Compactor:
    """Rewrites packs. One compaction at a time; `held` are packs to leave alone, and may grow meanwhile."""

    def __init__(self, core: Core, condemned: CondemnedPacks, held: Collection[PackId], going: Going) -> None:
        self._core = core
        self._condemned = condemned
        self._held = held
        self._going = going

    def compact(self, shares: Sequence[Share], live: Mark, roots: Sequence[Root]) -> Compacted:
        """Move what is alive and condemn the packs. One with a record that cannot be read stays as it is.

        Raises CollectionStopped, StoreFull, StoreFailed.
        """
        packs = {share.pack for share in shares}
        written = sum(self._rewrite(kind, groups, packs, roots) for kind, groups in self._live_places(shares, live))
        gone = [share for share in shares if self._condemn(share, live)]
        return Compacted(written, sum(share.row.size for share in gone), sum(share.dead for share in gone))

    def _condemn(self, share: Share, live: Mark) -> bool:
        self._going()
        return self._condemned.condemn(share.pack, share.row, self._entries(share), live, self._held)

    def _entries(self, share: Share) -> bytes:
        store, row = self._core.store, share.row
        return entries_or_salvage(store, row.kind, share.pack, row.size, self._core.rule)

    def _live_places(self, shares: Sequence[Share], live: Mark) -> Iterator[tuple[int, dict[int, Places]]]:
        """Where the live records of the packs lie that no other record hides, by kind, and in that by domain."""
        groups: dict[int, dict[int, list[tuple[Rows, Rows]]]] = defaultdict(lambda: defaultdict(list))
        for share in shares:
            self._going()
            encoded = self._entries(share)
            entries = np.frombuffer(encoded, ENTRIES)
            entries = entries[live.among(encoded) & seen(self._core, share.pack, encoded)]
            for domain in np.unique(entries["domain"]).tolist():
                within = entries[entries["domain"] == domain]
                groups[share.row.kind][domain].append((within["name"], rows_of(share.pack, within)))
        for kind, found in groups.items():
            yield kind, {domain: _joined(kind, arrays) for domain, arrays in found.items()}

    def _rewrite(
        self, kind: int, groups: Mapping[int, Places], packs: Collection[PackId], roots: Sequence[Root]
    ) -> int:
        """Move records of one kind, by domain; returns the bytes of the new packs."""
        written, pack = 0, self._core.open_pack(kind)
        try:
            for domain, places in groups.items():
                for part in self._parts(places, ordered(self._core, places, domain, roots, self._going)):
                    self._append(pack, part, domain)
                    if pack.full:
                        written += self._seal(pack, packs)
                        pack = self._core.open_pack(kind)
            return written + (self._seal(pack, packs) if pack.entries else 0)
        finally:
            pack.abort()

    def _parts(self, places: Places, order: Offsets) -> Iterator[Places]:
        """The places in this order, half a pack at a time."""
        lengths = (places.ends - places.starts)[order]
        borders = np.cumsum(lengths) // (self._core.pack_sizes[places.kind] // 2)
        for border in np.unique(borders):
            yield places[order[borders == border]]

    def _append(self, pack: OpenPack, places: Places, domain: int) -> None:
        records = self._read(places, domain)
        places = places[np.array([name in records for name in places.names.tolist()], np.bool_)]
        for first in range(0, len(places), _RECORDS_AT_ONCE):
            piece = places[first : first + _RECORDS_AT_ONCE]
            data = b"".join([records[name] for name in piece.names.tolist()])
            pack.append_entries(piece.entries(domain, pack.size), data)

    def _seal(self, pack: OpenPack, packs: Collection[PackId]) -> int:
        size = pack.seal()
        self._read_back(pack)
        self._move(pack, size, packs)
        return size

    def _read(self, places: Places, domain: int) -> dict[bytes, memoryview]:
        """The records of places in any order, by name, without those that cannot be read, which are examined."""
        records: dict[bytes, memoryview] = {}
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

    def _read_back(self, pack: OpenPack) -> None:
        entries = np.frombuffer(bytes(pack.entries), ENTRIES)
        places = Places(pack.kind, entries["name"], rows_of(pack.id, entries))
        for span in spans(places, LARGEST_READ):
            self._going()
            if read_together(self._core.store, places[span])[1]:
                name = pack.id.object_name(pack.kind)
                raise CollectionStopped(f"{name} does not read back as it was written")

    def _move(self, pack: OpenPack, size: int, packs: Collection[PackId]) -> None:
        """Let rows that name one of `packs` name the new pack instead, unless a lease holds the old one."""
        core = self._core
        keys, rows = keys_and_rows(pack.id, pack.entries)
        moved: dict[PackId, int] = defaultdict(int)
        with core.alone():
            batch = Batch()
            for key, row, before in zip(keys, rows, core.index.get(Table.CHUNKS, keys), strict=True):
                home = None if before is None else ChunkRow.decode(before).pack
                if home is not None and home in packs and home not in self._held:
                    batch.put(Table.CHUNKS, key, row)
                    moved[home] += 1
            for home, count in moved.items():
                core.chunks.hide(batch, home, count)
            hidden = len(keys) - sum(moved.values())
            batch.put(Table.PACKS, pack_key(pack.id), PackRow(pack.kind, size, len(keys), hidden=hidden).encode())
            core.index.apply(batch)


def _joined(kind: int, arrays: Sequence[tuple[Rows, Rows]]) -> Places:
    names, rows = (np.concatenate(parts) for parts in zip(*arrays, strict=True))
    return Places(kind, names, rows).ascending()


def seen(core: Core, pack: PackId, entries: bytes) -> Truths:
    """Which of a pack's footer entries are those that the chunk table names."""
    keys, rows = keys_and_rows(pack, entries)
    found = core.index.get(Table.CHUNKS, keys)
    return np.array([value == row for value, row in zip(found, rows, strict=True)], np.bool_)
