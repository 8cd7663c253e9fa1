"""Chunks that other files have."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from galleria_client.push.file_source import FileSource
from galleria_client.push.statistics import Statistics
from galleria_client.source_errors import SourceError, SourceMissing, SourceUnreadable
from galleria_storage.digest import name_of
from galleria_storage.rules import Rule

if TYPE_CHECKING:
    from galleria_client.pull.seed_table import SeedTable

_OFFSET_BITS: Final = 42
"""Bits for a position in a seed (4 TiB); the seed's number stands above."""


class Seeds:
    """Where chunks lie in some files: 16 bytes a chunk. What is read is checked, so the files may change meanwhile."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._sources: list[FileSource] = []
        self._table: SeedTable | None = None
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
        # Slow to load, and most pulls have no seed.
        from galleria_client.pull.seed_table import SeedTable  # noqa: PLC0415

        source = _open(path, self._rule)
        number = len(self._sources)
        self._sources.append(source)
        pages = (
            (segment.page, segment.number * self._rule.segment + (number << _OFFSET_BITS))
            for segment in source.scan(None)
            if segment.page is not None
        )
        self._table = (self._table or SeedTable.empty()).joined(pages)

    def find(self, chunks: Iterable[tuple[bytes, int]]) -> Iterable[tuple[bytes, bytes]]:
        """The bytes, under their names, of those chunks (name, length in bytes) that a seed has; each is checked."""
        if self._table is None:
            return
        wanted = list(chunks)
        for index, place in self._table.places([name for name, _ in wanted]):
            name, length = wanted[index]
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
