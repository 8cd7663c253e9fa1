"""Packs on their way out: their records count as missing, their bytes are not yet gone (FORMAT.md section 7)."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from galleria_storage.index.store import Batch, Table
from galleria_storage.packs.format import CONDEMNED, FOLDERS, PackId, parse_object_name
from galleria_storage.packs.reader import entries_or_salvage
from galleria_storage.volume.core import Core
from galleria_storage.volume.places import keys_and_rows
from galleria_storage.volume.rows import ChunkRow, PackRow, pack_key


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

    def condemn(self, pack: PackId, row: PackRow, entries: bytes, held: Collection[PackId]) -> bool:
        """Let the records of a pack count as missing from now on, durably; False if it is among those `held`.

        `entries` are those of its footer. Raises StoreFailed.
        """
        core = self._core
        with core.alone():
            if pack in held:
                return False
            epoch = core.leases.epoch()
            core.store.replace(_marker(row.kind, pack), epoch.to_bytes(4, "little"))
            self._take_out(pack, row, entries, epoch)
        self._note(pack, row, epoch)
        return True

    def remove(self) -> int:
        """Remove the packs that nobody can need any more; returns their bytes."""
        oldest, now = self._core.leases.oldest_epoch(), self._core.clock()
        with self._lock:
            due = [
                (pack, going)
                for pack, going in self._going.items()
                if (oldest is None or oldest > going.epoch) and now - going.since >= self._minimum
            ]
        for pack, going in due:
            self._drop(pack, going.kind)
        return sum(going.size for _, going in due)

    def heed_markers(self) -> None:
        """Note every pack that has a marker, and end what a crash has cut off; for opening."""
        for kind, folder in FOLDERS.items():
            sizes = {info.name: info.size for info in self._core.store.list(f"{folder}/")}
            for name in sizes:
                parsed = parse_object_name(name.removesuffix(CONDEMNED)) if name.endswith(CONDEMNED) else None
                if parsed is not None:
                    self._heed(kind, parsed[1], name, sizes.get(name.removesuffix(CONDEMNED)))

    def _heed(self, kind: int, pack: PackId, marker: str, size: int | None) -> None:
        if size is None:
            self._drop(pack, kind)
            return
        core = self._core
        epoch = int.from_bytes((core.store.read(marker) or b"")[:4], "little")
        value = core.index.get(Table.PACKS, [pack_key(pack)])[0]
        row = PackRow(kind, size, 0, 0) if value is None else PackRow.decode(value)
        if not row.condemned:
            entries = entries_or_salvage(core.store, kind, pack, size, core.rule)
            self._take_out(pack, row, entries, epoch)
        self._note(pack, row, epoch)

    def _take_out(self, pack: PackId, row: PackRow, entries: bytes, epoch: int) -> None:
        keys, _ = keys_and_rows(pack, entries)
        batch = Batch()
        for key, value in zip(keys, self._core.index.get(Table.CHUNKS, keys), strict=True):
            if value is not None and ChunkRow.decode(value).pack == pack:
                batch.delete(Table.CHUNKS, key)
        condemned = PackRow(row.kind, row.size, len(keys), epoch)
        batch.put(Table.PACKS, pack_key(pack), condemned.encode())
        self._core.leases.begin_epoch(batch, epoch + 1)
        self._core.index.apply(batch)

    def _note(self, pack: PackId, row: PackRow, epoch: int) -> None:
        with self._lock:
            self._going[pack] = _Going(row.kind, row.size, epoch, self._core.clock())

    def _drop(self, pack: PackId, kind: int) -> None:
        # The marker goes last: as long as there is a pack or a row, neither must come back to life.
        self._core.store.delete(pack.object_name(kind))
        batch = Batch()
        batch.delete(Table.PACKS, pack_key(pack))
        self._core.index.apply(batch)
        self._core.store.delete(_marker(kind, pack))
        with self._lock:
            self._going.pop(pack, None)


def _marker(kind: int, pack: PackId) -> str:
    return pack.object_name(kind) + CONDEMNED
