"""Adoption: rows for a root that belongs to nothing, as after the metadata database was restored or lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID, uuid4

from galleria_server.catalogue import definitions, groups, protection
from galleria_server.catalogue.writes import new_etag
from galleria_server.domain.application_version import ApplicationVersionSpec
from galleria_server.domain.disk_size import kind_of
from galleria_server.domain.errors import AlreadyExists, InvalidRequest, NotFound
from galleria_server.domain.errors_content import RootNotUsable
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.locks import Effect
from galleria_server.domain.models import Copy, CopyState, Disk, DiskState
from galleria_server.domain.names import (
    DISK_ID,
    Artifact,
    DiskName,
    VersionName,
    artifact_of,
    fold,
    parse_disk,
    parse_id,
    parse_version,
)
from galleria_server.domain.placement import Account
from galleria_server.domain.publishing import PublishingSpec, TargetRegion
from galleria_server.domain.version import CONFIGURATION, DATA_DISKS, AnyVersion, Content, Version, VersionState
from galleria_server.metadata import copies, disks, versions
from galleria_server.metadata.engine import Transaction

N = TypeVar("N")
_PART = re.compile(rf"(.*)/({DATA_DISKS}/[0-9]+|{CONFIGURATION})")


@dataclass(frozen=True, slots=True)
class FoundRoot:
    """A root as it lies on a volume: what it says it was pinned for, and its content. Sizes in bytes."""

    id: UUID
    region: str
    zone: str
    volume: str
    tiers: frozenset[str]
    scope: UUID
    resource: UUID
    name: str
    size: int
    occupied: int
    digest: str
    pinned_ms: int

    @property
    def account(self) -> Account:
        """What a replica on a volume of those tiers is at least."""
        return Account.STANDARD_LRS if Account.STANDARD_LRS.tier in self.tiers else Account.PREMIUM_LRS

    @property
    def pinned(self) -> datetime:
        """When it was pinned."""
        return datetime.fromtimestamp(self.pinned_ms / 1000, UTC)


def adopt(transaction: Transaction, root: FoundRoot, disk_id: str) -> str:
    """Make the disk or the copy that the root was pinned for; its resource name.

    `disk_id` is another name for a disk, or empty. Raises RootNotUsable, AlreadyExists, InvalidRequest, ScopeLocked.
    """
    if fold(root.name).rpartition("/")[0].endswith("/disks"):
        return str(_adopt_disk(transaction, root, disk_id))
    if disk_id:
        raise RootNotUsable(str(root.id), "it is of a version, which keeps its name")
    return str(_adopt_version(transaction, root))


def _adopt_disk(transaction: Transaction, root: FoundRoot, disk_id: str) -> DiskName:
    had = _named(root, parse_disk)
    if disks.find_by_uid(transaction, root.resource) is not None:
        raise RootNotUsable(str(root.id), f"the disk {had} is there, and has another root")
    protection.check(transaction, had, Effect.CHANGE)
    group = groups.ensure(transaction, had.group, root.pinned, root.scope)
    name = DiskName(group.name, parse_id("disk_id", disk_id, DISK_ID) if disk_id else had.disk)
    taken = disks.find(transaction, name)
    if taken is not None:
        raise AlreadyExists("disk", str(taken.name))
    disk = Disk(
        uid=root.resource,
        group_uid=group.uid,
        name=name,
        location=root.region,
        volume=root.volume,
        root_id=root.id,
        state=DiskState.READY,
        session=None,
        size_bytes=root.size,
        occupied_bytes=root.occupied,
        digest=root.digest,
        sha256="",
        statistics={},
        create_time=root.pinned,
        ready_time=root.pinned,
        etag=new_etag(),
        kind=kind_of(root.size),
    )
    disks.add(transaction, disk)
    return name


def _adopt_version(transaction: Transaction, root: FoundRoot) -> VersionName:
    name, part = _version_of(root)
    version = versions.find_by_uid(transaction, root.resource) or _new_version(transaction, root, name, part)
    protection.check(transaction, version.name, Effect.CHANGE)
    if version.state is VersionState.DELETING:
        raise RootNotUsable(str(root.id), f"{version.name} is being deleted")
    content = _content_of(transaction, root, version, part)
    own = [copy for copy in copies.of_version(transaction, version.uid) if copy.position == content.position]
    if any((copy.region, copy.volume) == (root.region, root.volume) for copy in own):
        raise RootNotUsable(str(root.id), f"{version.name} has another copy on this volume")
    ordinal = max((copy.ordinal for copy in own if copy.region == root.region), default=-1) + 1
    copy = Copy(
        uid=uuid4(),
        version_uid=version.uid,
        position=content.position,
        region=root.region,
        ordinal=ordinal,
        zone=root.zone,
        volume=root.volume,
        root_id=root.id,
        lease_id=uuid4(),
        state=CopyState.READY,
        done_bytes=root.occupied,
    )
    copies.add(transaction, [copy])
    _order_at_least(transaction, version, TargetRegion(root.region, ordinal + 1, root.account))
    return version.name


def _version_of(root: FoundRoot) -> tuple[VersionName, str]:
    """The version that a root was pinned for, and the part of it, as `Version.part` says it."""
    matched = _PART.fullmatch(root.name)
    name, part = (root.name, "") if matched is None else matched.groups()
    return _named(replace(root, name=name), lambda field, text: parse_version(field, text, artifact_of(text))), part


def _content_of(transaction: Transaction, root: FoundRoot, version: AnyVersion, part: str) -> Content:
    """The version's content that the root has; a part that the version lacks is added."""
    found = next((content for content in version.contents if version.part(content.position) == part), None)
    if found is None:
        lun = part.rpartition("/")[2]
        found = _content(root, len(version.contents), int(lun) if lun.isdecimal() else None)
        versions.add_contents(transaction, version.uid, [found])
    if found.digest != root.digest:
        raise RootNotUsable(str(root.id), f"{version.name} has other content, {found.digest}")
    return found


def _order_at_least(transaction: Transaction, version: AnyVersion, wanted: TargetRegion) -> None:
    """Order as many replicas in a region, unless as many are ordered there."""
    before = next((target for target in version.target_regions if target.region == wanted.region), None)
    if before is not None and before.replica_count >= wanted.replica_count:
        return
    more = wanted if before is None else replace(before, replica_count=wanted.replica_count)
    others = (target for target in version.target_regions if target.region != wanted.region)
    spec = replace(version.spec, target_regions=(*others, more))
    versions.change(transaction, replace(version, spec=spec))


def _new_version(transaction: Transaction, root: FoundRoot, name: VersionName, part: str) -> AnyVersion:
    taken = versions.find(transaction, name)
    if taken is not None:
        raise AlreadyExists(name.definition.artifact.version_kind, str(taken.name))
    if part:
        raise RootNotUsable(str(root.id), f"it is {part} of {name}: adopt the root of {name} itself first")
    try:
        definition = definitions.require(transaction, name.definition)
    except NotFound as error:
        reason = f"create the gallery and {name.definition} first"
        raise RootNotUsable(str(root.id), reason) from error
    spec, state = _adopted_spec(name, TargetRegion(root.region, 1, root.account))
    version: AnyVersion = Version(
        uid=root.resource,
        group_uid=root.scope,
        definition_uid=definition.uid,
        name=VersionName(definition.name, name.number),
        location=root.region,
        spec=spec,
        contents=(_content(root, 0, None),),
        state=state,
        operation_uid=uuid4(),
        create_time=root.pinned,
        update_time=root.pinned,
        published_time=root.pinned,
        etag=new_etag(),
    )
    versions.add(transaction, version)
    return version


def _adopted_spec(name: VersionName, target: TargetRegion) -> tuple[PublishingSpec, VersionState]:
    """What is known of a version. An application's lacks its commands: created again it keeps its bytes."""
    if name.definition.artifact is Artifact.APPLICATION:
        return ApplicationVersionSpec(target_regions=(target,)), VersionState.FAILED
    return ImageVersionSpec(target_regions=(target,)), VersionState.SUCCEEDED


def _content(root: FoundRoot, position: int, lun: int | None) -> Content:
    return Content(
        position=position,
        lun=lun,
        source="",
        source_disk_uid=None,
        source_version_uid=None,
        size_bytes=root.size,
        occupied_bytes=root.occupied,
        digest=root.digest,
        sha256="",
    )


def _named(root: FoundRoot, parse: Callable[[str, str], N]) -> N:
    try:
        return parse("resource", root.name)
    except InvalidRequest as error:
        reason = f"what it was pinned for, {root.name!r}, is no disk and no version"
        raise RootNotUsable(str(root.id), reason) from error
