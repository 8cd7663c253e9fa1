"""Objects in memory, gone with the process: for tests and trials."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from galleria_storage.errors import StorageError
from galleria_storage.objects import names
from galleria_storage.objects.errors import ObjectExists, StoreFull, WriterClosed
from galleria_storage.objects.store import ObjectInfo, ObjectWriter, Space, check_range, flat

if TYPE_CHECKING:
    from typing_extensions import Buffer


class MemoryObjectStore:
    """An ObjectStore in a dictionary. `capacity` is its room in bytes, unfinished objects included."""

    def __init__(self, capacity: int = 1 << 40) -> None:
        self._capacity = capacity
        self._used = 0
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def create(self, name: str) -> ObjectWriter:
        names.parse(name)
        with self._lock:
            self._refuse_taken(name)
        return _MemoryWriter(self, name)

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        names.parse(name)
        check_range(offset, length)
        data = self._objects.get(name)
        if data is None:
            return None
        return data[offset:] if length is None else data[offset : offset + length]

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._lock:
            found = [ObjectInfo(name, len(data)) for name, data in self._objects.items() if name.startswith(prefix)]
        return iter(sorted(found))

    def delete(self, name: str) -> bool:
        names.parse(name)
        with self._lock:
            data = self._objects.pop(name, None)
            self._used -= len(data or b"")
        return data is not None

    def replace(self, name: str, data: bytes) -> None:
        names.parse(name)
        with self._lock:
            self._take(name, len(data) - len(self._objects.get(name, b"")))
            self._objects[name] = bytes(data)

    def space(self) -> Space:
        return Space(self._capacity, self._capacity - self._used)

    def reserve(self, name: str, count: int) -> None:
        """Take room for `count` bytes of an unfinished object, or give it back if negative. Raises StoreFull."""
        with self._lock:
            self._take(name, count)

    def publish(self, name: str, data: bytes) -> None:
        """Make an object visible whose room is reserved. Raises ObjectExists."""
        with self._lock:
            self._refuse_taken(name)
            self._objects[name] = data

    def _refuse_taken(self, name: str) -> None:
        if name in self._objects:
            raise ObjectExists(name)

    def _take(self, name: str, count: int) -> None:
        if self._used + count > self._capacity:
            raise StoreFull(name, count)
        self._used += count


class _MemoryWriter:
    def __init__(self, store: MemoryObjectStore, name: str) -> None:
        self._store = store
        self._name = name
        self._data = bytearray()
        self._closed = False
        self._failure: StorageError | None = None

    @property
    def size(self) -> int:
        return len(self._data)

    def append(self, data: Buffer) -> None:
        view = flat(data)
        self._refuse_closed()
        try:
            self._store.reserve(self._name, view.nbytes)
        except StoreFull as error:
            self._failure = error
            raise
        self._data += view

    def commit(self) -> None:
        self._refuse_closed()
        try:
            self._store.publish(self._name, bytes(self._data))
        except ObjectExists as error:
            self._failure = error
            raise
        self._closed = True

    def abort(self) -> None:
        if not self._closed:
            self._store.reserve(self._name, -len(self._data))
            self._closed = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise WriterClosed(self._name)
        if self._failure is not None:
            raise self._failure
