"""A mark of a volume that references much, and a collection when nothing was released.

Pages, roots and footers are real and lie in the page cache, as they were just written; chunks are only names in them,
which is all that a mark looks at: see `referenced_volume`. Each measurement has a process of its own.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.referenced_volume import TIB, build
from benchmarks.targets import FOLDER, MB, Spent, Target, alone, judge, spending
from galleria_storage import roots
from galleria_storage.index import RocksIndex, RocksShared
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume import open_local_volume
from galleria_storage.volume.core import Core, system_clock
from galleria_storage.volume.identity import take_over
from galleria_storage.volume.marking import mark

_PLACE = FOLDER / "marking"
_MARKS = 3
_COLLECTIONS = 21
_SMALLER = 64


class _Collected(NamedTuple):
    """A whole collection that finds nothing to do, and seconds of those after it, with nothing released."""

    packs: int
    whole: Spent
    idle: list[float]


def main() -> int:
    """Print the figures; 0 if the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tib", type=float, default=1.0, help="TiB to reference (default: 1)")
    share = parser.parse_args().tib
    try:
        small = _collected(share / _SMALLER)
        large = _collected(share)
        marks = alone(_mark, _PLACE)
    finally:
        shutil.rmtree(_PLACE, ignore_errors=True)
    wall = statistics.median(spent.wall for _, spent in marks)
    more = max(spent.more for _, spent in marks)
    print(f"mark of {share:g} TiB referenced, {marks[0][0] / 1e6:.1f} million chunks, page cache warm")
    for _, spent in marks:
        print(f"  {spent.wall:.2f} s, {spent.cpu:.2f} s of CPU, {spent.more / MB:.0f} MB more than before")
    print(f"a whole collection with that mark, beside {large.packs} packs: {large.whole.wall:.1f} s", end=", ")
    print(f"{large.whole.cpu:.1f} s of CPU, {large.whole.more / MB:.0f} MB more")
    idle, before = (statistics.median(found.idle) * 1000 for found in (large, small))
    print(f"nothing released since: {idle:.3f} ms, beside {small.packs} packs {before:.3f} ms")
    per_tib = f" (measured with {share:g})" if share != 1 else ""
    return judge(
        [
            Target(f"mark per TiB referenced{per_tib}", wall / share, 15, "s"),
            Target(f"memory of a mark of {share:g} TiB", more / MB, 400, "MB", reached_is_met=True),
            Target("collection with nothing released, the slowest", max(large.idle) * 1000, 50, "ms"),
        ]
    )


def _collected(share: float) -> _Collected:
    build(_PLACE, int(share * TIB), data=True)
    alone(_make_index, _PLACE)
    return alone(_collect, _PLACE)


def _make_index(folder: Path) -> None:
    open_local_volume(folder, RocksShared()).close()


def _mark(folder: Path) -> list[tuple[int, Spent]]:
    """Chunks of each mark, and what it took."""
    store, index = LocalObjectStore(folder), RocksIndex.open(folder / "index", RocksShared())
    core = Core(store, index, take_over(store, "volume"), [BLOCK_CDC_1], system_clock)
    parsed = [roots.parse_object_name(info.name) for info in store.list(f"{roots.FOLDER}/")]
    files = [(root, store.read(roots.object_name(root))) for root, _ in filter(None, parsed)]
    found = [roots.decode(root, data) for root, data in files if data is not None]
    marks = []
    for _ in range(_MARKS):
        chunks, spent = spending(lambda: len(mark(core, found, lambda: None).chunks.keys))
        marks.append((chunks, spent))
    index.close()
    store.close()
    return marks


def _collect(folder: Path) -> _Collected:
    volume = open_local_volume(folder, RocksShared())
    collected, whole = spending(volume.collect)
    idle = []
    for _ in range(_COLLECTIONS):
        start = time.perf_counter()
        volume.collect()
        idle.append(time.perf_counter() - start)
    volume.close()
    return _Collected(collected.packs, whole, idle)


if __name__ == "__main__":
    raise SystemExit(main())
