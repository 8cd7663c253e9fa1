"""What a volume is known to lack: names whose records were bad, the pages that need them, and the roots.

A name that counts as missing is asked for by the next push of it. A push that offers only a page must not be told that
nothing of it is needed, so pages that lack something are not known to anybody until they are whole again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class Needs(NamedTuple):
    """What needs missing records: the keys each root lacks, and the keys of pages that lack something."""

    roots: dict[UUID, set[bytes]]
    pages: set[bytes]


class Damage:
    """The damage of a volume, as rows of META. A key is one of the chunk table. Safe for many threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._changes = 0
        self._assessed = 0 if index.get(Table.META, [_ASSESS])[0] is None else -1
        self._any = next(iter(index.scan(Table.META, _MISSING)), None) is not None

    @property
    def changes(self) -> int:
        """Goes up with everything that comes to be missing."""
        return self._changes

    @property
    def pending(self) -> bool:
        """Whether something was found missing, and not yet what needs it."""
        return self._assessed != self._changes

    def note(self, batch: Batch, keys: Iterable[bytes], pack: PackId | None = None) -> None:
        """Add names that count as missing to `batch`, which the caller applies; no page is known meanwhile.

        Their bad records lie in `pack`, if there is one.
        """
        with self._lock:
            self._any = True
            self._changes += 1
        place = b"" if pack is None else pack_key(pack)
        for key in keys:
            batch.put(Table.META, _MISSING + key, place)
        batch.put(Table.META, _ASSESS, b"")

    def pinned(self, batch: Batch) -> None:
        """A root is pinned with `batch`: if something is missing, it may be one that needs it."""
        if self._any:
            self.note(batch, ())

    def trusted(self, pages: Sequence[bytes]) -> list[bool]:
        """Which pages, by their keys, are not known to lack anything."""
        if not self._any:
            return [True] * len(pages)
        if self.pending:
            return [False] * len(pages)
        return [value is None for value in self._index.get(Table.META, [_SPOILT + page for page in pages])]

    def missing(self) -> dict[bytes, bytes]:
        """Keys of names that count as missing and have no record still, and the key of the pack of each bad one."""
        noted = {key[len(_MISSING) :]: value for key, value in self._index.scan(Table.META, _MISSING)}
        rows = self._index.get(Table.CHUNKS, list(noted))
        return {key: pack for (key, pack), row in zip(noted.items(), rows, strict=True) if row is None}

    def is_last_resort(self, pack: PackId) -> bool:
        """Whether a pack has a bad record of something that is missing: the nearest there is to its bytes."""
        return self._any and pack_key(pack) in self.missing().values()

    def lacking(self) -> dict[UUID, set[bytes]]:
        """Keys of what each root lacks now; roots that lack nothing are left out."""
        found = {}
        for key, value in self._index.scan(Table.META, _LACKING):
            keys = [value[at : at + KEY_SIZE] for at in range(0, len(value), KEY_SIZE)]
            rows = self._index.get(Table.CHUNKS, keys)
            lost = {key for key, row in zip(keys, rows, strict=True) if row is None}
            if lost:
                found[UUID(bytes=key[len(_LACKING) :])] = lost
        return found

    def healed(self) -> bool:
        """Whether something that was missing is here again, so that another assessment would find less."""
        if not self._any or self.pending:
            return False
        return len(self.missing()) < sum(1 for _ in self._index.scan(Table.META, _MISSING))

    def settle(self, changes: int, missing: Mapping[bytes, bytes], needs: Needs) -> None:
        """Take note of an assessment made at that count of `changes`: what is missing, and what needs it."""
        rows: dict[bytes, bytes] = {_MISSING + key: pack for key, pack in missing.items()}
        rows.update((_SPOILT + page, b"") for page in needs.pages)
        rows.update((_LACKING + root.bytes, b"".join(sorted(keys))) for root, keys in needs.roots.items() if keys)
        batch = Batch()
        for key, value in self._rows():
            if key not in rows:
                batch.delete(Table.META, key)
                if key.startswith(_MISSING) and value:
                    # Nothing keeps that pack any more.
                    batch.put(Table.META, GARBAGE + value, NO_SCOPE.bytes)
        for key, value in rows.items():
            batch.put(Table.META, key, value)
        self._index.apply(batch)
        with self._lock:
            self._assessed = changes
            self._any = bool(rows)

    def _rows(self) -> Iterator[tuple[bytes, bytes]]:
        for prefix in (_MISSING, _LACKING, _SPOILT, _ASSESS):
            yield from self._index.scan(Table.META, prefix)
