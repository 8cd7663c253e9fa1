"""Galleria beside restic, borg and casync on a series of rebuilt images, and beside its own floors.

`make bench` runs it. Everything happens in one run on the same files; ratios are what counts.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks import images
from benchmarks.beside_floors import beside_floors
from benchmarks.galleria import Galleria, timed
from benchmarks.new_chunks import names, new_bytes
from benchmarks.peer_tools import Borg, Casync, Peer, Restic, sizes
from benchmarks.server_process import ServerProcess
from galleria_client.cli.process import prepare_process

_FOLDER = Path("build/peers")


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="repeats behind each median against a floor")
    parser.add_argument("--no-peers", action="store_true", help="only Galleria and its floors")
    options = parser.parse_args()
    prepare_process()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    series = images.series()
    results = {} if options.no_peers else {tool.name: _peer(tool, series) for tool in (Restic, Borg, Casync)}
    with ServerProcess(_FOLDER / "galleria", _FOLDER / "server.log") as server:
        results["galleria"] = _galleria(Galleria(server), series)
    _print_peers(results)
    beside_floors(series, options.runs, _FOLDER)


def _peer(tool: type[Peer], series: list[Path]) -> dict[str, float]:
    peer = tool(_FOLDER.resolve() / tool.name)
    result = {f"store {i}": _warm(image, peer.store, image) for i, image in enumerate(series, start=1)}
    out = _FOLDER / f"{tool.name}-out.raw"
    result["read 4"] = _read(peer.folder, series[3], out, lambda: peer.restore(series[3], out.resolve()))
    result["stored"], result["stored, in blocks"] = peer.stored()
    return result


def _galleria(galleria: Galleria, series: list[Path]) -> dict[str, float]:
    result = {f"store {i}": _warm(image, galleria.store, image) for i, image in enumerate(series, start=1)}
    volumes = galleria.volumes()
    result["stored"] = sum(volume["storedBytes"] for volume in volumes)
    kept = (path for path in galleria.server.data.rglob("*") if {"packs", "pages", "roots"} & set(path.parts))
    result["stored, in blocks"] = sizes(kept)[1]
    result["index"] = sum(volume["indexBytes"] for volume in volumes)
    known: set[bytes] = set()
    for number, image in enumerate(series, start=1):
        result[f"sent {number}"] = galleria.disk(image)["pushStatistics"]["bytesSent"]
        result[f"new chunks {number}"] = new_bytes(image, known)
        galleria.publish(image, number)
    result["again 4"] = _warm(series[3], galleria.store, series[3], "-again")
    result["sent again"] = galleria.disk(series[3], "-again")["pushStatistics"].get("bytesSent", 0)
    out = _FOLDER / "out.raw"
    result["read 4"] = _read(galleria.server.data, series[3], out, lambda: galleria.restore(4, out))
    report = galleria.restore(4, out, "--seed", str(series[2]))
    subprocess.run(["cmp", series[3], out], check=True)
    result["received 4 with seed 3"] = report["receivedBytes"]
    result["new chunks 4 after 3"] = new_bytes(series[3], names(series[2]))
    result["process start"] = statistics.median(timed(galleria.server.run, "region", "list") for _ in range(5))
    return result


def _read(store: Path, image: Path, out: Path, restore: Callable[[], object]) -> float:
    """Median of three times of reading an image back, compared each time."""
    times = []
    for _ in range(3):
        times.append(_warm(store, restore))
        subprocess.run(["cmp", image, out], check=True)
        out.unlink()
    return statistics.median(times)


def _warm(path: Path, work: Callable[..., object], *arguments: object) -> float:
    """Wall seconds of some work on files that are in the page cache, with memory at hand for what it writes."""
    images.touch_memory(_FOLDER)
    images.warm(path)
    return timed(work, *arguments)


def _print_peers(results: dict[str, dict[str, float]]) -> None:
    rows = list(dict.fromkeys(key for result in results.values() for key in result))
    print(f"\n{'seconds, or MB':<24}" + "".join(f"{name:>12}" for name in results))
    for row in rows:
        unit = 1e6 if row.startswith(("sent", "stored", "index", "new", "received")) else 1
        cells = [f"{result[row] / unit:>12,.2f}" if row in result else f"{'':>12}" for result in results.values()]
        print(f"{row:<24}" + "".join(cells))
    ours = results["galleria"]
    for name, peer in results.items():
        if name != "galleria":
            ratios = ", ".join(f"{row} {ours[row] / peer[row]:.2f}" for row in rows if row in peer and row in ours)
            print(f"galleria / {name}: {ratios}")


if __name__ == "__main__":
    main()
