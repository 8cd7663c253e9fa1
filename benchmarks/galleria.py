"""Galleria as the benchmarks use it: a real server process and the real command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.server_process import ServerProcess

_IMAGE = ("-g", "images", "-r", "prod", "-i", "debian")
_DEFINITION = ["--publisher", "d", "--offer", "d", "--sku", "d", "--os-type", "Linux", "--os-state", "Generalized"]


class Galleria:
    """Galleria in a peer's role: disks pushed to one region of a real server process, read back from a version.

    A `fresh` one's server knows no gallery yet.
    """

    def __init__(self, server: ServerProcess, *, fresh: bool = True) -> None:
        self.server = server
        if fresh:
            server.run("gallery", "create", "prod", "-g", "images", "-l", "eastus")
            server.run("image-definition", "create", *_IMAGE, *_DEFINITION)

    def store(self, image: Path, suffix: str = "") -> None:
        """Push an image as a disk."""
        self.server.run("disk", "push", str(image), image.stem + suffix, "-g", "images", "-l", "eastus")

    def publish(self, image: Path, number: int) -> None:
        """Make a version of a pushed disk."""
        create = ("image-version", "create", *_IMAGE, "-e", f"1.0.{number}", "--os-disk", image.stem)
        self.server.run(*create, "--target-regions", "eastus=1")

    def restore(self, number: int, target: Path, *options: str) -> Any:  # noqa: ANN401 - JSON
        """Pull a version; the command's report."""
        pull = ("image-version", "pull", *_IMAGE, "-e", f"1.0.{number}", "--region", "eastus", "--output", str(target))
        return self.server.json(*pull, *options)

    def disk(self, image: Path, suffix: str = "") -> Any:  # noqa: ANN401 - JSON
        """What `disk show` says."""
        return self.server.json("disk", "show", image.stem + suffix, "-g", "images")

    def volumes(self) -> Any:  # noqa: ANN401 - JSON
        """What `volume list` says of volumes with something on them."""
        return [volume for volume in self.server.json("volume", "list") if volume.get("roots")]


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Wall seconds of some work."""
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start
