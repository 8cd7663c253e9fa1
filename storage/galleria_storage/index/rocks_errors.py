"""How RocksDB's errors, which come as text, become typed ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rocksdict import DbClosedError

from galleria_storage.errors import StorageError
from galleria_storage.index.errors import IndexClosed, IndexDamaged, IndexFailed, IndexLocked

_LOCKED = ("lock hold by current process", "While lock file")
_DAMAGED = ("Corruption", "does not exist", "Column family not found", "No such file or directory", "Not implemented")


def translate(path: Path, error: Exception) -> StorageError:
    """The typed error for what RocksDB raised while working on the database at `path`."""
    if isinstance(error, DbClosedError):
        return IndexClosed()
    reason = str(error)
    if isinstance(error, OSError):
        return IndexFailed(path, reason)
    if any(mark in reason for mark in _LOCKED):
        return IndexLocked(path, reason)
    if any(mark in reason for mark in _DAMAGED):
        return IndexDamaged(path, reason)
    return IndexFailed(path, reason)


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Raise what RocksDB and the system raise inside as typed errors."""
    try:
        yield
    except Exception as error:
        if not from_engine(error):
            raise
        raise translate(path, error) from error


def from_engine(error: Exception) -> bool:
    """Whether it is an error of RocksDB or the system: rocksdict raises Exception itself, no subclass."""
    return type(error) is Exception or isinstance(error, (DbClosedError, OSError))
