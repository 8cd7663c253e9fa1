"""Requests about image versions, from the wire to the domain.

All functions raise InvalidRequest with every field that is wrong, RegionUnknown, or EncryptionUnavailable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from galleria.v1 import image_versions_pb2 as pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.catalogue.writes import Change
from galleria_server.domain import application_version, encryption, image_version, target_regions
from galleria_server.domain.encryption import RegionEncryption
from galleria_server.domain.errors import EncryptionUnavailable, FieldViolation
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.names import (
    VERSION_ID,
    Artifact,
    DefinitionName,
    VersionName,
    parse_image,
    parse_number,
    parse_version,
    region_key,
)
from galleria_server.domain.publishing import Spec, TargetRegion
from galleria_server.domain.region_names import known_region
from galleria_server.domain.target_regions import Targets
from galleria_server.domain.validation import Violations, check_id, refuse
from galleria_server.domain.version import AnyVersion, ImageVersion
from galleria_server.services.codec import parse
from galleria_server.services.masks import changed
from galleria_server.services.parsing import check_location, optional_uid, parsed

FIELD = "image_version"


def new_version(
    request: pb.CreateImageVersionRequest, regions: Sequence[str]
) -> tuple[VersionName, str, ImageVersionSpec]:
    """Name, location (empty for the gallery's) and spec of the image version that is asked for."""
    image = parse_image("parent", request.parent)
    asked = request.image_version
    violations: Violations = []
    spec = parse(asked, ImageVersionSpec, FIELD, violations)
    refuse(
        check_id("image_version_id", request.image_version_id, VERSION_ID),
        violations,
        image_version.check(FIELD, spec),
    )
    luns = [disk.lun for disk in spec.data_disks]
    refuse_encryption(f"{FIELD}.target_regions", asked.target_regions, luns, image)
    name = VersionName(image, parse_number("image_version_id", request.image_version_id))
    location = known_region(f"{FIELD}.location", asked.location, regions) if asked.location else ""
    return name, location, with_known_regions(FIELD, spec, regions)


def version_change(
    request: pb.UpdateImageVersionRequest, regions: Sequence[str]
) -> tuple[VersionName, Change[ImageVersion, ImageVersionSpec]]:
    """Name of the image version that is to be changed, and how."""
    asked = request.image_version
    name = parse_version(f"{FIELD}.name", asked.name)

    def apply(before: ImageVersion) -> ImageVersionSpec:
        refuse(check_location(f"{FIELD}.location", before.location, asked.location))
        spec = changed(before.spec, asked, request.update_mask, FIELD)
        luns = [content.lun for content in before.contents if content.lun is not None]
        refuse_encryption(f"{FIELD}.target_regions", asked.target_regions, luns, name.definition)
        return with_known_regions(FIELD, spec, regions)

    return name, Change(optional_uid(f"{FIELD}.uid", asked.uid), asked.etag, apply)


def added_regions(request: pb.AddTargetRegionsRequest, regions: Sequence[str]) -> Callable[[AnyVersion], Targets]:
    """What becomes of the target regions of a version."""
    wanted = [parsed(target, TargetRegion, f"target_regions[{i}]") for i, target in enumerate(request.target_regions)]
    if not wanted:
        refuse([FieldViolation("target_regions", "is required")])
    named = [
        replace(target, region=known_region(f"target_regions[{i}].region", target.region, regions))
        for i, target in enumerate(wanted)
    ]

    def apply(before: AnyVersion) -> Targets:
        targets = target_regions.added(before, named)
        luns = [content.lun for content in before.contents if content.lun is not None]
        refuse_encryption("target_regions", request.target_regions, luns, before.name.definition)
        return targets

    return apply


def removed_regions(request: pb.RemoveTargetRegionsRequest) -> Callable[[AnyVersion], Targets]:
    """What becomes of the target regions of a version."""
    leaving = {region_key(region) for region in request.regions}
    if not leaving:
        refuse([FieldViolation("regions", "is required")])
    return lambda before: target_regions.removed(before, leaving)


def counted_region(request: pb.SetReplicaCountRequest) -> Callable[[AnyVersion], Targets]:
    """What becomes of the target regions of a version."""
    if not request.replica_count:
        refuse([FieldViolation("replica_count", "is required")])
    region = region_key(request.region)
    return lambda before: target_regions.counted(before, region, request.replica_count)


def with_known_regions(path: str, spec: Spec, regions: Sequence[str]) -> Spec:
    """The spec with regions by their short names. Raises RegionUnknown."""
    targets = tuple(
        replace(target, region=known_region(f"{path}.target_regions[{i}].region", target.region, regions))
        for i, target in enumerate(spec.target_regions)
    )
    return replace(spec, target_regions=targets)


def refuse_encryption(
    path: str, targets: Sequence[publishing_pb.TargetRegion], luns: Sequence[int], definition: DefinitionName
) -> None:
    """Check all that is asked of encryption, then refuse it: nothing is stored as if it were encrypted."""
    asked_for = [i for i, target in enumerate(targets) if target.HasField("encryption")]
    if not asked_for:
        return
    if definition.artifact is Artifact.APPLICATION:
        refuse(application_version.check_unencrypted(path, asked_for))
    wanted = [
        (
            f"{path}[{i}].encryption",
            target.region,
            parsed(target.encryption, RegionEncryption, f"{path}[{i}].encryption"),
        )
        for i, target in enumerate(targets)
    ]
    refuse(encryption.check(wanted, luns, definition.gallery.group.subscription))
    first, region, _ = wanted[asked_for[0]]
    raise EncryptionUnavailable(first, region)
