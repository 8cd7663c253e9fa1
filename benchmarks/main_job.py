"""The main job on a real image: push, publish to three regions, show, pull, compare; then the next version.

`make run` runs it. IMAGE=path takes an image; without one it makes two from this machine's files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

from benchmarks.machine_image import make_images
from benchmarks.server_process import ServerProcess

_REGIONS = ("eastus=2", "westus=1", "westeurope=3")
_PLACE = ("-g", "images", "-r", "prod", "-i", "debian")
_FOLDER = Path("build/run")


class Step(NamedTuple):
    """One line of the table. Bytes and seconds."""

    what: str
    bytes: int
    sent: int
    seconds: float


def main() -> int:
    """Run the job; 0 if every byte came back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, help="a raw disk image to publish")
    image = parser.parse_args().image
    _FOLDER.mkdir(parents=True, exist_ok=True)
    data = _FOLDER / "data"
    shutil.rmtree(data, ignore_errors=True)
    first, second = (image, None) if image else _own_images()
    with ServerProcess(data, _FOLDER / "server.log") as server:
        print(f"server on {server.endpoint}, data in {data}")
        _prepare(server)
        steps = _version(server, first, "debian-1", "1.0.0")
        if second is not None:
            steps += _version(server, second, "debian-2", "1.0.1")
        shown = server.run("image-version", "show", *_PLACE, "-e", "1.0.0", "-o", "table")
        same = _compare(first, _FOLDER / "out-1.0.0.raw") and (
            second is None or _compare(second, _FOLDER / "out-1.0.1.raw")
        )
        volumes = server.json("volume", "list")
    _print(steps, shown, volumes)
    print("checksums: equal" if same else "checksums: DIFFERENT")
    return 0 if same else 1


def _own_images() -> tuple[Path, Path]:
    print("making two images from this machine's files (once) ...")
    return make_images(_FOLDER)


def _prepare(server: ServerProcess) -> None:
    server.run("gallery", "create", "prod", "-g", "images", "-l", "eastus")
    server.run(
        *("image-definition", "create", *_PLACE, "--publisher", "debian", "--offer", "debian-12", "--sku", "cloud"),
        *("--os-type", "Linux", "--os-state", "Generalized"),
    )


def _version(server: ServerProcess, image: Path, disk: str, version: str) -> list[Step]:
    out = _FOLDER / f"out-{version}.raw"
    out.unlink(missing_ok=True)
    pushed = _timed(lambda: server.run("disk", "push", str(image), disk, "-g", "images", "-l", "eastus"))
    shown = server.json("disk", "show", disk, "-g", "images")
    occupied = shown["occupiedBytes"]
    sent = shown["pushStatistics"]["bytesSent"]
    create = ("image-version", "create", *_PLACE, "-e", version, "--os-disk", disk, "--target-regions", *_REGIONS)
    published = _timed(lambda: server.run(*create))
    pull = ("image-version", "pull", *_PLACE, "-e", "latest", "--region", "westeurope", "--output", str(out))
    pulled = _timed(lambda: server.run(*pull))
    return [
        Step(f"{version}: push", occupied, sent, pushed),
        Step(f"{version}: publish 6 replicas", occupied * 6, 0, published),
        Step(f"{version}: pull", occupied, 0, pulled),
    ]


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _compare(one: Path, other: Path) -> bool:
    return _digest(one) == _digest(other)


def _digest(path: Path) -> str:
    return blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest()


def _print(steps: list[Step], shown: str, volumes: Any) -> None:  # noqa: ANN401 - JSON
    print(f"\n{'step':<26}{'occupied':>12}{'sent':>12}{'seconds':>9}{'GB/s':>7}")
    for step in steps:
        rate = step.bytes / step.seconds / 1e9
        sent = f"{step.sent / 1e6:,.1f} MB" if step.sent else ""
        print(f"{step.what:<26}{step.bytes / 1e6:>9,.0f} MB{sent:>12}{step.seconds:>9.2f}{rate:>7.2f}")
    stored = sum(volume.get("storedBytes", 0) for volume in volumes)
    logical = sum(volume.get("logicalBytes", 0) for volume in volumes)
    print(f"\nstored on {len(volumes)} volumes: {stored / 1e6:,.0f} MB for {logical / 1e9:,.1f} GB of virtual disks\n")
    print(shown)


if __name__ == "__main__":
    sys.exit(main())
