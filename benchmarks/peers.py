"""Galleria beside restic, borg and casync on a series of rebuilt images, and beside its own floors.

`make bench` runs it. Everything happens in one run on the same files; ratios are what counts.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import floors, images
from benchmarks.peer_tools import Borg, Casync, Peer, Restic
from benchmarks.server_process import ServerProcess
from benchmarks.wire import wire_seconds

_FOLDER = Path("build/peers")
_IMAGE = ("-g", "images", "-r", "prod", "-i", "debian")


class Galleria:
    """Galleria in the same role: disks pushed to one region of a real server process, read back from a version."""

    name = "galleria"

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        server.run("gallery", "create", "prod", "-g", "images", "-l", "eastus")
        definition = (
            "--publisher",
            "d",
            "--offer",
            "d",
            "--sku",
            "d",
            "--os-type",
            "Linux",
            "--os-state",
            "Generalized",
        )
        server.run("image-definition", "create", *_IMAGE, *definition)

    def store(self, image: Path, suffix: str = "") -> None:
        """Push an image as a disk."""
        self.server.run("disk", "push", str(image), image.stem + suffix, "-g", "images", "-l", "eastus")

    def publish(self, image: Path, number: int, regions: tuple[str, ...] = ("eastus=1",)) -> None:
        """Make a version of a pushed disk."""
        create = ("image-version", "create", *_IMAGE, "-e", f"1.0.{number}", "--os-disk", image.stem)
        self.server.run(*create, "--target-regions", *regions)

    def restore(self, number: int, target: Path, *options: str) -> None:
        """Pull a version."""
        pull = ("image-version", "pull", *_IMAGE, "-e", f"1.0.{number}", "--region", "eastus", "--output", str(target))
        self.server.run(*pull, *options)

    def disk(self, image: Path, suffix: str = "") -> Any:  # noqa: ANN401 - JSON
        """What `disk show` says."""
        return self.server.json("disk", "show", image.stem + suffix, "-g", "images")

    def volumes(self) -> Any:  # noqa: ANN401 - JSON
        """What `volume list` says of volumes with something on them."""
        return [volume for volume in self.server.json("volume", "list") if volume.get("roots")]


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="repeats behind each median against a floor")
    parser.add_argument("--no-peers", action="store_true", help="only Galleria and its floors")
    options = parser.parse_args()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    series = images.series()
    results = {} if options.no_peers else {tool.name: _peer(tool, series) for tool in (Restic, Borg, Casync)}
    with ServerProcess(_FOLDER / "galleria", _FOLDER / "server.log") as server:
        results["galleria"] = _galleria(Galleria(server), series)
    _print_peers(results)
    _against_floors(series, options.runs)


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Wall seconds of some work."""
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def _peer(tool: type[Peer], series: list[Path]) -> dict[str, float]:
    peer = tool(_FOLDER.resolve() / tool.name)
    result = {f"store {i}": timed(peer.store, image) for i, image in enumerate(series, start=1)}
    out = _FOLDER / f"{tool.name}-out.raw"
    result["read 4"] = timed(peer.restore, series[3], out.resolve())
    subprocess.run(["cmp", series[3], out], check=True)
    out.unlink()
    result["stored"] = peer.stored()
    return result


def _galleria(galleria: Galleria, series: list[Path]) -> dict[str, float]:
    result = {f"store {i}": timed(galleria.store, image) for i, image in enumerate(series, start=1)}
    volumes = galleria.volumes()
    result["stored"] = sum(volume["storedBytes"] for volume in volumes)
    result["index"] = sum(volume["indexBytes"] for volume in volumes)
    for number, image in enumerate(series, start=1):
        result[f"sent {number}"] = galleria.disk(image)["pushStatistics"]["bytesSent"]
        galleria.publish(image, number)
    result["again 4"] = timed(galleria.store, series[3], "-again")
    result["sent again"] = galleria.disk(series[3], "-again")["pushStatistics"].get("bytesSent", 0)
    out = _FOLDER / "out.raw"
    result["read 4"] = timed(galleria.restore, 4, out)
    subprocess.run(["cmp", series[3], out], check=True)
    out.unlink()
    result["read 4, third as seed"] = timed(galleria.restore, 4, out, "--seed", str(series[2]))
    subprocess.run(["cmp", series[3], out], check=True)
    result["process start"] = statistics.median(timed(galleria.server.run, "region", "list") for _ in range(5))
    return result


def _print_peers(results: dict[str, dict[str, float]]) -> None:
    rows = list(dict.fromkeys(key for result in results.values() for key in result))
    print(f"\n{'seconds, or MB':<24}" + "".join(f"{name:>12}" for name in results))
    for row in rows:
        unit = 1e6 if row.startswith(("sent", "stored", "index")) else 1
        cells = [f"{result[row] / unit:>12,.2f}" if row in result else f"{'':>12}" for result in results.values()]
        print(f"{row:<24}" + "".join(cells))
    ours = results["galleria"]
    for name, peer in results.items():
        if name != "galleria":
            ratios = ", ".join(f"{row} {ours[row] / peer[row]:.2f}" for row in rows if row in peer and row in ours)
            print(f"galleria / {name}: {ratios}")


def _against_floors(series: list[Path], runs: int) -> None:
    """Cold push, push of nothing new and pull, each beside its floor, interleaved; medians."""
    ratios: dict[str, list[float]] = {"cold push": [], "nothing new": [], "pull": []}
    for number in range(runs + 1):
        floor = floors.measure(series[0], wire_seconds, _FOLDER)
        data = _FOLDER / f"floor-{number}"
        with ServerProcess(data, _FOLDER / "server.log") as server:
            galleria = Galleria(server)
            start = statistics.median(timed(server.run, "region", "list") for _ in range(3))
            cold = timed(galleria.store, series[0]) - start
            again = timed(galleria.store, series[0], "-again") - start
            galleria.publish(series[0], 1)
            pulled = timed(galleria.restore, 1, _FOLDER / "floor.raw") - start
        (_FOLDER / "floor.raw").unlink()
        shutil.rmtree(data)
        if number:
            ratios["cold push"].append(cold / floor.push)
            ratios["nothing new"].append(again / floor.nothing_new)
            ratios["pull"].append(pulled / floor.pull)
            print(
                f"run {number}: push {cold:.2f} s of {floor.push:.2f}; again {again:.2f} s of {floor.nothing_new:.2f}; "
                f"pull {pulled:.2f} s of {floor.pull:.2f}"
            )
    for what, values in ratios.items():
        middle, low, high = statistics.median(values), min(values), max(values)
        print(f"{what}: {middle:.2f} of its floor ({low:.2f} to {high:.2f}, n={len(values)})")


if __name__ == "__main__":
    main()
