"""A scrub by stored check beside reading the packs, and one by name beside reading, expanding and naming their records.

python -m benchmarks.scrubbing
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3
from zstandard import ZstdDecompressor

from benchmarks import images
from benchmarks.in_process import Spent, Stopwatch, data_of, push_interleaved
from benchmarks.machine_image import make_images
from galleria_storage.compression import ZSTD
from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.packs.format import HEADER_SIZE, TRAILER_SIZE, PackId, decode_entries, footer_bounds
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.volume import Volume, open_local_volume

_FOLDER = Path("build/scrubbing")
_IMAGES = Path("build/run")
_MOST = 1 << 30
_READ = 2 << 20
_COLD = ", from the disk"
_RUNS = 5


class Part(NamedTuple):
    """About 2 MiB of a pack, as a scrub reads them: `records` are codec, start and end of each payload within."""

    pack: Path
    offset: int
    length: int
    records: list[tuple[int, int, int]]


class Target(NamedTuple):
    """What a kind of scrub is held against, and how often that it may take."""

    floor: str
    most: float


TARGETS = {
    "scrub by stored check": Target("reading the packs", 1.5),
    "scrub by stored check" + _COLD: Target("reading the packs" + _COLD, 1.5),
    "scrub against names": Target("read + decompress + BLAKE3", 1.6),
}


def main() -> int:
    """Measure and print; 0 if both targets are met."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _IMAGES.mkdir(parents=True, exist_ok=True)
    image, _ = make_images(_IMAGES)
    volume = open_local_volume(_FOLDER, RocksShared())
    try:
        push_interleaved(volume, [data_of(image, _MOST)])
        packs = sorted(path for folder in ("packs", "pages") for path in (_FOLDER / folder).iterdir())
        print(f"{sum(pack.stat().st_size for pack in packs) / 1e6:.1f} MB in {len(packs)} packs")
        spent = _rounds(volume, packs)
    finally:
        volume.close()
        shutil.rmtree(_FOLDER)
    met = [_tell(what, spent) for what in TARGETS]
    return 0 if all(met) else 1


def _rounds(volume: Volume, packs: list[Path]) -> dict[str, list[Spent]]:
    """What each piece of work took in each round; they are done in turn, and a first round warms up."""
    parts = [part for pack in packs for part in _parts(pack)]
    work: dict[str, Callable[[], object]] = {
        "reading the packs": lambda: [None for _ in _read(parts)],
        "scrub by stored check": lambda: volume.scrub(lambda _: None),
        "read + decompress + BLAKE3": lambda: _expand_and_name(parts),
        "scrub against names": lambda: volume.scrub(lambda _: None, names=True),
    }
    for what in ("reading the packs", "scrub by stored check"):
        work[what + _COLD] = work[what]
    spent: dict[str, list[Spent]] = defaultdict(list)
    for number in range(_RUNS + 1):
        images.warm(*packs)
        for what, do in work.items():
            if what.endswith(_COLD):
                _cool(packs)
            watch = Stopwatch()
            with watch:
                do()
            if number:
                spent[what].append(watch.spent)
    return spent


def _cool(packs: Iterable[Path]) -> None:
    """Let the page cache forget files, so that they are read from the disk."""
    os.sync()
    for pack in packs:
        file = os.open(pack, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def _parts(pack: Path) -> Iterator[Part]:
    data = pack.read_bytes()
    offset, records = HEADER_SIZE, []
    pack_id = PackId(*(int(part, 16) for part in pack.name.split("-")))
    start, length = footer_bounds(data[-TRAILER_SIZE:], pack_id, len(data))
    entries = decode_entries(data[start : start + length])
    for entry in entries:
        start = entry.offset + RECORD_HEADER
        records.append((entry.codec, start - offset, start - offset + entry.stored_length))
        if entry is entries[-1] or start + entry.stored_length - offset >= _READ:
            yield Part(pack, offset, start + entry.stored_length - offset, records)
            offset, records = start + entry.stored_length, []


def _read(parts: Iterable[Part]) -> Iterator[tuple[Part, memoryview]]:
    for pack, several in groupby(parts, lambda part: part.pack):
        file = os.open(pack, os.O_RDONLY)
        try:
            for part in several:
                yield part, memoryview(os.pread(file, part.length, part.offset))
        finally:
            os.close(file)


def _expand_and_name(parts: Iterable[Part]) -> None:
    decompress = ZstdDecompressor().decompress
    for part, data in _read(parts):
        payloads = [(codec, data[start:end]) for codec, start, end in part.records]
        raw = [decompress(payload) if codec == ZSTD else payload for codec, payload in payloads]
        for chunk in raw:
            blake3(chunk).digest()


def _tell(what: str, spent: dict[str, list[Spent]]) -> bool:
    """Print what a scrub took beside its floor; whether the target is met."""
    floor, most = TARGETS[what]
    for name in (floor, what):
        wall, cpu = (statistics.median(seconds) for seconds in zip(*spent[name], strict=True))
        print(f"{name}: {wall:.3f} s (CPU {cpu:.3f} s)")
    pairs = list(zip(spent[what], spent[floor], strict=True))
    walls, cpus = ([mine[i] / its[i] for mine, its in pairs] for i in range(2))
    ratio = statistics.median(walls)
    verdict = f"target {most}: {'met' if ratio <= most else 'NOT MET'}"
    spread = f"{min(walls):.2f} to {max(walls):.2f}, n={len(walls)}; of its CPU {statistics.median(cpus):.2f}"
    print(f"{what} takes {ratio:.2f} of {floor} ({verdict}; {spread})")
    return ratio <= most


if __name__ == "__main__":
    sys.exit(main())
