"""What can go wrong in an object store, and how an operating system's error becomes one of these."""

from __future__ import annotations

import errno
import os

from galleria_storage.errors import StorageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class InvalidObjectName(StorageError):
    """The text is not the name of an object."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"{self.name!r} is not an object name: expected FOLDER/NAME or NAME.EXT of letters, digits, '.', '_', '-'"
        )


class ObjectExists(StorageError):
    """An object of this name is there already; objects are never overwritten by a writer."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"object {self.name} exists already"


class StoreFull(StorageError):
    """The store has no room left. `needed` is the number of bytes that did not fit, where known."""

    def __init__(self, name: str, needed: int | None = None) -> None:
        super().__init__(name, needed)
        self.name = name
        self.needed = needed

    def __str__(self) -> str:
        wanted = "" if self.needed is None else f" {self.needed} bytes of"
        return f"no room for{wanted} object {self.name}"


class StoreFailed(StorageError):
    """The store could not do what was asked. `errno` is the system's number, 0 where there is none."""

    def __init__(self, name: str, operation: str, errno: int) -> None:
        super().__init__(name, operation, errno)
        self.name = name
        self.operation = operation
        self.errno = errno

    def __str__(self) -> str:
        return f"{self.operation} of {self.name or 'the store'} failed: {os.strerror(self.errno)}"


class WriterClosed(StorageError):
    """The writer was committed or aborted before and takes nothing more."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"the writer of object {self.name} is closed"


def translate(name: str, operation: str, error: OSError, needed: int | None = None) -> StorageError:
    """The typed error for a system error met in `operation` on the object `name`."""
    if error.errno in _FULL:
        return StoreFull(name, needed)
    return StoreFailed(name, operation, error.errno or 0)
