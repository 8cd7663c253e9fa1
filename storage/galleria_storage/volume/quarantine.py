"""Bad records are put aside: they count as missing at once, so that the next push of the same bytes brings them again.

A marker beside the pack says which they are, for whoever makes the index again (FORMAT.md section 7).
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

import numpy as np

from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.packs import bad
from galleria_storage.packs.arrays import ENTRIES
from galleria_storage.packs.format import DATA, HEADER_SIZE, PAGES, PackId
from galleria_storage.packs.reader import entries_or_salvage, salvage_entries
from galleria_storage.records import CHUNK, records_in
from galleria_storage.volume import identity
from galleria_storage.volume.core import Core
from galleria_storage.volume.leases import GARBAGE, NO_SCOPE
from galleria_storage.volume.pages import expanded
from galleria_storage.volume.places import Places, keys_and_rows, read_together
from galleria_storage.volume.rows import ChunkRow, pack_key

DOUBTFUL: Final = b"doubtful"
"""Keys in META begin with it that name packs to be rewritten."""
_ROWS_AT_ONCE: Final = 4096
_TRIES: Final = 2


class Quarantine:
    """Puts bad records of a volume aside. Safe for many threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def put_aside(self, kind: int, pack: PackId, entries: bytes) -> int:
        """Let a pack's records of these footer entries count as missing, durably; how many of them were visible.

        Raises StoreFull, StoreFailed.
        """
        keys, rows = keys_and_rows(pack, entries)
        with self._core.alone():
            visible = self._take_out(pack, zip(keys, rows, strict=True))
            name = pack.object_name(kind) + bad.BAD
            offsets = bad.read(self._core.store, name) | set(np.frombuffer(entries, ENTRIES)["offset"].tolist())
            self._core.store.replace(name, bad.encode(offsets))
        return visible

    def take_back(self, kind: int, pack: PackId, entries: bytes) -> int:
        """Make records of these footer entries, which are good, visible where no other is; how many of them were not.

        Raises StoreFull, StoreFailed.
        """
        core, name = self._core, pack.object_name(kind) + bad.BAD
        keys, rows = keys_and_rows(pack, entries)
        with core.alone():
            offsets = bad.read(core.store, name)
            if offsets:
                left = offsets - set(np.frombuffer(entries, ENTRIES)["offset"].tolist())
                core.store.replace(name, bad.encode(left))
            batch, count = Batch(), 0
            for key, row, value in zip(keys, rows, core.index.get(Table.CHUNKS, keys), strict=True):
                if value is None:
                    batch.put(Table.CHUNKS, key, row)
                    count += 1
            core.chunks.hide(batch, pack, -count)
            core.index.apply(batch)
        return count

    def examine(self, kind: int, domain: int, names: Sequence[bytes]) -> None:
        """Look at the records of names that could not be read, and put aside those that are bad.

        Where nothing of a pack can be read the place is at fault, and nothing is put aside. Never raises for what it
        finds.
        """
        places = self._core.chunks.places(kind, domain, list(dict.fromkeys(names)))
        for number in np.unique(places.packs):
            within = places[places.packs == number]
            try:
                self._examine(kind, domain, within)
            except StorageError:
                continue

    def salvage(self, kind: int, pack: PackId) -> bytes | None:
        """Footer entries of the good records of a pack whose footer is not to be trusted; its other rows go.

        None if the pack is gone: then nothing names it any more. Raises StoreFailed where nothing of it can be read,
        or nothing of the whole volume: a medium that is not mounted has lost no pack.
        """
        store = self._core.store
        gone = store.read(pack.object_name(kind), 0, HEADER_SIZE) is None
        if gone and store.read(identity.OBJECT) is None:
            raise StoreFailed(pack.object_name(kind), "reading", errno.ENOENT)
        entries = b"" if gone else salvage_entries(store, kind, pack, self._core.rule)
        good = set(zip(*keys_and_rows(pack, entries), strict=True))
        rows = (row for row in self._core.index.scan(Table.CHUNKS) if ChunkRow.decode(row[1]).pack == pack)
        lost = (row for row in rows if row not in good)
        while some := list(islice(lost, _ROWS_AT_ONCE)):
            with self._core.alone():
                self._take_out(pack, some)
        if gone:
            self._forget(kind, pack)
        return None if gone else entries

    def distrust(self, pack: PackId) -> None:
        """Let the next collection rewrite a pack, as its header or footer is damaged."""
        batch = Batch()
        batch.put(Table.META, DOUBTFUL + pack_key(pack), b"")
        batch.put(Table.META, GARBAGE + pack_key(pack), NO_SCOPE.bytes)
        self._core.index.apply(batch)

    def distrusts(self, pack: PackId) -> bool:
        """Whether a pack is to be rewritten."""
        return self._core.index.get(Table.META, [DOUBTFUL + pack_key(pack)])[0] is not None

    def _forget(self, kind: int, pack: PackId) -> None:
        batch = Batch()
        batch.delete(Table.PACKS, pack_key(pack))
        batch.delete(Table.META, DOUBTFUL + pack_key(pack))
        self._core.index.apply(batch)
        self._core.store.delete(pack.object_name(kind) + bad.BAD)

    def _take_out(self, pack: PackId, rows: Iterable[tuple[bytes, bytes]]) -> int:
        """Take chunk rows that are still these out; how many there were."""
        core = self._core
        expected = list(rows)
        found = core.index.get(Table.CHUNKS, [key for key, _ in expected])
        lost = [key for (key, row), value in zip(expected, found, strict=True) if value == row]
        batch = Batch()
        for key in lost:
            batch.delete(Table.CHUNKS, key)
        core.chunks.hide(batch, pack, len(lost))
        if lost:
            core.damage.note(batch, lost, pack)
        batch.put(Table.META, GARBAGE + pack_key(pack), NO_SCOPE.bytes)
        core.index.apply(batch)
        return len(lost)

    def _examine(self, kind: int, domain: int, places: Places) -> None:
        pack = PackId(int(places.rows["epoch"][0]), int(places.rows["number"][0]))
        folder = DATA if kind == CHUNK else PAGES
        if self._core.store.read(pack.object_name(folder), 0, HEADER_SIZE) is None:
            self.salvage(folder, pack)
            return
        lost = [i for i in range(len(places)) if not self._is_good(places[i : i + 1])]
        if lost:
            chosen = places[np.array(lost)]
            entries = np.frombuffer(chosen.entries(domain, 0), ENTRIES).copy()
            entries["offset"] = chosen.starts
            self.put_aside(folder, pack, entries.tobytes())

    def _is_good(self, place: Places) -> bool:
        for _ in range(_TRIES):
            try:
                loaded, lost = read_together(self._core.store, place)
            except StorageError:
                continue
            return not lost and all(_whole(run.data, self._core) for run in loaded)
        return False


def usable_entries(core: Core, kind: int, pack: PackId, size: int) -> tuple[bytes, bytes]:
    """Footer entries of a pack's records that may be used, and of those put aside. Raises StoreFailed."""
    aside = bad.read(core.store, pack.object_name(kind) + bad.BAD)
    encoded = entries_or_salvage(core.store, kind, pack, size, core.rule)
    if not aside:
        return encoded, b""
    entries = np.frombuffer(encoded, ENTRIES)
    put_aside = np.isin(entries["offset"], list(aside))
    return entries[~put_aside].tobytes(), entries[put_aside].tobytes()


def _whole(data: memoryview, core: Core) -> bool:
    return all(expanded(record) is not None for record in records_in(data, core.rule))
