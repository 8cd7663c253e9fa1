"""A hundred idle volumes in one process: how long they take to open, what memory and which files they keep.

Each has a root, packs and an index with the rows of so many bytes referenced. They are opened at once, as by a server.
"""

from __future__ import annotations

import argparse
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks.referenced_volume import build
from benchmarks.targets import FOLDER, MB, Spent, Target, alone, judge, spending
from galleria_storage.index import RocksShared
from galleria_storage.volume import Volume, open_local_volume

_PLACE = FOLDER / "idle"
_GIB = 1 << 30


class _Open(NamedTuple):
    """What opening took, and the files and root of the process then."""

    spent: Spent
    files: int
    roots: int


def main() -> int:
    """Print the figures; 0 if the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volumes", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--gib", type=float, default=1.0, help="GiB that each references (default: 1)")
    options = parser.parse_args()
    folders = [_PLACE / str(number) for number in range(options.volumes)]
    try:
        chunks = sum(build(folder, int(options.gib * _GIB), data=True).chunks for folder in folders)
        alone(_open, folders)  # makes the indexes
        found = alone(_open, folders)
    finally:
        shutil.rmtree(_PLACE, ignore_errors=True)
    spent = found.spent
    print(f"{len(folders)} idle volumes, {found.roots} roots, {chunks / 1e6:.2f} million chunks in all")
    print(f"  {spent.cpu:.2f} s of CPU, {spent.memory / MB:.0f} MB at most, {spent.more / MB:.0f} MB more than before")
    return judge(
        [
            Target("open", spent.wall, 5, "s"),
            Target("memory of the whole process", spent.memory / MB, 200, "MB"),
            Target("open files", found.files, 1024, "files"),
        ]
    )


def _open(folders: list[Path]) -> _Open:
    shared = RocksShared()
    with ThreadPoolExecutor(len(folders)) as threads:
        volumes, spent = spending(lambda: list(threads.map(lambda folder: open_local_volume(folder, shared), folders)))
        found = _Open(spent, len(list(Path("/proc/self/fd").iterdir())), sum(len(volume.roots()) for volume in volumes))
        list(threads.map(Volume.close, volumes))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
