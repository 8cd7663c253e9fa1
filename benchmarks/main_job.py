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
    """One line of the table. Bytes and seconds; `stored` is what the volumes grew by."""

    what: str
    virtual: int
    bytes: int
    sent: int
    stored: int
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
    before = _stored(server)
    pushed = _timed(lambda: server.run("disk", "push", str(image), disk, "-g", "images", "-l", "eastus"))
    shown = server.json("disk", "show", disk, "-g", "images")
    virtual, occupied = shown["sizeBytes"], shown["occupiedBytes"]
    sent = shown["pushStatistics"]["bytesSent"]
    after_push = _stored(server)
    create = ("image-version", "create", *_PLACE, "-e", version, "--os-disk", disk, "--target-regions", *_REGIONS)
    published = _timed(lambda: server.run(*create))
    after_publish = _stored(server)
    pull = ("image-version", "pull", *_PLACE, "-e", "latest", "--region", "westeurope", "--output", str(out))
    pulled = _timed(lambda: server.run(*pull))
    return [
        Step(f"{version}: push", virtual, occupied, sent, after_push - before, pushed),
        Step(f"{version}: publish 6 replicas", virtual * 6, occupied * 6, 0, after_publish - after_push, published),
        Step(f"{version}: pull", virtual, occupied, 0, 0, pulled),
    ]


def _stored(server: ServerProcess) -> int:
    return sum(volume.get("storedBytes", 0) for volume in server.json("volume", "list"))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _compare(one: Path, other: Path) -> bool:
    return _digest(one) == _digest(other)


def _digest(path: Path) -> str:
    return blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest()


def _print(steps: list[Step], shown: str, volumes: Any) -> None:  # noqa: ANN401 - JSON
    print(f"\n{'step':<26}{'virtual':>10}{'occupied':>12}{'sent':>12}{'new stored':>14}{'seconds':>9}{'GB/s':>7}")
    for step in steps:
        rate = step.bytes / step.seconds / 1e9
        sent = f"{step.sent / 1e6:,.1f} MB" if step.sent else ""
        stored = f"{step.stored / 1e6:,.1f} MB" if step.stored else ""
        sizes = f"{step.virtual / 1e9:>7,.1f} GB{step.bytes / 1e6:>9,.0f} MB{sent:>12}{stored:>14}"
        print(f"{step.what:<26}{sizes}{step.seconds:>9.2f}{rate:>7.2f}")
    stored = sum(volume.get("storedBytes", 0) for volume in volumes)
    logical = sum(volume.get("logicalBytes", 0) for volume in volumes)
    print(f"\nstored on {len(volumes)} volumes: {stored / 1e6:,.0f} MB for {logical / 1e9:,.1f} GB of virtual disks")
    for step in steps[3:5]:
        print(f"the second version: {step.what} cost {step.stored / 1e6:,.1f} MB")
    print(f"\n{shown}")


if __name__ == "__main__":
    sys.exit(main())
