"""Image versions: create, get, list, resolve, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import definitions, galleries, regions
from galleria_server.catalogue.settlement import end_cancelled, settle_version
from galleria_server.catalogue.writes import check_etag, new_etag
from galleria_server.domain.errors import AlreadyExists, NotFound, WrongState
from galleria_server.domain.errors_content import NotInRegion
from galleria_server.domain.image_definition import ImageDefinition
from galleria_server.domain.models import (
    Copy,
    CopyState,
    Disk,
    DiskState,
    ImageVersion,
    Operation,
    OperationState,
    TargetRegion,
    Verb,
    VersionState,
)
from galleria_server.domain.names import DiskName, ImageName, VersionName, VersionNumber
from galleria_server.domain.placement import Place
from galleria_server.domain.publishing import settled_targets
from galleria_server.domain.tags import Tags
from galleria_server.metadata import copies, disks, operations, versions
from galleria_server.metadata.engine import Transaction

KIND = "image version"

PlaceCopies = Callable[[UUID, Sequence[TargetRegion], tuple[str, str] | None], Sequence[Place]]
"""Chooses volumes: resource group, target regions, region and volume of the source. Raises NotEnoughVolumes."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version that somebody asked for; an empty `location` means the gallery's, no targets one replica there."""

    name: VersionName
    location: str
    tags: Tags
    os_disk: DiskName
    targets: tuple[TargetRegion, ...]
    exclude_from_latest: bool


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version with all its copies."""

    version: ImageVersion
    copies: tuple[Copy, ...]


def create(transaction: Transaction, new: NewVersion, place: PlaceCopies, now: datetime) -> Operation:
    """Add a version, its copies and the operation that makes them.

    Raises NotFound, AlreadyExists, InvalidRequest, WrongState for a disk without content, NotEnoughVolumes.
    """
    definition = definitions.require(transaction, new.name.image)
    galleries.require_writable(transaction, new.name.image.gallery)
    existing = versions.find(transaction, new.name)
    if existing is not None:
        raise AlreadyExists(KIND, str(existing.name))
    disk = _ready_disk(transaction, new.os_disk)
    version = _version(transaction, new, definition, disk, now)
    used = {version.location, *(target.region for target in version.target_regions)}
    regions.check_access(transaction, new.name.image.gallery.group.subscription, sorted(used))
    places = place(version.group_uid, version.target_regions, (disk.location, disk.volume))
    versions.add(transaction, version)
    copies.add(transaction, [_pending(version.uid, where) for where in places])
    return _begin(transaction, version, Verb.CREATE, version.operation_uid, now)


def get(transaction: Transaction, name: VersionName, region: str) -> VersionView:
    """The version of that name; `latest` is resolved in `region`. Raises NotFound, NotInRegion."""
    version = _require(transaction, name) if name.number else resolve(transaction, name, region)
    return view(transaction, version)


def view(transaction: Transaction, version: ImageVersion) -> VersionView:
    """The version with its copies."""
    return VersionView(version, tuple(copies.of_version(transaction, version.uid)))


def page(transaction: Transaction, image: ImageName, below: VersionNumber | None, limit: int) -> list[VersionView]:
    """Up to `limit` versions, highest first, those less than `below`. Raises NotFound for the definition."""
    definition = definitions.require(transaction, image)
    found = versions.page(transaction, definition.uid, below, limit)
    of_each = copies.of_versions(transaction, [version.uid for version in found])
    return [VersionView(version, tuple(of_each[version.uid])) for version in found]


def resolve(transaction: Transaction, name: VersionName, region: str) -> ImageVersion:
    """The version that `name` means in `region`; `latest` is one that is usable there.

    One all whose copies there lack something is read as far as it goes. Raises NotFound when there is no such version
    at all, NotInRegion when none can be read there.
    """
    if name.number is None:
        return _latest(transaction, name, region)
    version = _require(transaction, name)
    if version.state is VersionState.DELETING:
        raise NotFound(KIND, str(version.name))
    if not copies.served(transaction, version.uid, region):
        raise NotInRegion(str(version.name), region)
    return version


def remove(transaction: Transaction, name: VersionName, etag: str, now: datetime) -> Operation:
    """Begin to delete a version; its creation ends as cancelled. One that is being deleted has its operation already.

    Raises NotFound, EtagMismatch.
    """
    version = _require(transaction, name)
    galleries.require_writable(transaction, name.image.gallery)
    check_etag(str(version.name), etag, version.etag)
    running = operations.running_on(transaction, version.uid)
    deletion = next((operation for operation in running if operation.verb is Verb.DELETE), None)
    if deletion is not None:
        return deletion
    for creation in running:
        end_cancelled(transaction, creation.uid, creation.target, now)
    versions.set_state(transaction, version.uid, VersionState.DELETING, new_etag())
    copies.delete_all(transaction, version.uid)
    operation = _begin(transaction, version, Verb.DELETE, uuid4(), now)
    settle_version(transaction, version.uid, now)
    return operation


def _latest(transaction: Transaction, name: VersionName, region: str) -> ImageVersion:
    definition = definitions.require(transaction, name.image)
    version = versions.find_latest(transaction, definition.uid, region)
    if version is not None:
        return version
    if versions.count(transaction, definition.uid) == 0:
        raise NotFound(KIND, str(name))
    raise NotInRegion(str(name), region)


def _require(transaction: Transaction, name: VersionName) -> ImageVersion:
    version = versions.find(transaction, name)
    if version is None:
        raise NotFound(KIND, str(name))
    return version


def _ready_disk(transaction: Transaction, name: DiskName) -> Disk:
    disk = disks.find(transaction, name)
    if disk is None:
        raise NotFound("disk", str(name))
    if disk.state is not DiskState.READY:
        raise WrongState("disk", str(disk.name), disk.state.value, DiskState.READY.value)
    return disk


def _version(
    transaction: Transaction, new: NewVersion, definition: ImageDefinition, disk: Disk, now: datetime
) -> ImageVersion:
    gallery = galleries.require(transaction, definition.name.gallery)
    location = new.location or gallery.location
    return ImageVersion(
        uid=uuid4(),
        group_uid=gallery.group_uid,
        definition_uid=definition.uid,
        name=VersionName(definition.name, new.name.number),
        location=location,
        tags=new.tags,
        source_disk_uid=disk.uid,
        source_disk=str(disk.name),
        target_regions=settled_targets(location, new.targets),
        exclude_from_latest=new.exclude_from_latest,
        size_bytes=disk.size_bytes,
        occupied_bytes=disk.occupied_bytes,
        digest=disk.digest,
        sha256=disk.sha256,
        state=VersionState.CREATING,
        operation_uid=uuid4(),
        create_time=now,
        published_time=None,
        etag=new_etag(),
    )


def _pending(version_uid: UUID, where: Place) -> Copy:
    return Copy(
        uid=uuid4(),
        version_uid=version_uid,
        region=where.region,
        ordinal=where.ordinal,
        zone=where.zone,
        volume=where.volume,
        root_id=uuid4(),
        lease_id=uuid4(),
        state=CopyState.PENDING,
    )


def _begin(transaction: Transaction, version: ImageVersion, verb: Verb, uid: UUID, now: datetime) -> Operation:
    running = OperationState.RUNNING
    operation = Operation(uid, verb, version.uid, str(version.name), running, False, None, now, None)
    operations.add(transaction, operation)
    return operation
