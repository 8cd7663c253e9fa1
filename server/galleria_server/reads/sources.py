"""From what a caller names to the content and the places that hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from galleria.v1 import contents_pb2 as pb
from galleria_server.catalogue import disks as disk_catalogue
from galleria_server.catalogue.resolving import readable, resolve
from galleria_server.clock import Clock
from galleria_server.domain.errors import FieldViolation, NotFound, WrongState
from galleria_server.domain.errors_content import ContentMismatch, NotInRegion
from galleria_server.domain.models import DiskState
from galleria_server.domain.names import (
    Artifact,
    DiskName,
    VersionName,
    artifact_of,
    fold,
    parse_disk,
    parse_version,
    parse_version_or_latest,
)
from galleria_server.domain.region_names import known_region
from galleria_server.domain.validation import refuse
from galleria_server.domain.version import CONFIGURATION, DATA_DISKS
from galleria_server.metadata.engine import MetadataPool, Transaction
from galleria_server.reads.content import Content, Location
from galleria_server.reads.locations import disk_location, own_locations, source_locations
from galleria_server.volumes.registry import Volumes


class Sources:
    """Finds contents in the metadata."""

    def __init__(self, metadata: MetadataPool, regions: Sequence[str], volumes: Volumes, clock: Clock) -> None:
        self._metadata = metadata
        self._regions = regions
        self._volumes = volumes
        self._clock = clock

    async def find(self, source: pb.ContentSource, *, latest: bool = False) -> Content:
        """The content that is meant, its locations in the order in which to read them.

        `latest` says whether a version's name may end in it. Raises InvalidRequest, NotFound, RegionUnknown,
        NotInRegion, WrongState, ContentMismatch.
        """
        content = await self._find(source, latest=latest)
        if source.digest and source.digest != content.digest:
            raise ContentMismatch(content.name, source.digest, content.digest)
        return replace(content, locations=tuple(sorted(content.locations, key=lambda at: self._rank(content, at))))

    async def _find(self, source: pb.ContentSource, *, latest: bool) -> Content:
        if fold(source.name).rpartition("/")[0].endswith("/disks"):
            if source.HasField("lun"):
                refuse([FieldViolation("source.lun", "is for versions, a disk has no others")])
            if source.configuration:
                refuse([FieldViolation("source.configuration", "is for application versions")])
            region = known_region("source.region", source.region, self._regions) if source.region else ""
            return await self._metadata.read(_disk_content, parse_disk("source.name", source.name), region)
        parse = parse_version_or_latest if latest else parse_version
        name, now = parse("source.name", source.name, artifact_of(source.name)), self._clock()
        region = known_region("source.region", source.region, self._regions)
        part = _part(source, name.definition.artifact)
        return await self._metadata.read(_version_content, name, region, part, now, deployed=latest)

    def _rank(self, content: Content, location: Location) -> tuple[bool, bool, int]:
        """The region's copies first, those of them that are least busy before the others."""
        candidate = self._volumes.candidate(location.region, location.volume)
        return location.region != content.region, candidate is None, candidate.load if candidate else 0


def _disk_content(transaction: Transaction, name: DiskName, region: str) -> Content:
    disk = disk_catalogue.get(transaction, name)
    if disk.state is not DiskState.READY:
        raise WrongState(disk_catalogue.KIND, str(disk.name), disk.state.value, DiskState.READY.value)
    if region and region != disk.location:
        raise NotInRegion(str(disk.name), region)
    return Content(
        str(disk.name), disk.location, disk.digest, disk.size_bytes, disk.occupied_bytes, (disk_location(disk),)
    )


def _part(source: pb.ContentSource, artifact: Artifact) -> str:
    """Which content of a version is meant, as `Version.part` says it. Raises InvalidRequest."""
    if artifact is Artifact.APPLICATION:
        if source.HasField("lun"):
            refuse([FieldViolation("source.lun", "is for image versions")])
        return CONFIGURATION if source.configuration else ""
    if source.configuration:
        refuse([FieldViolation("source.configuration", "is for application versions")])
    return f"{DATA_DISKS}/{source.lun}" if source.HasField("lun") else ""


def _version_content(
    transaction: Transaction, name: VersionName, region: str, part: str, now: datetime, *, deployed: bool
) -> Content:
    """A content of a version, which is deployed anew or read on."""
    found = resolve(transaction, name, region, now) if deployed else None
    version = found.version if found else readable(transaction, name, region, now)
    content = next((content for content in version.contents if version.part(content.position) == part), None)
    if content is None:
        kind = "data disk" if name.definition.artifact is Artifact.IMAGE else "default configuration"
        raise NotFound(kind, f"{version.name}/{part}")
    own = own_locations(transaction, version, content)
    return Content(
        str(version.name),
        region,
        content.digest,
        content.size_bytes,
        content.occupied_bytes,
        tuple(dict.fromkeys((*own, *source_locations(transaction, content)))),
        found.warnings if found else (),
    )
