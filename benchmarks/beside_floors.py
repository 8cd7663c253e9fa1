"""Galleria beside its own floors and beside `cp`, interleaved; medians of the ratios."""

from __future__ import annotations

import os
import shutil
import statistics
from collections import defaultdict
from pathlib import Path

from benchmarks import floors, images
from benchmarks.copying import copy_and_cp
from benchmarks.galleria import Galleria, timed
from benchmarks.server_process import ServerProcess
from benchmarks.wire import wire_seconds

_WHAT = {
    "push": "cold push takes {} of its floor",
    "again": "a push of nothing new takes {} of its floor",
    "pull": "pull takes {} of its floor",
    "cp": "cp with fsync takes {} of a copy's time",
}


def beside_floors(series: list[Path], runs: int, folder: Path) -> None:
    """Push the first image cold and again, pull it, copy it to a second volume; print each beside its floor."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for number in range(runs + 1):
        line, found = _run(series[0], folder)
        if number:  # the first warms up
            print(f"run {number}: {line}")
            for what, ratio in found.items():
                ratios[what].append(ratio)
    for what, values in ratios.items():
        spread = f"({min(values):.2f} to {max(values):.2f}, n={len(values)})"
        print(_WHAT[what].format(f"{statistics.median(values):.2f}"), spread)


def _run(image: Path, folder: Path) -> tuple[str, dict[str, float]]:
    data, out = folder / "floor", folder / "floor.raw"
    images.touch_memory(folder)
    images.warm(image)
    floor = floors.measure(image, wire_seconds, folder)
    stolen = _stolen()
    with ServerProcess(data, folder / "server.log") as server:
        galleria = Galleria(server)
        start = statistics.median(timed(server.run, "region", "list") for _ in range(3))
        cold = timed(galleria.store, image) - start
        again = timed(galleria.store, image, "-again") - start
        galleria.publish(image, 1)
        images.touch_memory(folder)
        pulled = timed(galleria.restore, 1, out) - start
    stolen = _stolen() - stolen
    out.unlink()
    images.touch_memory(folder)
    copying, cp, packed = copy_and_cp(data / "volumes", folder / "copies")
    shutil.rmtree(data)
    line = (
        f"push {cold:.2f} s of {floor.push:.2f}; again {again:.2f} s of {floor.nothing_new:.2f}; "
        f"pull {pulled:.2f} s of {floor.pull:.2f}; copy of {packed / 1e6:.0f} MB {copying:.3f} s, cp {cp:.3f} s; "
        f"{stolen:.2f} s of the cores were others'"
    )
    ratios = {"push": cold / floor.push, "again": again / floor.nothing_new, "pull": pulled / floor.pull}
    return line, {**ratios, "cp": cp / copying}


def _stolen() -> float:
    """Core seconds since the start of a virtual machine that its host gave to others; a floor does not see them."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")
