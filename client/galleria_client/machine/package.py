"""Bringing a version's package and configuration to their folder, byte for byte as they were pushed."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from galleria_client.machine.errors import FileDiffers
from galleria_client.machine.folders import file_names, usable
from galleria_client.pull.options import PullOptions
from galleria_client.resource_names import ApplicationName, is_disk_name

if TYPE_CHECKING:
    from galleria.v1.applications_pb2 import ApplicationFile, ApplicationVersion
    from galleria_client._sync.contents import Contents


def bring(
    contents: Contents,
    version: ApplicationVersion,
    name: ApplicationName,
    folder: Path,
    region: str,
    configuration: str,
) -> list[str]:
    """Fetch and verify the package and the configuration, the default one unless another is given; their paths.

    Raises:
        FileDiffers, FilesUnusable, OutputError, CallFailed, GaveUp.
    """
    with usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    options = PullOptions(force=True, fsync=True)
    package, other = (folder / one for one in file_names(name, version))
    contents.pull(version.name, package, region=region, options=options)
    _check(package, version.package_file)
    brought = [package]
    if is_disk_name(configuration):
        contents.pull(configuration, other, options=options)
        brought.append(other)
    elif configuration:
        with usable(other):
            shutil.copyfile(configuration, other)
        brought.append(other)
    elif version.HasField("configuration_file"):
        contents.pull(version.name, other, region=region, configuration=True, options=options)
        _check(other, version.configuration_file)
        brought.append(other)
    return [str(path) for path in brought]


def _check(path: Path, pushed: ApplicationFile) -> None:
    """Hold a file against the length and SHA-256 that its version states; its digest was checked on the way."""
    size = path.stat().st_size
    if size != pushed.size_bytes:
        raise FileDiffers(f"{path} has {size} bytes, {pushed.size_bytes} were pushed")
    if pushed.sha256:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != pushed.sha256:
            raise FileDiffers(f"{path} has SHA-256 {actual}, what was pushed has {pushed.sha256}")
