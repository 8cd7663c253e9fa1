"""What the stages of a push and a pull cost alone, on the same bytes: the floor that no pipeline gets under.

Each stage runs by itself, warmed, its output dropped. The floor of a piece of work is the larger of the CPU seconds
of its stages divided by the cores, and its written bytes divided by the disk's rate in this run.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.cutting import chunks_of
from galleria_storage.compression import compress, expand
from galleria_storage.digest import names_of
from galleria_storage.proof import prove
from galleria_storage.rules import BLOCK_CDC_1 as RULE

_BATCH = 48
_STRETCH = 4 << 20
_T = TypeVar("_T")
CORES = os.cpu_count() or 1


@dataclass(slots=True)
class Floors:
    """CPU seconds of each stage, bytes, and the disk's rate in bytes a second with fsync."""

    seconds: Counter[str] = field(default_factory=Counter)
    occupied: int = 0
    unique: int = 0
    stored: int = 0
    disk_rate: float = 0.0

    def spend(self, stage: str, work: Callable[..., _T], *arguments: object) -> _T:
        """Do some work and add its CPU seconds to a stage."""
        start = time.process_time()
        result = work(*arguments)
        self.seconds[stage] += time.process_time() - start  # type: ignore[assignment]
        return result

    @property
    def push(self) -> float:
        """Floor of a cold push, both sides on the same cores, in seconds."""
        both = sum(self.seconds[stage] for stage in ("scan", "name", "compress", "wire"))
        both += sum(self.seconds[stage] for stage in ("expand", "name", "prove", "store"))
        return max(both / CORES, self.stored / self.disk_rate)

    @property
    def nothing_new(self) -> float:
        """Floor of a push of what is there, not divided by the cores: one scanner reads, cuts and names."""
        return self.seconds["scan"] + self.seconds["name"]

    @property
    def pull(self) -> float:
        """Floor of a pull without fsync, both sides on the same cores."""
        return sum(self.seconds[stage] for stage in ("wire", "expand", "name", "write")) / CORES


def measure(image: Path, wire_seconds: Callable[[int], float], scratch: Path) -> Floors:
    """Measure all stages on the data of an image. `wire_seconds(n)` gives the CPU seconds n bytes take over gRPC."""
    floors = Floors()
    seen: set[bytes] = set()
    with (scratch / "floor-image").open("wb", 0) as target, (scratch / "floor-packs").open("wb", 0) as packs:
        for chunks in _scanned(image, floors):
            _stages(floors, chunks, seen, target.fileno(), packs.fileno())
    for path in (target.name, packs.name):
        Path(path).unlink()
    floors.seconds["wire"] = wire_seconds(floors.stored)  # type: ignore[assignment]
    floors.disk_rate = _disk_rate(scratch)
    return floors


def _stages(floors: Floors, chunks: Sequence[memoryview], seen: set[bytes], target: int, packs: int) -> None:
    names = floors.spend("name", names_of, chunks)
    floors.occupied += sum(map(len, chunks))
    fresh = [chunk for chunk, digest in zip(chunks, names, strict=True) if digest not in seen]
    seen.update(names)
    floors.unique += sum(map(len, fresh))
    for first in range(0, len(fresh), _BATCH):
        batch = fresh[first : first + _BATCH]
        packed = floors.spend("compress", compress, batch, 1)
        floors.stored += sum(len(payload) for _, payload in packed)
        floors.spend("store", os.writev, packs, [payload for _, payload in packed])
        floors.spend("expand", _expand, batch, packed)
        floors.spend("prove", _prove, batch)
    floors.spend("write", os.writev, target, chunks[:1000])
    for first in range(1000, len(chunks), 1000):
        floors.spend("write", os.writev, target, chunks[first : first + 1000])


def _scanned(image: Path, floors: Floors) -> Iterator[list[memoryview]]:
    """The chunks of each stretch of data, read and cut. The views are valid for one turn.

    Stretches are small enough to be cut and named out of the processor's cache. Where they end, and at file holes, the
    cuts are not quite the layout's, but the bytes are.
    """
    buffer = memoryview(bytearray(_STRETCH))
    file = os.open(image, os.O_RDONLY)
    try:
        for offset, length in _extents(file):
            yield floors.spend("scan", _scan, file, offset, buffer[:length])
    finally:
        os.close(file)


def _extents(file: int) -> Iterator[tuple[int, int]]:
    size, end = os.fstat(file).st_size, 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:
            return
        end = min(os.lseek(file, start, os.SEEK_HOLE), (start // _STRETCH + 1) * _STRETCH)
        yield start, end - start


def _scan(file: int, offset: int, view: memoryview) -> list[memoryview]:
    os.preadv(file, [view], offset)
    return chunks_of(view)


def _prove(batch: Sequence[memoryview]) -> None:
    for raw in batch:
        prove(raw, RULE)


def _expand(batch: Sequence[memoryview], packed: Sequence[tuple[int, bytes | memoryview]]) -> None:
    for raw, (codec, payload) in zip(batch, packed, strict=True):
        expand(codec, payload, len(raw), len(raw))


def _disk_rate(scratch: Path, size: int = 512 << 20) -> float:
    """Bytes a second of writing and fsync, in files of 64 MiB."""
    block = os.urandom(1 << 20)
    start = time.perf_counter()
    for number in range(size >> 26):
        path = scratch / f"rate-{number}"
        with path.open("wb") as file:
            for _ in range(64):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    rate = size / (time.perf_counter() - start)
    for number in range(size >> 26):
        (scratch / f"rate-{number}").unlink()
    return rate
