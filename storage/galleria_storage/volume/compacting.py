"""Compaction: what is alive of some packs moves into new ones, in the order of the newest disks that have it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from galleria_storage.index.store import Table
from galleria_storage.packs.arrays import ENTRIES, Rows, Truths
from galleria_storage.packs.format import ENTRY_SIZE, PackId
from galleria_storage.packs.reader import entries_or_salvage
from galleria_storage.roots import Root
from galleria_storage.volume.choosing import Share
from galleria_storage.volume.condemned import CondemnedPacks
from galleria_storage.volume.core import Core
from galleria_storage.volume.marking import Mark
from galleria_storage.volume.order import ordered
from galleria_storage.volume.places import Places, keys_and_rows, rows_of
from galleria_storage.volume.rewriting import Rewriting
from galleria_storage.volume.rows import PackRow

Going = Callable[[], None]


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
        return entries_or_salvage(store, row.kind, share.pack, row.size, self._core.rule, self._core.domains())

    def _alive(self, share: Share, entries: bytes, live: Mark) -> Truths:
        if share.damaged:
            # What can be saved of it may be less than before.
            return alive_in(self._core, share.pack, share.row, entries, live)
        return np.unpackbits(np.frombuffer(share.alive, "u1"), count=len(entries) // ENTRY_SIZE).view(np.bool_)

    def _live_places(self, shares: Sequence[Share], live: Mark) -> Iterator[tuple[int, dict[int, Places]]]:
        """Where the live records of the packs lie that no other record hides, by kind, and in that by domain."""
        groups: dict[int, dict[int, list[tuple[Rows, Rows]]]] = defaultdict(lambda: defaultdict(list))
        for share in shares:
            self._going()
            encoded = self._entries(share)
            entries = np.frombuffer(encoded, ENTRIES)[self._alive(share, encoded, live)]
            for domain in np.unique(entries["domain"]).tolist():
                within = entries[entries["domain"] == domain]
                groups[share.row.kind][domain].append((within["name"], rows_of(share.pack, within)))
        for kind, found in groups.items():
            yield kind, {domain: _joined(kind, arrays) for domain, arrays in found.items()}

    def _rewrite(
        self, kind: int, groups: Mapping[int, Places], packs: Collection[PackId], roots: Sequence[Root]
    ) -> int:
        """Move records of one kind, by domain; returns the bytes of the new packs."""
        with Rewriting(self._core, kind, packs, self._held, self._going) as rewriting:
            for domain, places in groups.items():
                rewriting.move(places, ordered(self._core, places, domain, roots, self._going), domain)
            return rewriting.finish()


def _joined(kind: int, arrays: Sequence[tuple[Rows, Rows]]) -> Places:
    names, rows = (np.concatenate(parts) for parts in zip(*arrays, strict=True))
    return Places(kind, names, rows).ascending()


def alive_in(core: Core, pack: PackId, row: PackRow, entries: bytes, live: Mark) -> Truths:
    """Which of a pack's footer entries are alive and not hidden by another record of the same name."""
    alive = live.among(entries)
    if row.hidden:
        alive[alive] = seen(core, pack, np.frombuffer(entries, ENTRIES)[alive])
    return alive


def seen(core: Core, pack: PackId, entries: Rows) -> Truths:
    """Which of a pack's footer entries are those that the chunk table names."""
    keys, rows = keys_and_rows(pack, entries)
    found = core.index.get(Table.CHUNKS, keys)
    return np.array([value == row for value, row in zip(found, rows, strict=True)], np.bool_)
