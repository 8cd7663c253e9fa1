"""Scrub: everything that is stored is read again, what was looked at longest ago first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import numpy as np

from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.packs import bad
from galleria_storage.packs.arrays import ENTRIES, Rows, Truths, good_records
from galleria_storage.packs.format import ENTRY_SIZE, HEADER_SIZE, PackDamaged, PackId, check_header
from galleria_storage.packs.reader import read_allowed_entries
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.records import records_in
from galleria_storage.volume.core import Core
from galleria_storage.volume.pages import expanded
from galleria_storage.volume.places import keys_and_rows
from galleria_storage.volume.quarantine import Quarantine
from galleria_storage.volume.root_scrubbing import scrub_roots
from galleria_storage.volume.rows import PackRow, pack_key, pack_of

SCRUBBED: Final = b"scrubbed"
"""Keys in META begin with it that say when a pack was last looked at, in milliseconds since 1970."""
_READ: Final = 2 << 20
_NOTED_AT_ONCE: Final = 8
"""Packs: each note waits for the disk, and those that a crash leaves unnoted are only looked at again."""


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a scrub has looked at and found so far.

    Attributes:
        packs: packs looked at.
        total_packs: those there are to look at, with these.
        size: bytes read.
        bad: records that are damaged and count as missing from now on.
        healed: records that counted as missing, but are good after all.
        damaged: packs with a damaged header or footer, which the next collection rewrites.
        lost: packs that are gone.
        roots: ids of roots whose files cannot be read, or are gone.
    """

    packs: int = 0
    total_packs: int = 0
    size: int = 0
    bad: int = 0
    healed: int = 0
    damaged: int = 0
    lost: int = 0
    roots: tuple[UUID, ...] = ()


Report = Callable[[Scrubbed], None]
Going = Callable[[], None]


class Scrubber:
    """Scrubs the packs and root files of a volume. Several scrubs may run at once."""

    def __init__(self, core: Core, quarantine: Quarantine) -> None:
        self._core = core
        self._quarantine = quarantine

    def scrub(self, report: Report, *, names: bool = False, before: float | None = None) -> Scrubbed:
        """Look at every root and pack that was last looked at `before` a time in seconds since 1970, or at all of them.

        Records are held against their checks, with `names` also against their names, which means expanding them. What
        is bad is put aside. `report` gets the figures after every root and every 2 MiB or so; it may wait, to bound the
        rate, or raise to stop: the next scrub goes on where this one was. Raises StoreFailed where the place fails.
        """
        due = self._due(before)
        found = Scrubbed(total_packs=len(due))

        def going() -> None:
            report(found)

        for root in scrub_roots(self._core, before):
            found = replace(found, size=found.size + root.size, roots=found.roots + (() if root.good else (root.id,)))
            report(found)
        done: list[PackId] = []
        try:
            for pack, row in due:
                for step in self._look(pack, row, going, names=names):
                    found = _sum(found, step)
                    report(found)
                done.append(pack)
                if len(done) == _NOTED_AT_ONCE:
                    self._note(done)
                    done = []
        finally:
            self._note(done)
        return found

    @property
    def oldest(self) -> float | None:
        """When the pack was looked at whose turn is next, in seconds since 1970, 0 for never; None without packs."""
        times = self._times()
        packs = [times.get(pack, 0) for pack, row in self._core.chunks.packs() if not row.condemned]
        return min(packs) / 1000 if packs else None

    def _times(self) -> dict[PackId, int]:
        rows = self._core.index.scan(Table.META, SCRUBBED)
        return {pack_of(key[len(SCRUBBED) :]): int.from_bytes(value, "little") for key, value in rows}

    def _due(self, before: float | None) -> list[tuple[PackId, PackRow]]:
        times = self._times()
        due = [
            (times.get(pack, 0), pack, row)
            for pack, row in self._core.chunks.packs()
            if not row.condemned and (before is None or times.get(pack, 0) < before * 1000)
        ]
        return [(pack, row) for _, pack, row in sorted(due)]

    def _note(self, packs: Sequence[PackId]) -> None:
        # A pack that has gone meanwhile must not leave a row behind.
        with self._core.alone():
            keys = [pack_key(pack) for pack in packs]
            batch = Batch()
            for key, row in zip(keys, self._core.index.get(Table.PACKS, keys), strict=True):
                if row is not None:
                    batch.put(Table.META, SCRUBBED + key, self._core.now_ms().to_bytes(8, "little"))
            if len(batch):
                self._core.index.apply(batch)

    def _look(self, pack: PackId, row: PackRow, going: Going, *, names: bool) -> Iterator[Scrubbed]:
        store, name = self._core.store, pack.object_name(row.kind)
        try:
            check_header(store.read(name, 0, HEADER_SIZE) or b"", self._core.identity.id.bytes, pack, row.kind)
            entries = read_allowed_entries(store, row.kind, pack, row.size, self._core.rule)
        except (PackDamaged, StoreFailed):
            yield self._doubt(pack, row, going)
            return
        aside, unknown = bad.read(store, name + bad.BAD), row.records != len(entries) // ENTRY_SIZE
        if unknown:
            self._quarantine.recount(row.kind, pack, entries)
        for part in _parts(np.frombuffer(entries, ENTRIES)):
            good = self._good(name, part, going, names=names)
            # Those put aside before are no news.
            lost = part[~good & ~np.isin(part["offset"], list(aside))]
            put_aside = self._put_aside(pack, row.kind, lost) if len(lost) else 0
            # Without a hidden record every row is there; an index made again may not know of all that are.
            back = self._take_back(pack, row.kind, part[good], going) if row.hidden or unknown else 0
            yield Scrubbed(size=_length(part), bad=put_aside, healed=back)
        yield Scrubbed(packs=1)

    def _put_aside(self, pack: PackId, kind: int, lost: Rows) -> int:
        if self._core.chunks.standing(pack, kind) is None:
            return 0
        self._quarantine.blame(kind, pack)
        return self._quarantine.put_aside(kind, pack, lost.tobytes())

    def _take_back(self, pack: PackId, kind: int, part: Rows, going: Going) -> int:
        """Make records visible that are good after all, and that no row names; how many of them counted as missing."""
        keys, _ = keys_and_rows(pack, part.tobytes())
        rows = self._core.index.get(Table.CHUNKS, keys)
        orphans = part[np.array([row is None for row in rows], np.bool_)]
        name = pack.object_name(kind)
        whole = [entry for entry in _each(orphans) if self._good(name, entry, going, names=True)]
        return self._quarantine.take_back(kind, pack, np.concatenate(whole).tobytes()) if whole else 0

    def _doubt(self, pack: PackId, row: PackRow, going: Going) -> Scrubbed:
        """A pack whose header or footer is not what it should be."""
        # Collection may have removed it meanwhile.
        if self._core.chunks.standing(pack, row.kind) is None:
            return Scrubbed(packs=1)
        entries = self._quarantine.salvage(row.kind, pack, going)
        if entries is None:
            return Scrubbed(packs=1, lost=1)
        self._quarantine.distrust(row.kind, pack)
        if len(entries) // ENTRY_SIZE > row.records:
            self._quarantine.recount(row.kind, pack, entries)
        back = self._take_back(pack, row.kind, np.frombuffer(entries, ENTRIES), going)
        return Scrubbed(packs=1, damaged=1, healed=back)

    def _good(self, name: str, part: Rows, going: Going, *, names: bool) -> Truths:
        """Which records of a part of a pack are good; what cannot be read as a whole is read in halves."""
        going()
        start = int(part["offset"][0])
        try:
            data = memoryview(self._core.store.read(name, start, _length(part)) or b"")
        except StoreFailed:
            if len(part) == 1:
                return np.zeros(1, np.bool_)
            halves = np.array_split(part, 2)
            return np.concatenate([self._good(name, half, going, names=names) for half in halves])
        starts = part["offset"].astype(np.int64) - start
        ends = starts + part["stored_length"] + RECORD_HEADER
        good = good_records(data, starts, ends, int(part["kind"][0]), part["name"], part)
        for i in np.flatnonzero(good) if names else ():
            good[i] = _has_its_name(data[starts[i] : ends[i]], self._core)
        return good


def _has_its_name(record: memoryview, core: Core) -> bool:
    try:
        return all(expanded(found) is not None for found in records_in(record, core.rule))
    except StorageError:
        return False


def _parts(entries: Rows) -> Iterator[Rows]:
    """A footer's entries by about 2 MiB of records; they lie without gaps."""
    if len(entries):
        borders = np.flatnonzero(np.diff(entries["offset"] // _READ)) + 1
        yield from np.split(entries, borders)


def _each(entries: Rows) -> Iterator[Rows]:
    return (entries[i : i + 1] for i in range(len(entries)))


def _length(part: Rows) -> int:
    last = part[-1]
    return int(last["offset"]) + int(last["stored_length"]) + RECORD_HEADER - int(part["offset"][0])


def _sum(found: Scrubbed, step: Scrubbed) -> Scrubbed:
    return replace(
        found,
        packs=found.packs + step.packs,
        size=found.size + step.size,
        bad=found.bad + step.bad,
        healed=found.healed + step.healed,
        damaged=found.damaged + step.damaged,
        lost=found.lost + step.lost,
    )
