"""What each image of a series brings: its new chunks, each compressed by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cutting import chunks_of
from galleria_storage.compression import compress
from galleria_storage.digest import names_of
from galleria_storage.rules import BLOCK_CDC_1 as RULE


def new_bytes(image: Path, known: set[bytes]) -> int:
    """Compressed bytes, at the level that pushes use, of the chunks that are not `known`; they are from now on."""
    total = 0
    for chunks in _chunks(image):
        new = {name: chunk for name, chunk in zip(names_of(chunks), chunks, strict=True) if name not in known}
        known.update(new)
        total += sum(len(payload) for _, payload in compress(list(new.values()), 1))
    return total


def names(image: Path) -> set[bytes]:
    """Names of an image's chunks."""
    return {name for chunks in _chunks(image) for name in names_of(chunks)}


def _chunks(image: Path) -> Iterator[list[memoryview]]:
    """The chunks of each segment that has data; valid for one turn."""
    buffer = memoryview(bytearray(RULE.segment))
    with image.open("rb", buffering=0) as file:
        size = image.stat().st_size
        for number in range(RULE.segments(size)):
            start = number * RULE.segment
            if not _has_data(file.fileno(), start, start + RULE.segment):
                continue
            yield chunks_of(buffer[: os.preadv(file.fileno(), [buffer], start)])


def _has_data(file: int, start: int, end: int) -> bool:
    try:
        return os.lseek(file, start, os.SEEK_DATA) < end
    except OSError:
        return False
