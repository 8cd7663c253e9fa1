"""Reading the rows of a table in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self, cast

from rocksdict import Rdict, ReadOptions, Snapshot

from galleria_storage.index.errors import IndexClosed
from galleria_storage.index.rocks_errors import from_engine, translate, translating
from galleria_storage.index.store import prefix_end

_Rows = Iterator[tuple[bytes, bytes]]


class RocksScan:
    """The rows of a family whose keys begin with `head + prefix`, as they were at the start, without `head`."""

    def __init__(self, path: Path, family: Rdict, head: bytes, prefix: bytes) -> None:
        self._path = path
        self._skip = len(head)
        self._last = head + prefix
        self._end = prefix_end(head + prefix)
        self._snapshot: Snapshot | None = family.snapshot()
        rows = self._snapshot.items(from_key=head + prefix, read_opt=self._bounds())
        self._rows: _Rows | None = cast("_Rows", rows)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[bytes, bytes]:
        rows = self._rows
        if rows is None:
            raise IndexClosed
        try:
            self._last, value = next(rows)
        except StopIteration:
            self._check_end()
            raise
        except Exception as error:
            if not from_engine(error):
                raise
            raise translate(self._path, error) from error
        return self._last[self._skip :], value

    def close(self) -> None:
        """Let go of the database; whoever goes on reading gets IndexClosed."""
        self._rows = None
        self._snapshot = None

    def _check_end(self) -> None:
        # rocksdict's rows just end at a corrupt block; only a bare iterator tells why, so step there once more.
        snapshot = self._snapshot
        if snapshot is None:
            raise IndexClosed
        with translating(self._path):
            rows = snapshot.iter(read_opt=self._bounds())
            rows.seek(self._last)
            if rows.valid():
                rows.next()
            rows.status()

    def _bounds(self) -> ReadOptions:
        options = ReadOptions()
        if self._end is not None:
            options.set_iterate_upper_bound(self._end)
        return options
