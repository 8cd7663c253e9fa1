"""Collection: packs of which nothing is alive count as missing, then go; the emptiest of the others are rewritten.

It runs beside everything else. What is alive is computed from the root files as they were when it began; whatever came
to be needed since then was held by a lease first, and packs that a lease held meanwhile are left alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.packs.arrays import ENTRIES
from galleria_storage.packs.format import EMPTY_SIZE, ENTRY_SIZE, PackDamaged, PackId
from galleria_storage.packs.reader import read_entries
from galleria_storage.records import HEADER_SIZE
from galleria_storage.roots import Root, RootDamaged
from galleria_storage.volume.choosing import MOST_GARBAGE, Share, chosen
from galleria_storage.volume.compacting import Compactor, alive_in
from galleria_storage.volume.condemned import CondemnedPacks
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CollectionStopped
from galleria_storage.volume.leases import GARBAGE, NO_SCOPE
from galleria_storage.volume.marking import Mark, mark
from galleria_storage.volume.quarantine import Quarantine
from galleria_storage.volume.root_files import GONE, is_gone
from galleria_storage.volume.rows import PackRow, RootRow
from galleria_storage.volume.scopes import sweep

Going = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection found and did; sizes in bytes.

    Attributes:
        packs: packs that were looked at.
        size: their bytes.
        garbage: bytes of records, with their footer entries, that no root has, in packs that stay.
        condemned: bytes of packs whose records count as missing from now on.
        removed: bytes of packs removed, that this or an earlier collection condemned.
        left: packs of which nothing is alive, but which a lease holds.
        rewritten: bytes of new packs, into which what is alive of others was moved.
    """

    packs: int = 0
    size: int = 0
    garbage: int = 0
    condemned: int = 0
    removed: int = 0
    left: int = 0
    rewritten: int = 0


class Collector:
    """Collects the garbage of a volume, one collection at a time. `last` is what the last whole one found.

    `rewrite_bytes` is how many live bytes one may move.
    """

    def __init__(self, core: Core, condemned: CondemnedPacks, quarantine: Quarantine, rewrite_bytes: int) -> None:
        self.last = Collected()
        self._rewrite_bytes = rewrite_bytes
        self._core = core
        self._condemned = condemned
        self._quarantine = quarantine
        self._lock = threading.Lock()
        self._in_vain: tuple[set[bytes], set[UUID]] = set(), set()

    def collect(self, going: Going = lambda: None) -> Collected:
        """Condemn what nothing needs, and remove what was condemned long enough ago.

        With nothing given up since the last time this looks at nothing. `going` is called all the time; what it raises
        ends the collection, which loses nothing. Raises CollectionStopped, StoreFailed.
        """
        with self._lock:
            removed = self._condemned.remove(going)
            events = dict(self._core.index.scan(Table.META, GARBAGE))
            if not events or self._would_be_in_vain(set(events)):
                return replace(self.last, condemned=0, rewritten=0, removed=removed)
            self.last = replace(self._collect(events, going), removed=removed)
            return self.last

    def _would_be_in_vain(self, events: set[bytes]) -> bool:
        """Whether nothing has happened since all that was left to do was prevented by leases."""
        before, leases = self._in_vain
        return bool(leases) and events == before and leases <= self._core.leases.holding()

    def _collect(self, events: dict[bytes, bytes], going: Going) -> Collected:
        core = self._core
        with core.leases.watching() as held:
            packs = [(pack, row) for pack, row in core.chunks.packs() if not row.condemned]
            found = list(_roots(core, going))
            live = mark(core, found, going)
            collected, shares = self._condemn(packs, live, held, going)
            rewritten = chosen(shares, held, core.pack_sizes, self._rewrite_bytes)
            compacted = Compactor(core, self._condemned, held, going).compact(rewritten, live, found)
            swept = self._sweep(events, found, live, held, going)
        garbage = collected.garbage - compacted.freed
        more = compacted.freed > 0 and garbage > MOST_GARBAGE * (sum(share.size for share in shares) - compacted.freed)
        done = swept and not (collected.left or more)
        if done:
            _forget(core, events)
        # What only the budget has kept from being done is done the next time, whatever happens.
        self._in_vain = (set(), set()) if done or more else (set(events), core.leases.holding())
        condemned = collected.condemned + compacted.condemned
        return replace(collected, garbage=garbage, condemned=condemned, rewritten=compacted.written)

    def _sweep(
        self, events: dict[bytes, bytes], found: Sequence[Root], live: Mark, held: Collection[PackId], going: Going
    ) -> bool:
        done = True
        for scope in {UUID(bytes=value) for value in events.values()} - {NO_SCOPE}:
            own = [root for root in found if root.holder.scope == scope]
            of_scope = live if len(own) == len(found) else mark(self._core, own, going)
            done &= sweep(self._core, scope, of_scope, held, going)
        return done

    def _condemn(
        self, packs: Sequence[tuple[PackId, PackRow]], live: Mark, held: Collection[PackId], going: Going
    ) -> tuple[Collected, list[Share]]:
        """Condemn what is wholly dead; what is partly alive is told."""
        size = condemned = left = 0
        shares: list[Share] = []
        for pack, row in packs:
            going()
            entries = self._entries(pack, row, going)
            if entries is None:
                continue
            size += row.size
            share = self._share(pack, row, entries, live)
            if share.live:
                shares.append(share)
            elif self._condemned.condemn(pack, row, entries, live, held):
                condemned += row.size
            else:
                left += pack in held
        garbage = sum(share.dead for share in shares)
        return Collected(len(packs), size, garbage, condemned, 0, left), shares

    def _entries(self, pack: PackId, row: PackRow, going: Going) -> bytes | None:
        """The entries of a pack's footer; where that is damaged those of its good records; None if the pack is gone."""
        try:
            return read_entries(self._core.store, row.kind, pack, row.size)
        except (PackDamaged, StoreFailed):
            return self._quarantine.salvage(row.kind, pack, going)

    def _share(self, pack: PackId, row: PackRow, entries: bytes, live: Mark) -> Share:
        alive = alive_in(self._core, pack, row, entries, live)
        lengths = np.frombuffer(entries, ENTRIES)["stored_length"].astype(np.int64) + HEADER_SIZE + ENTRY_SIZE
        living = int(lengths[alive].sum())
        damaged = int(lengths.sum()) != row.size - EMPTY_SIZE or self._quarantine.distrusts(pack)
        return Share(pack, row, living, row.size - EMPTY_SIZE - living, damaged, np.packbits(alive).tobytes())


def _roots(core: Core, going: Going) -> Iterator[Root]:
    """All roots that are not given up, and those that a lease holds.

    The files are the truth, not their rows. Raises CollectionStopped for one that cannot be read, or whose file is
    gone though nobody gave it up.
    """
    parsed = [roots.parse_object_name(info.name) for info in core.store.list(f"{roots.FOLDER}/")]
    released = {root for root, marker in filter(None, parsed) if marker}
    # Asked after the files: what was given up before them is held by then, or by nobody.
    released -= core.leases.held_roots()
    noted = {UUID(bytes=key) for key, value in core.index.scan(Table.ROOTS) if not RootRow.decode(value).released}
    there = {root for root, marker in filter(None, parsed) if not marker}
    for root in sorted((there | noted) - released):
        going()
        data = roots.read_file(core.store, root)
        if data is None and is_gone(core, root):
            raise CollectionStopped(str(RootDamaged(root.hex, GONE)))
        if data is not None:
            try:
                yield roots.decode(root, data)
            except StorageError as error:
                raise CollectionStopped(str(error)) from error


def _forget(core: Core, events: dict[bytes, bytes]) -> None:
    batch = Batch()
    for key in events:
        batch.delete(Table.META, key)
    core.index.apply(batch)
