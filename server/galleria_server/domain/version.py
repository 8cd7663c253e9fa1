"""Versions of images and applications: immutable contents, and how they are published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar
from uuid import UUID

from galleria_server.domain.application_version import ApplicationVersionSpec
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.names import Artifact, VersionName, VersionNumber
from galleria_server.domain.publishing import PublishingSpec, TargetRegion
from galleria_server.domain.soft_deletion import ImageState, SoftDeletion


class VersionState(Enum):
    """Where a version is in its life."""

    CREATING = "creating"
    UPDATING = "updating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DELETING = "deleting"


OS_DISK = "osDisk"
"""What the operating system disk is called where disks are told apart by name."""
OS_DISK = "osDisk"
"""What the operating system disk is called where disks are told apart by name."""
DATA_DISKS = "dataDisks"
"""What stands before the LUN where a data disk is named."""
CONFIGURATION = "configuration"
"""What a configuration is named by below its application version."""

UNDER_WAY = (VersionState.CREATING, VersionState.UPDATING)
"""States of a version some of whose copies may be on their way."""


@dataclass(frozen=True, slots=True)
class Content:
    """One of the contents of a version: 0 is an image's operating system disk, the next are its data disks.

    Of an application 0 is the package, 1 the default configuration.

    It comes from a disk, whose name is `source`, or from another version; either may be gone. Sizes are in bytes.
    """

    position: int
    lun: int | None
    source: str
    source_disk_uid: UUID | None
    source_version_uid: UUID | None
    size_bytes: int
    occupied_bytes: int
    digest: str
    sha256: str


def digests_of(contents: Sequence[Content]) -> dict[str, str]:
    """The digests of an image's disks, by osDisk and dataDisks/LUN."""
    names = (OS_DISK if content.lun is None else f"{DATA_DISKS}/{content.lun}" for content in contents)
    return dict(zip(names, (content.digest for content in contents), strict=True))


Spec_co = TypeVar("Spec_co", bound=PublishingSpec, covariant=True)


@dataclass(frozen=True, slots=True)
class Version(Generic[Spec_co]):
    """A version, in `definition_uid`; `group_uid` is the resource group's, which places its copies.

    `operation_uid` is the newest operation that made copies of it.
    """

    uid: UUID
    group_uid: UUID
    definition_uid: UUID
    name: VersionName
    location: str
    spec: Spec_co
    contents: tuple[Content, ...]
    state: VersionState
    operation_uid: UUID
    create_time: datetime
    update_time: datetime
    published_time: datetime | None
    etag: str
    soft_deletion: SoftDeletion | None = None

    @property
    def number(self) -> VersionNumber:
        """Its number; a stored version is never `latest`."""
        if self.name.number is None:
            raise ValueError(self.name)
        return self.name.number

    @property
    def image_state(self) -> ImageState:
        """Whether it is deleted and may be restored."""
        return ImageState.ACTIVE if self.soft_deletion is None else ImageState.SOFT_DELETED

    def may_be_used(self, now: datetime) -> bool:
        """Whether it may be used by its exact name: one that is soft-deleted may for a while."""
        return self.soft_deletion is None or now < self.soft_deletion.consumption_end_time

    @property
    def target_regions(self) -> tuple[TargetRegion, ...]:
        """Where it is wanted, all settled."""
        return self.spec.target_regions

    @property
    def size_bytes(self) -> int:
        """Virtual size of all contents."""
        return sum(content.size_bytes for content in self.contents)

    @property
    def occupied_bytes(self) -> int:
        """Bytes outside holes of all contents."""
        return sum(content.occupied_bytes for content in self.contents)

    def content(self, position: int) -> Content:
        """The content at that position."""
        return self.contents[position]

    def content_name(self, position: int) -> str:
        """What the roots of a content are pinned for: the version, or a part of it."""
        part = self.part(position)
        return f"{self.name}/{part}" if part else str(self.name)

    def part(self, position: int) -> str:
        """What a content is called below its version; empty for the first."""
        lun = self.contents[position].lun
        if position and self.name.definition.artifact is Artifact.APPLICATION:
            return CONFIGURATION
        return "" if lun is None else f"{DATA_DISKS}/{lun}"


AnyVersion = Version[PublishingSpec]
ImageVersion = Version[ImageVersionSpec]
ApplicationVersion = Version[ApplicationVersionSpec]
