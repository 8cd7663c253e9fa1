"""A bounded cache of open files for reading."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from galleria_storage.objects.files import OpenFile


class _Slot:
    """An open file and its readers; closed by the last one once it has left the cache."""

    __slots__ = ("file", "kept", "readers", "size")

    def __init__(self, file: OpenFile) -> None:
        self.file = file
        self.size = file.size()
        self.readers = 1
        self.kept = True


class DescriptorCache:
    """The most recently read objects, kept open. Safe for many threads; no lock is held while a file is used.

    At most `capacity` files stay open between reads; those being read at one time come on top.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._drops = 0
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, name: str, opening: Callable[[], OpenFile]) -> Iterator[tuple[OpenFile, int]]:
        """The open file of an object and its size, opened by `opening` if it is not in the cache."""
        slot = self._reuse(name) or self._add(name, opening)
        try:
            yield slot.file, slot.size
        finally:
            self._release(slot)

    def drop(self, name: str) -> None:
        """Forget an object whose name means something else, or nothing, from now on."""
        with self._lock:
            self._drops += 1
            idle = self._evict(name) if name in self._slots else None
        _close(idle)

    def clear(self) -> None:
        """Close everything that nobody reads, the rest with its last reader."""
        for name in list(self._slots):
            self.drop(name)

    def _reuse(self, name: str) -> _Slot | None:
        with self._lock:
            slot = self._slots.get(name)
            if slot is not None:
                slot.readers += 1
                self._slots.move_to_end(name)
            return slot

    def _add(self, name: str, opening: Callable[[], OpenFile]) -> _Slot:
        before = self._drops
        slot = _opened(opening)
        with self._lock:
            # Between opening and now the name may have been dropped: then the file serves this one read only.
            if self._drops != before or name in self._slots:
                slot.kept = False
                return slot
            self._slots[name] = slot
            idle = self._evict(next(iter(self._slots))) if len(self._slots) > self._capacity else None
        _close(idle)
        return slot

    def _evict(self, name: str) -> OpenFile | None:
        """Take a slot out; returns its file if it is for the caller to close."""
        slot = self._slots.pop(name)
        slot.kept = False
        return None if slot.readers else slot.file

    def _release(self, slot: _Slot) -> None:
        with self._lock:
            slot.readers -= 1
            idle = None if slot.kept or slot.readers else slot.file
        _close(idle)


def _opened(opening: Callable[[], OpenFile]) -> _Slot:
    file = opening()
    try:
        return _Slot(file)
    except OSError:
        file.close()
        raise


def _close(file: OpenFile | None) -> None:
    if file is not None:
        file.close()
