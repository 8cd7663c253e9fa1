"""Collection: packs of which nothing is alive count as missing, then go.

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
from galleria_storage.packs.arrays import ENTRIES
from galleria_storage.packs.format import ENTRY_SIZE, PackDamaged, PackId
from galleria_storage.packs.reader import read_entries
from galleria_storage.records import HEADER_SIZE
from galleria_storage.roots import Root
from galleria_storage.volume.condemned import CondemnedPacks
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CollectionStopped
from galleria_storage.volume.leases import GARBAGE, NO_SCOPE
from galleria_storage.volume.marking import Mark, mark
from galleria_storage.volume.rows import PackRow
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
    """

    packs: int = 0
    size: int = 0
    garbage: int = 0
    condemned: int = 0
    removed: int = 0
    left: int = 0


class Collector:
    """Collects the garbage of a volume, one collection at a time. `last` is what the last whole one found."""

    def __init__(self, core: Core, condemned: CondemnedPacks) -> None:
        self.last = Collected()
        self._core = core
        self._condemned = condemned
        self._lock = threading.Lock()
        self._in_vain: tuple[set[bytes], set[UUID]] = set(), set()

    def collect(self, going: Going = lambda: None) -> Collected:
        """Condemn what nothing needs, and remove what was condemned long enough ago.

        With nothing given up since the last time this looks at nothing. `going` is called all the time; what it raises
        ends the collection, which loses nothing. Raises CollectionStopped, StoreFailed.
        """
        with self._lock:
            removed = self._condemned.remove()
            events = dict(self._core.index.scan(Table.META, GARBAGE))
            if not events or self._would_be_in_vain(set(events)):
                return replace(self.last, condemned=0, removed=removed)
            self.last = replace(self._collect(events, going), removed=removed)
            return self.last

    def _would_be_in_vain(self, events: set[bytes]) -> bool:
        """Whether nothing has happened since all that was left to do was prevented by leases."""
        before, leases = self._in_vain
        return events == before and leases <= self._core.leases.alive()

    def _collect(self, events: dict[bytes, bytes], going: Going) -> Collected:
        core = self._core
        leases = core.leases.alive()
        with core.leases.watching() as held:
            packs = [(pack, row) for pack, row in core.chunks.packs() if not row.condemned]
            found = list(_roots(core))
            collected = self._condemn(packs, mark(core, found, going), held, going)
            done = not collected.left
            for scope in {UUID(bytes=value) for value in events.values()} - {NO_SCOPE}:
                own = [root for root in found if root.holder.scope == scope]
                done &= sweep(core, scope, mark(core, own, going), held, going)
        if done:
            _forget(core, events)
        self._in_vain = (set(), set()) if done else (set(events), leases)
        return collected

    def _condemn(
        self, packs: Sequence[tuple[PackId, PackRow]], live: Mark, held: Collection[PackId], going: Going
    ) -> Collected:
        size = garbage = condemned = left = 0
        for pack, row in packs:
            going()
            try:
                entries = read_entries(self._core.store, row.kind, pack, row.size)
            except PackDamaged:
                # What is in it cannot be told: that is for a scrub.
                continue
            size += row.size
            dead, alive = _dead(entries, live)
            gone = not alive and self._condemned.condemn(pack, row, entries, held)
            condemned += row.size if gone else 0
            garbage += 0 if gone else dead
            left += not (alive or gone)
        return Collected(len(packs), size, garbage, condemned, 0, left)


def _dead(entries: bytes, live: Mark) -> tuple[int, bool]:
    """Bytes of dead records with their entries, and whether any record is alive."""
    rows = np.frombuffer(entries, ENTRIES)
    alive = live.alive(rows["kind"], rows["domain"], rows["name"])
    dead = rows["stored_length"][~alive]
    return int(dead.sum()) + len(dead) * (HEADER_SIZE + ENTRY_SIZE), bool(alive.any())


def _roots(core: Core) -> Iterator[Root]:
    """All roots that are not given up, and those that a lease holds.

    The files are the truth, not their rows. Raises CollectionStopped for one that cannot be read.
    """
    held = core.leases.held_roots()
    parsed = [roots.parse_object_name(info.name) for info in core.store.list(f"{roots.FOLDER}/")]
    released = {root for root, marker in filter(None, parsed) if marker}
    for root, marker in filter(None, parsed):
        data = None if marker or root in released - held else core.store.read(roots.object_name(root))
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
