"""The index at sixteen million chunks beside one of one million, as a volume configures it.

Both are filled in batches with the rows that a push makes, in CHUNKS and SCOPES, and then measured by turns, each with
a cache of its own, as in two processes: 1,024 names added durably, 1,024 absent ones looked up, 1,024 present ones.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.targets import FOLDER, Target, judge
from galleria_storage.index import Batch, RocksIndex, RocksShared, Table
from galleria_storage.records import CHUNK
from galleria_storage.volume.rows import chunk_prefix, scope_prefix

_PLACE = FOLDER / "index"
_AT_ONCE = 1024
_FILLED_AT_ONCE = 16 << 10
_REMEMBERED = 1024
_ROW = bytes(23)
_CHUNKS = chunk_prefix(CHUNK, 0)
_SCOPE = scope_prefix(bytes(16), CHUNK)
_MILLION = 1_000_000


class Filled:
    """An index with so many chunks, some of whose names are remembered."""

    def __init__(self, path: Path, chunks: int) -> None:
        self._random = np.random.default_rng(chunks)
        self._index = RocksIndex.create(path, RocksShared())
        kept = []
        for first in range(0, chunks, _FILLED_AT_ONCE):
            names = self._names(min(_FILLED_AT_ONCE, chunks - first))
            self._add(names)
            kept += names[:_REMEMBERED]
        self._present = kept

    def add(self) -> float:
        """Seconds of adding new names durably."""
        names = self._names(_AT_ONCE)
        start = time.perf_counter()
        self._add(names)
        return time.perf_counter() - start

    def absent(self) -> float:
        """Seconds of looking up names that are not there."""
        return self._look_up(self._names(_AT_ONCE), 0)

    def present(self) -> float:
        """Seconds of looking up names from all over the table."""
        chosen = self._random.integers(0, len(self._present), _AT_ONCE).tolist()
        return self._look_up([self._present[number] for number in chosen], _AT_ONCE)

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def _names(self, count: int) -> list[bytes]:
        found: list[bytes] = np.frombuffer(self._random.bytes(32 * count), "V32").tolist()
        return found

    def _add(self, names: list[bytes]) -> None:
        batch = Batch()
        for name in names:
            batch.put(Table.CHUNKS, _CHUNKS + name, _ROW)
        for name in names:
            batch.put(Table.SCOPES, _SCOPE + name, b"")
        self._index.apply(batch)

    def _look_up(self, names: list[bytes], expected: int) -> float:
        start = time.perf_counter()
        rows = self._index.get(Table.CHUNKS, [_CHUNKS + name for name in names])
        seconds = time.perf_counter() - start
        if sum(row is not None for row in rows) != expected:
            raise RuntimeError(f"{expected} of {len(rows)} names were to be found")
        return seconds


def main() -> int:
    """Print the figures; 0 if the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, default=16, help="chunks of the large index (default: 16)")
    parser.add_argument("--turns", type=int, default=100, help="turns that are measured (default: 100)")
    options = parser.parse_args()
    shutil.rmtree(_PLACE, ignore_errors=True)
    try:
        small = Filled(_PLACE / "small", _MILLION)
        start = time.perf_counter()
        large = Filled(_PLACE / "large", options.millions * _MILLION)
        print(f"index of {options.millions} million chunks beside one million; filled in", end=" ")
        print(f"{time.perf_counter() - start:.0f} s, {_size(_PLACE / 'large') / 1e6:.0f} MB on the disk")
        for path in _PLACE.rglob("*.sst"):
            path.read_bytes()  # into the page cache
        found = _measured(small, large, options.turns)
    finally:
        shutil.rmtree(_PLACE, ignore_errors=True)
    return _judged(found)


def _measured(small: Filled, large: Filled, turns: int) -> dict[str, tuple[float, float]]:
    """Median milliseconds of each piece of work, for the large and the small index."""
    seconds: defaultdict[tuple[str, Filled], list[float]] = defaultdict(list)
    for turn in range(2 * turns):
        for index in (small, large):
            for what in ("add", "absent", "present"):
                taken = getattr(index, what)()
                if turn >= turns:  # the first half warms up
                    seconds[what, index].append(taken)
    for index in (small, large):
        index.close()
    medians = {key: statistics.median(values) * 1000 for key, values in seconds.items()}
    return {what: (medians[what, large], medians[what, small]) for what, _ in seconds}


def _judged(found: dict[str, tuple[float, float]]) -> int:
    targets = []
    for what, bound in (("add", 2), ("absent", 2), ("present", 5)):
        large, small = found[what]
        print(f"  1,024 {what}: {large:.2f} ms, {small:.2f} ms at one million")
        targets.append(Target(f"1,024 {what}, of the time at one million", large / small, bound, "x", True))
    targets.append(Target("1,024 present", found["present"][0], 20, "ms", reached_is_met=True))
    return judge(targets)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


if __name__ == "__main__":
    raise SystemExit(main())
