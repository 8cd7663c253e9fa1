"""Chunks that other files have."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from galleria_client.push.file_source import FileSource
from galleria_client.push.statistics import Statistics
from galleria_client.source_errors import SourceError, SourceMissing, SourceUnreadable
from galleria_storage.digest import name_of
from galleria_storage.rules import Rule

_ENTRY: Final = np.dtype([("word", "<u4"), ("prefix", "<u8"), ("rest", "V24")])
_HOLE: Final = 1 << 31
_OFFSET_BITS: Final = 42
"""Bits for a position in a seed (4 TiB); the seed's number stands above."""


class Seeds:
    """Where chunks lie in some files: 16 bytes a chunk. What is read is checked, so the files may change meanwhile."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._sources: list[FileSource] = []
        self._prefixes: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._places: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._buffer = memoryview(bytearray(rule.max_chunk))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for source in self._sources:
            source.close()

    def add(self, path: str) -> None:
        """Cut and name the chunks of a file.

        Raises:
            SourceMissing, SourceUnreadable, SourceChanged.
        """
        source = _open(path, self._rule)
        number = len(self._sources)
        self._sources.append(source)
        prefixes, places = [self._prefixes], [self._places]
        for segment in source.scan(None):
            if segment.page is not None:
                start = segment.number * self._rule.segment + (number << _OFFSET_BITS)
                found = _chunks_of(segment.page, start)
                prefixes.append(found[0])
                places.append(found[1])
        joined = np.concatenate(prefixes)
        order = np.argsort(joined, kind="stable")
        self._prefixes, self._places = joined[order], np.concatenate(places)[order]

    def find(self, chunks: Iterable[tuple[bytes, int]]) -> Iterable[tuple[bytes, bytes]]:
        """The bytes, under their names, of those chunks (name, length in bytes) that a seed has; each is checked."""
        wanted = list(chunks)
        if not wanted or not len(self._prefixes):
            return
        keys = np.array([int.from_bytes(name[:8], "little") for name, _ in wanted], np.uint64)
        at = np.minimum(np.searchsorted(self._prefixes, keys), len(self._prefixes) - 1)
        hits = np.nonzero(self._prefixes[at] == keys)[0]
        for hit, place in zip(hits.tolist(), self._places[at[hits]].tolist(), strict=True):
            name, length = wanted[hit]
            data = self._read(place, length)
            if data is not None and name_of(data) == name:
                yield name, data

    def _read(self, place: int, length: int) -> bytes | None:
        source = self._sources[place >> _OFFSET_BITS]
        target = self._buffer[:length]
        try:
            source.read(target, place & ((1 << _OFFSET_BITS) - 1))
        except SourceError:
            return None
        return bytes(target)


def _open(path: str, rule: Rule) -> FileSource:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SourceMissing(path) from None
    except OSError as error:
        raise SourceUnreadable(path, error.strerror or str(error)) from None
    try:
        return FileSource(path, fd, os.lseek(fd, 0, os.SEEK_END), rule, Statistics())
    except BaseException:
        os.close(fd)
        raise


def _chunks_of(page: bytes, start: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Name prefixes and places of the chunks of an encoded page."""
    entries = np.frombuffer(page, _ENTRY)
    words = entries["word"].astype(np.uint64)
    lengths = words & np.uint64(_HOLE - 1)
    places = np.cumsum(lengths, dtype=np.uint64) - lengths + np.uint64(start)
    is_chunk = words < _HOLE
    return entries["prefix"][is_chunk].astype(np.uint64), places[is_chunk]
