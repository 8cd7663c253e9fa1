"""Table files written from sorted rows and then handed to a database as they are: no log, no compaction."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rocksdict import IngestExternalFileOptions, Options, Rdict, SstFileWriter

from galleria_storage.index.rocks_options import FILE_BYTES

_ROWS_AT_ONCE: Final = 1 << 16
_UNORDERED: Final = "ascending order"


class SortedFiles:
    """Table files in a folder of their own, which is made, and goes with whatever is left in it."""

    def __init__(self, folder: Path, options: Options) -> None:
        self._folder = folder
        self._options = options
        self._paths: list[str] = []

    def __enter__(self) -> Self:
        # A load that a crash ended may have left some.
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, head: bytes, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Write rows, each key after `head`, into as many files as it takes. Raises ValueError for an unordered key."""
        left, last = iter(rows), b""
        for first in left:
            if self._paths and first[0] <= last:
                raise ValueError("keys do not ascend")
            last = self._write_file(head, chain([first], left))

    def ingest(self, family: Rdict) -> None:
        """Make the rows of all files visible and durable, or of none. RocksDB syncs what it takes."""
        if self._paths:
            options = IngestExternalFileOptions()
            options.set_move_files(True)
            family.ingest_external_file(self._paths, options)

    def _write_file(self, head: bytes, rows: Iterator[tuple[bytes, bytes]]) -> bytes:
        """Write rows until the file is full or none is left; the key of the last one."""
        path = str(self._folder / f"{len(self._paths)}.sst")
        writer = SstFileWriter(self._options)
        writer.open(path)
        key = b""
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            self._put(writer, head, some)
            key = some[-1][0]
            if writer.file_size() >= FILE_BYTES:
                break
        writer.finish()
        self._paths.append(path)
        return key

    def _put(self, writer: SstFileWriter, head: bytes, rows: Iterable[tuple[bytes, bytes]]) -> None:
        try:
            for key, value in rows:
                writer[head + key] = value
        except Exception as error:
            if _UNORDERED in str(error):
                raise ValueError("keys do not ascend") from error
            raise
