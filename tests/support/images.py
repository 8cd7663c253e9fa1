"""Disk images for tests: made file systems, and sparse files of noise."""

from __future__ import annotations

import hashlib
import os
import random
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

MIB = 1 << 20
_SECTOR = 512
_PIECE = 4 * MIB


def noise(seed: int, size: int) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def noise_file(path: Path, size: int, seed: int = 1) -> Path:
    """A file of noise."""
    return sparse_file(path, size, {0: size}, seed)


def sparse_file(path: Path, size: int, stretches: dict[int, int], seed: int = 1) -> Path:
    """A sparse file of `size` bytes with noise at the given offsets, each so many bytes long."""
    source = random.Random(seed)
    with path.open("wb") as file:
        file.truncate(size)
        for offset, length in stretches.items():
            file.seek(offset)
            for start in range(0, length, _PIECE):
                file.write(source.randbytes(min(_PIECE, length - start)))
    return path


def edited(path: Path, source: Path, edits: int, seed: int) -> Path:
    """A copy of an image with some blocks of 4 KiB written anew."""
    where = random.Random(seed)
    data = bytearray(source.read_bytes())
    for _ in range(edits):
        block = where.randrange(len(data) // 4096) * 4096
        data[block : block + 4096] = where.randbytes(4096)
    path.write_bytes(data)
    return path


def file_system(path: Path, folder: Path, size: int, *, partitioned: bool, seed: int = 1) -> Path:
    """An ext4 image of `size` bytes with about half of it in files, behind a partition table if asked for."""
    tree = folder / f"{path.name}.tree"
    _plant(tree, size // 2, random.Random(seed))
    start = MIB if partitioned else 0
    with path.open("wb") as file:
        file.truncate(size)
        if partitioned:
            file.write(_boot_record(start, size))
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-d", str(tree), "-E", f"offset={start}"]
    path_of_tools = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    subprocess.run(
        [*command, str(path), f"{(size - start) >> 10}k"], check=True, env={**os.environ, "PATH": path_of_tools}
    )
    return path


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def extents(path: Path) -> Iterator[tuple[int, int]]:
    """Start and end of every stretch of data in a sparse file."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        end = 0
        while end < size:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield start, end


def occupied(path: Path) -> int:
    """Bytes in its stretches of data."""
    return sum(end - start for start, end in extents(path))


def assert_same(one: Path, other: Path) -> None:
    """Both files hold the same bytes. Reads only what is no hole in either, so the size does not matter."""
    assert one.stat().st_size == other.stat().st_size
    with one.open("rb") as first, other.open("rb") as second:
        for start, end in sorted([*extents(one), *extents(other)]):
            first.seek(start)
            second.seek(start)
            for position in range(start, end, _PIECE):
                length = min(_PIECE, end - position)
                assert first.read(length) == second.read(length), f"they differ between {position} and {end}"


def _plant(tree: Path, size: int, source: random.Random) -> None:
    """Files of text, which compress, and of noise, which do not."""
    words = [source.randbytes(6).hex() for _ in range(500)]
    number = 0
    while size > 0:
        file = tree / f"{number % 7}" / f"file-{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        length = min(size, source.randrange(1000, 300_000))
        text = " ".join(source.choices(words, k=length // 13 + 1)).encode()[:length]
        file.write_bytes(text if number % 3 else source.randbytes(length))
        size -= length
        number += 1


def _boot_record(start: int, size: int) -> bytes:
    """A master boot record with one Linux partition from `start` to the end."""
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe" * 3, 0x83, b"\xfe" * 3, start // _SECTOR, (size - start) // _SECTOR)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"
