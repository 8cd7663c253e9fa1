"""Disk images for transfers: a few segments with data, repeats, zeros and holes."""

from __future__ import annotations

import random
from pathlib import Path

SEGMENT = 64 << 20
MIB = 1 << 20


def write_image(path: Path, seed: int = 1, segments: int = 3) -> Path:
    """Segments with about 3 MiB of data each, sparse between, the last one short."""
    source = random.Random(seed)
    with path.open("wb") as file:
        file.truncate((segments - 1) * SEGMENT + 5 * MIB + 512)
        for number in range(segments):
            file.seek(number * SEGMENT + 12_288)
            file.write(source.randbytes(2 * MIB))
            file.write(bytes(70_000) + b"the same words again " * 50_000)
        file.seek(-512, 2)
        file.write(source.randbytes(512))
    return path


def change(path: Path, offset: int, seed: int = 7, length: int = 100_000) -> None:
    """Overwrite some bytes."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(random.Random(seed).randbytes(length))
