"""Packs on their way out: their records count as missing, their bytes are not yet gone (FORMAT.md section 7)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from galleria_storage.index.store import Batch, Index, Table
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.arrays import ENTRIES, by_name
from galleria_storage.packs.bad import BAD
from galleria_storage.packs.format import CONDEMNED, EMPTY_SIZE, ENTRY_SIZE, FOLDERS, PackId, parse_object_name
from galleria_storage.packs.reader import entries_or_salvage
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.volume.core import Core
from galleria_storage.volume.marking import Mark
from galleria_storage.volume.own_packs import is_own
from galleria_storage.volume.places import keys_and_rows
from galleria_storage.volume.quarantine import DOUBTFUL
from galleria_storage.volume.rows import HOME, PackRow, home_of, pack_key
from galleria_storage.volume.scrubbing import SCRUBBED

_MAX_EPOCH: Final = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class _Going:
    kind: int
    size: int
    epoch: int
    since: float


class CondemnedPacks:
    """The condemned packs of a volume. Safe for many threads; opening calls `heed_markers` first.

    Whatever leases say, a pack stays for `minimum` seconds after it was condemned, or first seen to be.
    """

    def __init__(self, core: Core, minimum: float) -> None:
        self._core = core
        self._minimum = minimum
        self._lock = threading.Lock()
        self._going: dict[PackId, _Going] = {}

    @property
    def size(self) -> int:
        """Bytes of packs that are condemned and not yet removed."""
        with self._lock:
            return sum(going.size for going in self._going.values())

    @property
    def oldest(self) -> float | None:
        """When the oldest was condemned or first seen, in seconds since 1970."""
        with self._lock:
            return min((going.since for going in self._going.values()), default=None)

    def condemn(self, pack: PackId, row: PackRow, entries: bytes, live: Mark, held: Collection[PackId]) -> bool:
        """Let the records of a pack count as missing from now on, durably.

        False, and nothing done, if it is among those `held`, or if something alive is found in it and nowhere else: a
        record is kept, good or bad, until there is a good one that readers find.
        `entries` are those of its footer. Raises StoreFailed.
        """
        records = by_name(np.frombuffer(entries, ENTRIES))
        alive = live.alive(records["kind"], records["domain"], records["name"]).tolist()
        keys, _ = keys_and_rows(pack, records)
        with self._core.alone():
            if pack in held or self._core.damage.is_last_resort(pack, whole=_whole(row, entries)):
                return False
            batch = Batch()
            own = home_of(pack)
            for key, value, needed in zip(keys, self._core.index.get(Table.CHUNKS, keys), alive, strict=True):
                here = value is not None and value[HOME] == own
                if needed and (here or value is None):
                    return False
                if here:
                    batch.delete(Table.CHUNKS, key)
            row = row._replace(condemned=self._core.leases.epoch())
            self._put(batch, pack, row)
            # The marker is for who makes the index again, and comes after the batch: what a compaction moved must be
            # found at its new place before the old one may be forgotten.
            self._mark(pack, row)
        self._note(pack, row)
        return True

    def remove(self, going: Callable[[], None]) -> int:
        """Remove the packs that nobody can need any more; returns their bytes. `going` is called before each."""
        oldest, now = self._core.leases.oldest_epoch(), self._core.clock()
        with self._lock:
            due = [
                (pack, condemned)
                for pack, condemned in self._going.items()
                if (oldest is None or oldest > condemned.epoch) and now - condemned.since >= self._minimum
            ]
        for pack, condemned in due:
            going()
            self._drop(pack, condemned.kind)
        return sum(condemned.size for _, condemned in due)

    def heed_markers(self) -> None:
        """Go on with every pack that has a marker or a row that says so; for opening."""
        rows = {pack: row for pack, row in self._core.chunks.packs() if row.condemned}
        for kind, folder in FOLDERS.items():
            sizes = {info.name: info.size for info in self._core.store.list(f"{folder}/")}
            marked = {pack for name in sizes if (pack := _marked_by(name)) is not None}
            for pack in marked | {pack for pack, row in rows.items() if row.kind == kind}:
                size = sizes.get(pack.object_name(kind))
                if size is None:
                    self._drop(pack, kind)
                elif pack in rows or is_own(self._core.store, self._core.identity, kind, pack):
                    self._heed(pack, rows.get(pack) or self._remade(kind, pack, size), marked)

    def _heed(self, pack: PackId, row: PackRow, marked: Collection[PackId]) -> None:
        if pack not in marked:
            self._mark(pack, row)
        self._note(pack, row)

    def _remade(self, kind: int, pack: PackId, size: int) -> PackRow:
        """The row of a condemned pack in an index that was made again."""
        stated = int.from_bytes(self._core.store.read(_marker(kind, pack), 0, 4) or b"", "little")
        # One that leaves no epochs to come is damaged. Whose leases it meant does not matter: they went with the index.
        epoch = stated if 0 < stated <= _MAX_EPOCH else self._core.leases.epoch()
        entries = entries_or_salvage(self._core.store, kind, pack, size, self._core.rule, self._core.domains())
        row = PackRow(kind, size, len(entries) // ENTRY_SIZE, epoch)
        self._put(Batch(), pack, row)
        return row

    def _put(self, batch: Batch, pack: PackId, row: PackRow) -> None:
        batch.put(Table.PACKS, pack_key(pack), row.encode())
        self._core.leases.begin_epoch(batch, row.condemned + 1)
        self._core.index.apply(batch)

    def _mark(self, pack: PackId, row: PackRow) -> None:
        self._core.store.replace(_marker(row.kind, pack), row.condemned.to_bytes(4, "little"))

    def _note(self, pack: PackId, row: PackRow) -> None:
        with self._lock:
            self._going[pack] = _Going(row.kind, row.size, row.condemned, self._core.clock())

    def _drop(self, pack: PackId, kind: int) -> None:
        # The marker goes last: as long as there is a pack or a row, neither must come back to life.
        self._core.store.delete(pack.object_name(kind))
        self._core.store.delete(pack.object_name(kind) + BAD)
        batch = Batch()
        batch.delete(Table.PACKS, pack_key(pack))
        batch.delete(Table.META, DOUBTFUL + pack_key(pack))
        batch.delete(Table.META, SCRUBBED + pack_key(pack))
        self._core.index.apply(batch)
        self._core.store.delete(_marker(kind, pack))
        with self._lock:
            self._going.pop(pack, None)


def _whole(row: PackRow, entries: bytes) -> bool:
    """Whether the entries leave no byte of a pack's records out."""
    lengths = np.frombuffer(entries, ENTRIES)["stored_length"].astype(np.int64) + RECORD_HEADER + ENTRY_SIZE
    return int(lengths.sum()) == row.size - EMPTY_SIZE


def _marker(kind: int, pack: PackId) -> str:
    return pack.object_name(kind) + CONDEMNED


def _marked_by(name: str) -> PackId | None:
    """The pack whose marker an object is, if it is one."""
    parsed = parse_object_name(name.removesuffix(CONDEMNED)) if name.endswith(CONDEMNED) else None
    return None if parsed is None else parsed[1]


def contradicted(store: ObjectStore, index: Index) -> bool:
    """Whether the index knows nothing of a pack's marker: then it is an older one, and must be made again."""
    names = (info.name for folder in FOLDERS.values() for info in store.list(f"{folder}/"))
    marked = [pack for name in names if (pack := _marked_by(name)) is not None]
    rows = index.get(Table.PACKS, [pack_key(pack) for pack in marked])
    return any(row is not None and not PackRow.decode(row).condemned for row in rows)
