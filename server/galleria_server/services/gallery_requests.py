"""Requests of the Galleries service, from the wire to the domain.

All functions raise InvalidRequest with every field that is wrong, RegionUnknown, or NotFound for a subscription.
"""

from __future__ import annotations

from collections.abc import Sequence

from galleria.v1 import galleries_pb2 as pb
from galleria_server.catalogue.definitions import NewDefinition
from galleria_server.catalogue.galleries import NewGallery
from galleria_server.catalogue.versions import NewVersion
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.models import TargetRegion
from galleria_server.domain.names import (
    GALLERY_ID,
    IMAGE_ID,
    VERSION_ID,
    GalleryName,
    ImageName,
    VersionName,
    parse_disk,
    parse_gallery,
    parse_group,
    parse_image,
    parse_number,
)
from galleria_server.domain.publishing import MAX_REPLICAS
from galleria_server.domain.region_names import known_region
from galleria_server.domain.validation import (
    check_description,
    check_id,
    check_identifier,
    check_replicas,
    check_required,
    check_tags,
    refuse,
)
from galleria_server.services.enums import ACCOUNTS, ARCHITECTURES, GENERATIONS, OS_STATES, OS_TYPES, check_enum
from galleria_server.services.parsing import known_group

MAX_PUBLISHER = 128
MAX_OFFER = 64
MAX_SKU = 64


def new_gallery(request: pb.CreateGalleryRequest, regions: Sequence[str]) -> NewGallery:
    """The gallery that is asked for."""
    group = known_group(parse_group("parent", request.parent))
    gallery = request.gallery
    refuse(
        check_id("gallery_id", request.gallery_id, GALLERY_ID),
        check_required("gallery.location", gallery.location),
        check_description("gallery.description", gallery.description),
        check_tags("gallery.tags", gallery.tags),
    )
    name = GalleryName(group, request.gallery_id)
    return NewGallery(
        name, known_region("gallery.location", gallery.location, regions), gallery.description, dict(gallery.tags)
    )


def new_definition(request: pb.CreateImageDefinitionRequest, regions: Sequence[str]) -> NewDefinition:
    """The image definition that is asked for."""
    gallery = parse_gallery("parent", request.parent)
    known_group(gallery.group)
    asked = request.image_definition
    _check_definition(request.image_definition_id, asked)
    return NewDefinition(
        name=ImageName(gallery, request.image_definition_id),
        location=_optional_region("image_definition.location", asked.location, regions),
        description=asked.description,
        tags=dict(asked.tags),
        os_type=OS_TYPES[asked.os_type],
        os_state=OS_STATES[asked.os_state],
        publisher=asked.identifier.publisher,
        offer=asked.identifier.offer,
        sku=asked.identifier.sku,
        generation=GENERATIONS[asked.hyper_v_generation],
        architecture=ARCHITECTURES[asked.architecture],
    )


def new_version(request: pb.CreateImageVersionRequest, regions: Sequence[str]) -> NewVersion:
    """The image version that is asked for."""
    image = parse_image("parent", request.parent)
    known_group(image.gallery.group)
    asked = request.image_version
    refuse(
        check_id("image_version_id", request.image_version_id, VERSION_ID),
        check_required("image_version.os_disk", asked.os_disk),
        check_tags("image_version.tags", asked.tags),
    )
    disk = parse_disk("image_version.os_disk", asked.os_disk)
    known_group(disk.group)
    return NewVersion(
        name=VersionName(image, parse_number("image_version_id", request.image_version_id)),
        location=_optional_region("image_version.location", asked.location, regions),
        tags=dict(asked.tags),
        os_disk=disk,
        targets=_targets(asked.target_regions, regions),
        exclude_from_latest=asked.exclude_from_latest,
    )


def _optional_region(field: str, text: str, regions: Sequence[str]) -> str:
    return known_region(field, text, regions) if text else ""


def _check_definition(image_definition_id: str, asked: pb.ImageDefinition) -> None:
    identifier = asked.identifier
    prefix = "image_definition"
    refuse(
        check_id("image_definition_id", image_definition_id, IMAGE_ID),
        check_description(f"{prefix}.description", asked.description),
        check_tags(f"{prefix}.tags", asked.tags),
        check_enum(f"{prefix}.os_type", asked.os_type, OS_TYPES),
        check_enum(f"{prefix}.os_state", asked.os_state, OS_STATES),
        check_identifier(f"{prefix}.identifier.publisher", identifier.publisher, MAX_PUBLISHER),
        check_identifier(f"{prefix}.identifier.offer", identifier.offer, MAX_OFFER),
        check_identifier(f"{prefix}.identifier.sku", identifier.sku, MAX_SKU),
        check_enum(f"{prefix}.hyper_v_generation", asked.hyper_v_generation, GENERATIONS),
        check_enum(f"{prefix}.architecture", asked.architecture, ARCHITECTURES),
    )


def _targets(asked: Sequence[pb.TargetRegion], regions: Sequence[str]) -> tuple[TargetRegion, ...]:
    refuse(*(_check_target(f"image_version.target_regions[{i}]", target) for i, target in enumerate(asked)))
    return tuple(
        TargetRegion(
            known_region("region", target.region, regions),
            target.replica_count or 1,
            ACCOUNTS[target.storage_account_type],
            target.exclude_from_latest,
        )
        for target in asked
    )


def _check_target(field: str, target: pb.TargetRegion) -> list[FieldViolation]:
    return [
        *check_required(f"{field}.region", target.region),
        *check_replicas(f"{field}.replica_count", target.replica_count or 1, MAX_REPLICAS),
        *check_enum(f"{field}.storage_account_type", target.storage_account_type, ACCOUNTS),
    ]
