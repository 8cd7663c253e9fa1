"""What new versions are made from: disks with content, wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from galleria_server.catalogue.replicas import Home
from galleria_server.domain.errors import NotFound, WrongState
from galleria_server.domain.models import Disk, DiskState
from galleria_server.domain.names import parse_disk
from galleria_server.domain.publishing import Spec
from galleria_server.domain.version import Content
from galleria_server.metadata import disks
from galleria_server.metadata.engine import Transaction


@dataclass(frozen=True, slots=True)
class Source(Generic[Spec]):
    """The contents that a version gets, the spec that names them as they are, and where they lie, by position."""

    spec: Spec
    contents: tuple[Content, ...]
    homes: tuple[Home, ...]


def ready_disk(transaction: Transaction, path: str, text: str) -> Disk:
    """The disk that a field names. Raises InvalidRequest, NotFound, WrongState for one without content."""
    name = parse_disk(path, text)
    disk = disks.find(transaction, name)
    if disk is None:
        raise NotFound("disk", str(name))
    if disk.state is not DiskState.READY:
        raise WrongState("disk", str(disk.name), disk.state.value, DiskState.READY.value)
    return disk


def content_of(position: int, lun: int | None, disk: Disk) -> Content:
    """The content of a version that a disk becomes."""
    return Content(
        position=position,
        lun=lun,
        source=str(disk.name),
        source_disk_uid=disk.uid,
        source_version_uid=None,
        size_bytes=disk.size_bytes,
        occupied_bytes=disk.occupied_bytes,
        digest=disk.digest,
        sha256=disk.sha256,
    )
