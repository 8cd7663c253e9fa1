"""Sorting more rows by name than memory is to hold: by the first bits in a file, then completely, part by part."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from galleria_storage.objects.errors import translate
from galleria_storage.packs.arrays import Rows

_BUFFERED_BYTES: Final = 32 << 20
_ROWS_AT_ONCE: Final = 1 << 17
_FENCE_BITS: Final = 12
_FENCES: Final = 1 << _FENCE_BITS
"""Names are digests: between two of so many evenly spread numbers lies about as much as between any two others."""


_OBJECT: Final = "tmp/sorting"


class _Stretch(NamedTuple):
    """Rows in the order of their fences at `start` of the file; `fences` says how many of them are below each."""

    start: int
    fences: npt.NDArray[np.uint32]


class Sorting:
    """Rows in groups, to be had in the order of their names. A context manager; for one thread.

    Of `rows` one field is `name`, a digest. What does not fit into `buffered` bytes waits in a nameless file in
    `folder`, or where the system keeps temporary files. Raises StoreFull, StoreFailed where that goes wrong.
    """

    def __init__(self, rows: np.dtype[np.void], folder: Path | None, buffered: int = _BUFFERED_BYTES) -> None:
        self._dtype = rows
        self._file = _nameless(folder)
        self._buffered = buffered
        self._end = 0
        self._fresh: defaultdict[bytes, list[Rows]] = defaultdict(list)
        self._bytes = 0
        self._stretches: defaultdict[bytes, list[_Stretch]] = defaultdict(list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    @property
    def groups(self) -> list[bytes]:
        """The groups that have rows, in order."""
        return sorted(self._fresh.keys() | self._stretches.keys())

    def add(self, group: bytes, rows: Rows) -> None:
        """Add rows to a group."""
        self._fresh[group].append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= self._buffered:
            self._write()

    def ascending(self, group: bytes) -> Iterator[Rows]:
        """The rows of a group by name, those of one name in the order in which they were added, and never apart."""
        stretches = self._stretches[group]
        fresh = _by_fence(_joined(self._fresh[group], self._dtype))
        last = _fences(fresh)
        total = len(fresh) + sum(int(stretch.fences[-1]) for stretch in stretches)
        parts = min(_FENCES, -(-total // _ROWS_AT_ONCE))
        ends = [_FENCES * part // parts for part in range(parts + 1)] if parts else []
        for low, high in pairwise(ends):
            read = [self._read(stretch, low, high) for stretch in stretches]
            yield _by_name(_joined([*read, fresh[last[low] : last[high]]], self._dtype))

    def _write(self) -> None:
        for group, found in self._fresh.items():
            rows = _by_fence(_joined(found, self._dtype))
            self._stretches[group].append(_Stretch(self._end, _fences(rows)))
            with _translating("write"):
                left = memoryview(rows.tobytes())
                while left:
                    left = left[self._file.write(left) :]
            self._end += rows.nbytes
        self._fresh.clear()
        self._bytes = 0

    def _read(self, stretch: _Stretch, low: int, high: int) -> Rows:
        first, after = int(stretch.fences[low]), int(stretch.fences[high])
        size = self._dtype.itemsize
        with _translating("read"):
            data = os.pread(self._file.fileno(), (after - first) * size, stretch.start + first * size)
        return np.frombuffer(data, self._dtype, after - first)


def _nameless(folder: Path | None) -> FileIO:
    with _translating("open"):
        return tempfile.TemporaryFile(dir=folder, buffering=0)


@contextmanager
def _translating(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise translate(_OBJECT, what, error) from error


def _joined(parts: list[Rows], dtype: np.dtype[Any]) -> Rows:
    return np.concatenate([np.empty(0, dtype), *parts])


def _by_fence(rows: Rows) -> Rows:
    return rows.take(np.argsort(_fence_of(rows), kind="stable"))


def _by_name(rows: Rows) -> Rows:
    heads = _heads(rows)
    order = np.argsort(heads, kind="stable")
    heads, rows = heads.take(order), rows.take(order)
    names = rows["name"]
    if ((heads[1:] == heads[:-1]) & (names[1:] != names[:-1])).any():
        # Different names with the same first eight bytes: nothing that happens by itself.
        words = np.ascontiguousarray(names).view(">u8").reshape(-1, 4).astype(np.uint64)
        rows = rows.take(np.lexsort((words[:, 3], words[:, 2], words[:, 1], words[:, 0])))
    return rows


def _heads(rows: Rows) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(rows["name"]).view(">u8").reshape(-1, 4)[:, 0].astype(np.uint64)


def _fence_of(rows: Rows) -> npt.NDArray[np.uint16]:
    return (_heads(rows) >> np.uint64(64 - _FENCE_BITS)).astype(np.uint16)


def _fences(rows: Rows) -> npt.NDArray[np.uint32]:
    """How many of rows that are in the order of their fences are below each, and below the end."""
    return np.searchsorted(_fence_of(rows), np.arange(_FENCES + 1)).astype(np.uint32)
