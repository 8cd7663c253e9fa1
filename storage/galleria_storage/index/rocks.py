"""An index in RocksDB."""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self, cast

from rocksdict import Rdict, WriteBatch, WriteOptions

from galleria_storage.index.errors import IndexClosed
from galleria_storage.index.rocks_errors import from_engine, translating
from galleria_storage.index.rocks_load import SortedFiles
from galleria_storage.index.rocks_options import RocksShared, database_options, family_options
from galleria_storage.index.rocks_places import BLOOMED, FAMILIES, PLACES
from galleria_storage.index.rocks_scan import RocksScan
from galleria_storage.index.store import Batch, Table

_LOADING: Final = "loading"
"""Folder in the database's, of which it takes no notice."""


class RocksIndex:
    """An Index in the RocksDB database at `path`, for one opener at a time. Get one by `open` or `create`."""

    def __init__(self, path: Path, database: Rdict, shared: RocksShared) -> None:
        self._path = path
        self._shared = shared
        self._database: Rdict | None = database
        self._families = {name: database.get_column_family(name) for name in FAMILIES}
        self._handles = {name: database.get_column_family_handle(name) for name in FAMILIES}
        self._scans: weakref.WeakSet[RocksScan] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._synced = WriteOptions()
        self._synced.sync = True

    @classmethod
    def open(cls, path: Path, shared: RocksShared) -> Self:
        """Open an index that is there. Raises IndexDamaged if it is missing or broken, IndexLocked, IndexFailed."""
        with translating(path):
            return cls(path, _database(path, shared, create=False), shared)

    @classmethod
    def create(cls, path: Path, shared: RocksShared) -> Self:
        """Make an empty index, in place of whatever is at `path`. Raises IndexLocked, IndexFailed."""
        with translating(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Refused by the database's own lock while somebody has it open; then what it does not know goes too.
            Rdict.destroy(str(path))
            shutil.rmtree(path, ignore_errors=True)
            # Just made it holds a folder descriptor for each family; opened again, one for all of them.
            _database(path, shared, create=True).close()
            _sync_folder(path.parent)
        return cls.open(path, shared)

    def get(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        family, head = PLACES[table]
        wanted = [head + key for key in keys] if head else list(keys)
        with translating(self._path):
            # The stub asks for a list of any kind of key, which no list of bytes is to the type checker.
            found = self._family(family).get(cast("list[str | int | float | bytes | bool]", wanted))
        return cast("list[bytes | None]", found)

    def scan(self, table: Table, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        family, head = PLACES[table]
        with self._lock, translating(self._path):
            scan = RocksScan(self._path, self._family(family), head, prefix)
            self._scans.add(scan)
        return scan

    def apply(self, batch: Batch) -> None:
        changes = WriteBatch(raw_mode=True)
        with translating(self._path):
            handles, database = self._handles, self._opened()
            places = {table: (handles[family], head) for table, (family, head) in PLACES.items()}
            last = Table.CHUNKS
            handle, head = places[last]
            for table, key, value in batch:
                # Changes of one table come in runs, and looking a table up runs the interpreter for its hash.
                if table is not last:
                    (handle, head), last = places[table], table
                if value is None:
                    changes.delete(head + key, handle)
                else:
                    changes.put(head + key, value, handle)
            database.write(changes, self._synced)

    def close(self) -> None:
        # The database lets go of its lock only when the last object made from it is gone.
        with self._lock:
            database, self._database = self._database, None
            for scan in list(self._scans):
                scan.close()
            families, self._families = self._families, {}
            self._handles = {}
        if database is not None:
            for opened in (*families.values(), database):
                _close(opened)

    def clear(self) -> None:
        with translating(self._path):
            handles, database = self._handles, self._opened()
            changes = WriteBatch(raw_mode=True)
            for name in FAMILIES:
                rows = self._family(name).iter()
                rows.seek_to_last()
                rows.status()
                if rows.valid():
                    changes.delete_range(b"", rows.key() + b"\0", handles[name])
            database.write(changes, self._synced)
            for name in FAMILIES:
                self._family(name).compact_range(None, None)

    def load(self, table: Table, rows: Iterable[tuple[bytes, bytes]]) -> None:
        family, head = PLACES[table]
        with self._loading, translating(self._path):
            self._opened()
            with SortedFiles(self._path / _LOADING, family_options(self._shared, bloom=family in BLOOMED)) as files:
                files.write(head, rows)
                files.ingest(self._family(family))

    def _opened(self) -> Rdict:
        if self._database is None:
            raise IndexClosed
        return self._database

    def _family(self, name: str) -> Rdict:
        # Taken before the check: close puts an empty one in its place only after it has marked the index closed.
        families = self._families
        self._opened()
        return families[name]


def _database(path: Path, shared: RocksShared, *, create: bool) -> Rdict:
    families = {name: family_options(shared, bloom=name in BLOOMED) for name in FAMILIES if name != "default"}
    return Rdict(str(path), database_options(shared, create=create), families)


def _close(database: Rdict) -> None:
    try:
        database.close()
    except Exception as error:
        # Closing flushes first. Should that fail, nothing is lost: the rows are in the log, and read at the next open.
        if not from_engine(error):
            raise


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
