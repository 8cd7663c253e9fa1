"""What a volume is known to lack: names whose records were bad, the pages that need them, and the roots.

A name that counts as missing is asked for by the next push of it. A push that offers only a page must not be told that
nothing of it is needed, so pages that lack something are not known to anybody until they are whole again.

A name stops counting as missing by facts alone, seen while nobody else changes anything: it has a record again, or an
assessment that could read every root and page found nothing that needs it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from galleria_storage.index.store import Batch, Index, Table
from galleria_storage.packs.format import PackId
from galleria_storage.volume.leases import GARBAGE, NO_SCOPE
from galleria_storage.volume.rows import KEY_SIZE, pack_key

_MISSING: Final = b"missing"
_LACKING: Final = b"lacking"
_SPOILT: Final = b"spoilt"
_ASSESS: Final = b"assess"


class Seen(NamedTuple):
    """What counts as missing at one moment: keys, with the key of the pack that has the bad record.

    `changes` goes up with everything that comes to be missing, `news` also with what may need less.
    """

    changes: int
    news: int
    missing: dict[bytes, bytes]


class Needs(NamedTuple):
    """What needs missing records: the keys each root lacks, and the keys of pages that lack something.

    `unread` are roots or pages that are there and could not be read just now; `blind` that what some page needs is
    unknown.
    """

    roots: dict[UUID, set[bytes]]
    pages: set[bytes]
    unread: bool = False
    blind: bool = False


class Damage:
    """The damage of a volume, as rows of META. A key is one of the chunk table.

    Safe for many threads; but for `trusted`, `lacking` and `doubtful` the caller has `Core.alone`.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lock = threading.Lock()
        packs = {value for _, value in index.scan(Table.META, _MISSING)}
        pending = index.get(Table.META, [_ASSESS])[0] is not None
        self._any = bool(packs)
        self._packs = packs
        self._changes = self._news = 0
        self._assessed = -1 if pending else 0
        self._tried = -1 if pending or packs else 0
        self._waiting = frozenset[UUID]()

    @property
    def any(self) -> bool:
        """Whether anything may be missing."""
        return self._any

    @property
    def pending(self) -> bool:
        """Whether something was found missing, and it is not known yet which pages need it."""
        return self._assessed != self._changes

    def doubtful(self, leases: Collection[UUID]) -> bool:
        """Whether an assessment would find something new. `leases` are those that hold packs."""
        ended = bool(self._waiting) and self._waiting.isdisjoint(leases)
        return self._tried != self._news or ended

    def outdate(self) -> None:
        """What needed something missing may be gone, or it came, so that another assessment would find less.

        Needs no lock.
        """
        if self._any:
            with self._lock:
                self._news += 1

    def came(self, keys: Collection[bytes]) -> int:
        """These have a record from now on; how many of them counted as missing."""
        healed = sum(self.noted(list(keys))) if self._any else 0
        if healed:
            self.outdate()
        return healed

    def note(self, batch: Batch, keys: Iterable[bytes], pack: PackId | None = None) -> None:
        """Add names that count as missing to `batch`, which the caller applies; no page is known meanwhile.

        Their bad records lie in `pack`, if there is one.
        """
        place = b"" if pack is None else pack_key(pack)
        noted = list(keys)
        with self._lock:
            self._any = True
            self._changes += 1
            self._news += 1
            self._packs |= {place} if noted else set()
        for key in noted:
            batch.put(Table.META, _MISSING + key, place)
        batch.put(Table.META, _ASSESS, b"")

    def note_absent(self, keys: Sequence[bytes]) -> None:
        """Let those of the keys count as missing, durably, that no row has."""
        rows = self._index.get(Table.CHUNKS, keys)
        absent = [key for key, row in zip(keys, rows, strict=True) if row is None]
        fresh = [key for key, noted in zip(absent, self.noted(absent), strict=True) if not noted]
        if fresh:
            batch = Batch()
            self.note(batch, fresh)
            self._index.apply(batch)

    def noted(self, keys: Sequence[bytes]) -> list[bool]:
        """Which keys count as missing, or did when that was last looked at."""
        return [value is not None for value in self._index.get(Table.META, [_MISSING + key for key in keys])]

    def trusted(self, pages: Sequence[bytes]) -> list[bool]:
        """Which pages, by their keys, are not known to lack anything."""
        if not self._any:
            return [True] * len(pages)
        if self.pending:
            return [False] * len(pages)
        return [value is None for value in self._index.get(Table.META, [_SPOILT + page for page in pages])]

    def see(self) -> Seen:
        """What is missing now: it was noted and has no record still."""
        noted = {key[len(_MISSING) :]: value for key, value in self._scan(_MISSING)}
        rows = self._index.get(Table.CHUNKS, list(noted))
        missing = {key: pack for (key, pack), row in zip(noted.items(), rows, strict=True) if row is None}
        return Seen(self._changes, self._news, missing)

    def is_last_resort(self, pack: PackId, *, whole: bool) -> bool:
        """Whether a pack has a bad record of something that is missing: the nearest there is to its bytes.

        One that is not `whole`, some of its records being unknown, may have any of which nobody knows where it lay.
        """
        return pack_key(pack) in self._packs or (not whole and b"" in self._packs)

    def lacking(self) -> dict[UUID, set[bytes]]:
        """Keys of what each root lacks now; roots that lack nothing, or are gone, are left out."""
        found = {}
        for key, value in self._scan(_LACKING):
            root = key[len(_LACKING) :]
            keys = [value[at : at + KEY_SIZE] for at in range(0, len(value), KEY_SIZE)]
            rows = self._index.get(Table.CHUNKS, keys)
            lost = {key for key, row in zip(keys, rows, strict=True) if row is None}
            if lost and self._index.get(Table.ROOTS, [root])[0] is not None:
                found[UUID(bytes=root)] = lost
        return found

    def settle(self, seen: Seen, needs: Needs, leases: Collection[UUID]) -> bool:
        """Take note of an assessment of what was `seen`; False if something has come to be missing since.

        What nothing needs is forgotten, but not while something could not be read, or one of the `leases` that hold
        packs may come to pin it.
        """
        if seen.changes != self._changes:
            return False
        needed = set().union(*needs.roots.values())
        sure = not (needs.unread or needs.blind)
        kept = {key: pack for key, pack in seen.missing.items() if key in needed or leases or not sure}
        self._replace(_rows(kept, needs), whole=not needs.unread)
        with self._lock:
            self._tried = seen.news
            self._waiting = frozenset(leases) if sure and kept.keys() - needed else frozenset()
            self._packs = set(kept.values())
            self._assessed = self._assessed if needs.unread else seen.changes
            self._any = bool(kept) or needs.unread
        return True

    def _replace(self, rows: Mapping[bytes, bytes], *, whole: bool) -> None:
        """Let these be the rows; where not the `whole` was read, what roots and pages were found to lack stays too."""
        batch = Batch()
        for key, value in self._scan(_MISSING):
            if key not in rows:
                batch.delete(Table.META, key)
                # Nothing keeps its pack any more, nor any other that has a record of it.
                batch.put(Table.META, GARBAGE + value, NO_SCOPE.bytes)
        for prefix in (_LACKING, _SPOILT, _ASSESS) if whole else ():
            for key, _ in self._scan(prefix):
                if key not in rows:
                    batch.delete(Table.META, key)
        for key, value in rows.items():
            batch.put(Table.META, key, value)
        self._index.apply(batch)

    def _scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._index.scan(Table.META, prefix)


def _rows(missing: Mapping[bytes, bytes], needs: Needs) -> dict[bytes, bytes]:
    rows: dict[bytes, bytes] = {_MISSING + key: pack for key, pack in missing.items()}
    rows.update((_SPOILT + page, b"") for page in needs.pages)
    rows.update((_LACKING + root.bytes, b"".join(sorted(keys))) for root, keys in needs.roots.items() if keys)
    return rows
