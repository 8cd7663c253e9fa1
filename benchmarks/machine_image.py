"""Real disk images out of this machine's own files, for when nobody has given one.

Not for measuring against other tools: what they hold differs from machine to machine (see images.py for that).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

SIZE = 4 << 30
OCCUPIED = 1_200_000_000
_START = 1 << 20
_SECTOR = 512
_SOURCES = ("/usr/bin", "/usr/lib", "/usr/share", "/etc", "/opt", "/var/lib")
_LARGEST_FILE = 200_000_000


def make_images(folder: Path) -> tuple[Path, Path]:
    """Two partitioned ext4 images of 4 GiB: a first version, and a second built anew with some files changed.

    Made once for a folder. Raises subprocess.CalledProcessError if mke2fs fails, OSError if there is no room.
    """
    first, second = folder / "machine-1.raw", folder / "machine-2.raw"
    if not (first.exists() and second.exists()):
        tree = folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        _stage(tree)
        _build(first, tree)
        _change(tree)
        _build(second, tree)
        shutil.rmtree(tree)
    return first, second


def _stage(tree: Path) -> None:
    """Copy this machine's files until the image is full enough."""
    left = OCCUPIED
    for path in _files():
        target = tree / path.relative_to("/")
        try:
            size = path.stat().st_size
            if size > min(left, _LARGEST_FILE):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        except OSError:
            # Unreadable, or gone since it was listed: the image is real enough without it.
            continue
        left -= size
        if left < OCCUPIED // 1000:
            return


def _files() -> Iterator[Path]:
    for source in _SOURCES:
        for folder, folders, names in os.walk(source):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield path


def _change(tree: Path) -> None:
    """What an update does: some files gone, some longer, some new."""
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    for number, path in enumerate(files):
        if number % 40 == 7:
            path.unlink()
        elif number % 40 == 19:
            path.chmod(0o644)
            with path.open("ab") as file:
                file.write(f"changed, file {number}\n".encode() * 20)
    new = tree / "opt" / "release-2"
    new.mkdir(parents=True, exist_ok=True)
    for number in range(8):
        (new / f"data-{number}").write_bytes(os.urandom(2 << 20))


def _build(image: Path, tree: Path) -> None:
    part = image.with_suffix(".part")
    part.unlink(missing_ok=True)
    with part.open("wb") as file:
        file.truncate(SIZE)
        file.write(_boot_record())
    subprocess.run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-E", f"offset={_START}", "-d", tree, part, f"{(SIZE - _START) >> 10}k"],
        check=True,
    )
    part.rename(image)


def _boot_record() -> bytes:
    """A master boot record with one Linux partition from 1 MiB to the end."""
    entry = struct.pack(
        "<B3sB3sII", 0x80, b"\xfe" * 3, 0x83, b"\xfe" * 3, _START // _SECTOR, (SIZE - _START) // _SECTOR
    )
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"
