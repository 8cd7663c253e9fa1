"""Bad records are put aside: they count as missing at once, so that the next push of the same bytes brings them again.

A marker beside the pack says which they are, for whoever makes the index again (FORMAT.md section 7).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import numpy as np

from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.packs import bad
from galleria_storage.packs.arrays import ENTRIES
from galleria_storage.packs.format import DATA, HEADER_SIZE, PAGES, PackId
from galleria_storage.packs.reader import Domains, entries_or_salvage, salvage_entries
from galleria_storage.records import CHUNK, records_in
from galleria_storage.volume import identity
from galleria_storage.volume.core import Core
from galleria_storage.volume.leases import GARBAGE, NO_SCOPE
from galleria_storage.volume.pages import expanded
from galleria_storage.volume.places import Places, keys_and_rows, read_together
from galleria_storage.volume.rows import ChunkRow, chunk_key, pack_key

DOUBTFUL: Final = b"doubtful"
"""Keys in META begin with it that name packs to be rewritten."""
_ROWS_AT_ONCE: Final = 4096
_TRIES: Final = 2
_OTHERS: Final = 8
"""Packs that are asked, at least, when one cannot be read."""

Going = Callable[[], None]


class Quarantine:
    """Puts bad records of a volume aside. Safe for many threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def put_aside(self, kind: int, pack: PackId, entries: bytes) -> int:
        """Let a pack's records of these footer entries count as missing, durably; how many they are.

        0 if the pack is none of the volume's any more: then only rows that name it still are taken out. Raises
        StoreFull, StoreFailed.
        """
        core, name = self._core, pack.object_name(kind) + bad.BAD
        keys, rows = keys_and_rows(pack, entries)
        with core.alone():
            self._take_out(kind, pack, zip(keys, rows, strict=True))
            if core.chunks.standing(pack, kind) is None:
                return 0
            offsets = bad.read(core.store, name) | set(np.frombuffer(entries, ENTRIES)["offset"].tolist())
            core.store.replace(name, bad.encode(offsets))
        return len(keys)

    def take_back(self, kind: int, pack: PackId, entries: bytes) -> int:
        """Make records of these footer entries, which are good, visible where no other is.

        Returns how many counted as missing; 0, and nothing done, if the pack is none of the volume's any more. Raises
        StoreFull, StoreFailed.
        """
        core, name = self._core, pack.object_name(kind) + bad.BAD
        keys, rows = keys_and_rows(pack, entries)
        with core.alone():
            if core.chunks.standing(pack, kind) is None:
                return 0
            offsets = bad.read(core.store, name)
            if offsets:
                left = offsets - set(np.frombuffer(entries, ENTRIES)["offset"].tolist())
                core.store.replace(name, bad.encode(left))
            found = core.index.get(Table.CHUNKS, keys)
            back = {key: row for key, row, value in zip(keys, rows, found, strict=True) if value is None}
            batch = Batch()
            for key, row in back.items():
                batch.put(Table.CHUNKS, key, row)
            core.chunks.hide(batch, pack, -len(back))
            core.index.apply(batch)
            return core.damage.came(back)

    def recount(self, kind: int, pack: PackId, footer: bytes) -> None:
        """Count a pack's records again: more can be read now than when its row was made. Raises StoreFailed."""
        core = self._core
        keys, rows = keys_and_rows(pack, footer)
        with core.alone():
            row = core.chunks.standing(pack, kind)
            if row is not None:
                found = core.index.get(Table.CHUNKS, keys)
                hidden = sum(value != own for value, own in zip(found, rows, strict=True))
                batch = Batch()
                batch.put(Table.PACKS, pack_key(pack), row._replace(records=len(keys), hidden=hidden).encode())
                core.index.apply(batch)

    def examine(self, kind: int, domain: int, names: Sequence[bytes]) -> None:
        """Look at the records of names that could not be read: those that are bad are put aside.

        Names without one count as missing. Where the place is at fault nothing is put aside. Never raises for what it
        finds.
        """
        with self._core.alone():
            self._core.damage.note_absent([chunk_key(kind, domain, name) for name in dict.fromkeys(names)])
        places = self._core.chunks.places(kind, domain, list(dict.fromkeys(names)))
        for number in np.unique(places.packs):
            within = places[places.packs == number]
            try:
                self._examine(kind, domain, within)
            except StorageError:
                continue

    def salvage(self, kind: int, pack: PackId, going: Going = lambda: None) -> bytes | None:
        """Footer entries of the good records of a pack whose header or footer is damaged; its other rows go.

        None if the pack is gone: then nothing names it any more. `going` is called all the time and may raise. Raises
        StoreFailed where the place is at fault.
        """
        core, gone, entries = self._core, self._is_gone(kind, pack), b""
        row = core.chunks.standing(pack, kind)
        if not gone and row is not None:
            with suppress(StoreFailed):
                entries = salvage_entries(core.store, kind, pack, core.rule, row.size, going, core.domains())
        if not entries:
            self.blame(kind, pack)
        self._take_out_but(kind, pack, entries, going)
        if gone:
            self._forget(kind, pack)
        return None if gone else entries

    def blame(self, kind: int, pack: PackId) -> None:
        """Raises StoreFailed unless it is the pack that cannot be read, and not its place."""
        store, name = self._core.store, pack.object_name(kind)
        names = [other.object_name(kind) for other, row in self._core.chunks.packs() if row.kind == kind]
        others = [other for other in names if other != name]
        # A medium that is not mounted has no identity either; one that fails has it in memory still.
        told = [identity.OBJECT] if self._is_gone(kind, pack) or not others else []
        failure = errno.ENOENT
        for other in told or [name, *others[:: max(1, len(others) // _OTHERS)]]:
            try:
                if store.read(other, 0, HEADER_SIZE) is not None:
                    return
            except StoreFailed as error:
                failure = error.errno
        # One that a collection removes meanwhile is nobody's fault.
        if self._core.chunks.standing(pack, kind) is not None:
            raise StoreFailed(name, "reading", failure)

    def distrust(self, kind: int, pack: PackId) -> None:
        """Let the next collection rewrite a pack, as its header or footer is damaged."""
        with self._core.alone():
            if self._core.chunks.standing(pack, kind) is not None:
                batch = Batch()
                batch.put(Table.META, DOUBTFUL + pack_key(pack), b"")
                batch.put(Table.META, GARBAGE + pack_key(pack), NO_SCOPE.bytes)
                self._core.index.apply(batch)

    def distrusts(self, pack: PackId) -> bool:
        """Whether a pack is to be rewritten."""
        return self._core.index.get(Table.META, [DOUBTFUL + pack_key(pack)])[0] is not None

    def _is_gone(self, kind: int, pack: PackId) -> bool:
        try:
            return self._core.store.read(pack.object_name(kind), 0, HEADER_SIZE) is None
        except StoreFailed:
            return False

    def _forget(self, kind: int, pack: PackId) -> None:
        batch = Batch()
        batch.delete(Table.PACKS, pack_key(pack))
        batch.delete(Table.META, DOUBTFUL + pack_key(pack))
        self._core.index.apply(batch)
        self._core.store.delete(pack.object_name(kind) + bad.BAD)

    def _take_out_but(self, kind: int, pack: PackId, entries: bytes, going: Going) -> None:
        """Take out all rows that name a pack but those of these entries."""
        core, good = self._core, dict(zip(*keys_and_rows(pack, entries), strict=True))
        row = core.chunks.standing(pack, kind)
        found = core.index.get(Table.CHUNKS, list(good))
        named = sum(value == expected for value, expected in zip(found, good.values(), strict=True))
        # Looking through the whole table takes minutes, and is for a pack that has lost something only.
        if row is None or named == row.records - row.hidden:
            return
        lost = (found for found in self._rows_of(pack, going) if good.get(found[0]) != found[1])
        while some := list(islice(lost, _ROWS_AT_ONCE)):
            with core.alone():
                self._take_out(kind, pack, some)

    def _rows_of(self, pack: PackId, going: Going) -> Iterator[tuple[bytes, bytes]]:
        for number, (key, value) in enumerate(self._core.index.scan(Table.CHUNKS)):
            if not number % _ROWS_AT_ONCE:
                going()
            if ChunkRow.decode(value).pack == pack:
                yield key, value

    def _take_out(self, kind: int, pack: PackId, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Take chunk rows that are still these out."""
        core = self._core
        expected = list(rows)
        found = core.index.get(Table.CHUNKS, [key for key, _ in expected])
        lost = [key for (key, row), value in zip(expected, found, strict=True) if value == row]
        batch = Batch()
        for key in lost:
            batch.delete(Table.CHUNKS, key)
        if core.chunks.standing(pack, kind) is not None:
            core.chunks.hide(batch, pack, len(lost))
            batch.put(Table.META, GARBAGE + pack_key(pack), NO_SCOPE.bytes)
        if lost:
            core.damage.note(batch, lost, pack)
        core.index.apply(batch)

    def _examine(self, kind: int, domain: int, places: Places) -> None:
        lost = [i for i in range(len(places)) if not self._is_good(places[i : i + 1])]
        if lost:
            pack = PackId(int(places.rows["epoch"][0]), int(places.rows["number"][0]))
            folder = DATA if kind == CHUNK else PAGES
            self.blame(folder, pack)
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


def usable_entries(core: Core, kind: int, pack: PackId, size: int, domains: Domains) -> tuple[bytes, bytes]:
    """Footer entries of a pack's records that may be used, and of those put aside. Raises StoreFailed.

    Where the footer is damaged records of these domains may be.
    """
    aside = bad.read(core.store, pack.object_name(kind) + bad.BAD)
    encoded = entries_or_salvage(core.store, kind, pack, size, core.rule, domains)
    if not aside:
        return encoded, b""
    entries = np.frombuffer(encoded, ENTRIES)
    put_aside = np.isin(entries["offset"], list(aside))
    return entries[~put_aside].tobytes(), entries[put_aside].tobytes()


def _whole(data: memoryview, core: Core) -> bool:
    return all(expanded(record) is not None for record in records_in(data, core.rule))
