"""Push and pull of a real image while a collection rewrites packs of the same volume, beside their time without.

python -m benchmarks.beside_collection
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import grpc

from benchmarks import images
from benchmarks.galleria import Galleria, timed
from benchmarks.in_process import PIECE, data_of, push_interleaved
from benchmarks.machine_image import make_images
from benchmarks.server_process import ServerProcess
from galleria.v1 import installation_pb2 as pb
from galleria.v1 import installation_pb2_grpc
from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.volume import open_local_volume
from galleria_storage.volume.pool import SLOTS

MOST = 1.5
_FOLDER = Path("build/beside-collection")
_IMAGES = Path("build/run")
_OCCUPIED = 600 << 20
_RUNS = 5
_DISKS = 16
"""Pushed at once, so that every pack has parts of several; half of them are given up."""
_DISK = 128 << 20
_NEVER = {"GALLERIA_LIMITS__COLLECT_EVERY": "1d", "GALLERIA_LIMITS__SCRUB_EVERY": "30d"}


class Beside(NamedTuple):
    """Seconds that some work took, the part of them in which a collection ran, and bytes that this rewrote."""

    seconds: float
    covered: float
    rewritten: int


def main() -> int:
    """Measure and print; 0 if both targets are met."""
    os.environ.update(_NEVER)
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    old, new = _images()
    made = _FOLDER / "made"
    volume = _make(made, old)
    work: dict[str, Callable[[Galleria], object]] = {
        "push": lambda galleria: galleria.store(new),
        "pull": lambda galleria: galleria.restore(1, _FOLDER / "out.raw"),
    }
    ratios: dict[str, list[float]] = defaultdict(list)
    for number in range(_RUNS + 1):
        for what, do in work.items():
            alone = _run(made, None, do)
            beside = _run(made, volume, do)
            if number:  # the first warms up
                ratios[what].append(beside.seconds / alone.seconds)
                print(
                    f"{what}: alone {alone.seconds:.2f} s, beside a collection {beside.seconds:.2f} s, during "
                    f"{beside.covered:.0%} of which it ran; it rewrote {beside.rewritten / 1e6:.0f} MB"
                )
    shutil.rmtree(_FOLDER)
    met = [_tell(what, values) for what, values in ratios.items()]
    return 0 if all(met) else 1


def _tell(what: str, ratios: list[float]) -> bool:
    ratio = statistics.median(ratios)
    verdict = f"target {MOST}: {'met' if ratio <= MOST else 'NOT MET'}"
    print(f"{what} takes {ratio:.2f} of its time without ({verdict}; {min(ratios):.2f} to {max(ratios):.2f})")
    return ratio <= MOST


def _images() -> tuple[Path, Path]:
    """Two images with nothing in common: the first and the next 600 MiB of what this machine's image has."""
    _IMAGES.mkdir(parents=True, exist_ok=True)
    machine, _ = make_images(_IMAGES)
    old, new = _FOLDER / "old.raw", _FOLDER / "new.raw"
    with old.open("wb") as first, new.open("wb") as second:
        for piece in data_of(machine, 2 * _OCCUPIED):
            (first if first.tell() < _OCCUPIED else second).write(piece)
    return old, new


def _make(data: Path, image: Path) -> str:
    """A server's data: a version to pull, and on the same volume packs that are half garbage. The volume's name."""
    with ServerProcess(data, _FOLDER / "server.log") as server:
        galleria = Galleria(server)
        galleria.store(image)
        galleria.publish(image, 1)
        (volume,) = galleria.volumes()
    folder = next(folder.parent for folder in data.rglob("roots") if any(folder.iterdir()))
    opened = open_local_volume(folder, RocksShared())
    try:
        roots: list[UUID] = push_interleaved(opened, [_noise(number) for number in range(_DISKS)])
        for number, root in enumerate(roots):
            # Four packs are open at a time, and each push has its own in turn: half of what is in each goes.
            if number // SLOTS % 2:
                opened.release(root)
    finally:
        opened.close()
    return str(volume["name"])


def _noise(seed: int) -> Iterator[bytes]:
    source = random.Random(seed)
    for _ in range(_DISK // PIECE):
        yield source.randbytes(PIECE)


def _run(made: Path, volume: str | None, work: Callable[[Galleria], object]) -> Beside:
    """Do some work with a server on a fresh copy of its data, while its volume is collected if that is named."""
    data = _FOLDER / "data"
    _copy(made, data)
    images.touch_memory(_FOLDER)
    os.sync()
    with ServerProcess(data, _FOLDER / "server.log") as server:
        galleria = Galleria(server, fresh=False)
        start = statistics.median(timed(server.run, "region", "list") for _ in range(3))
        collecting = None if volume is None else Collecting(server, volume)
        seconds = timed(work, galleria)
        ended = time.perf_counter()
        rewritten, ran = (0, 0.0) if collecting is None else collecting.result(ended - seconds)
    shutil.rmtree(data)
    (_FOLDER / "out.raw").unlink(missing_ok=True)
    return Beside(seconds - start, min(1.0, ran / seconds), rewritten)


class Collecting:
    """Collections of a volume, one after the other in a thread beside, until nothing is left to do."""

    def __init__(self, server: ServerProcess, volume: str) -> None:
        self._server = server
        self._volume = volume
        self._rewritten = 0
        self._ended = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def result(self, begun: float) -> tuple[int, float]:
        """Wait for the end: bytes rewritten, and seconds that it all took from a time of `perf_counter` on."""
        self._thread.join()
        return self._rewritten, self._ended - begun

    def _run(self) -> None:
        with grpc.insecure_channel(self._server.endpoint) as channel:
            collect = installation_pb2_grpc.OperatorsStub(channel).CollectVolume
            while True:
                found = collect(pb.CollectVolumeRequest(name=self._volume))
                self._rewritten += found.rewritten_bytes
                if not found.rewritten_bytes + found.condemned_bytes:
                    break
        self._ended = time.perf_counter()


def _copy(made: Path, data: Path) -> None:
    """Copy a server's data; sealed packs, which nobody writes to, by a second name."""
    shutil.copytree(made, data, copy_function=_copy_file)


def _copy_file(source: str, target: str) -> None:
    if Path(source).parent.name in {"packs", "pages"}:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


if __name__ == "__main__":
    sys.exit(main())
