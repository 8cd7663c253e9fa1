"""Requests of the Galleries service, from the wire to the domain.

All functions raise InvalidRequest with every field that is wrong, RegionUnknown, or NotFound for a subscription.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria_server.catalogue.writes import Change
from galleria_server.domain import gallery, image_definition
from galleria_server.domain.end_of_life import check_new_end_of_life
from galleria_server.domain.gallery import Gallery, GallerySpec
from galleria_server.domain.image_definition import DefinitionSpec, ImageDefinition
from galleria_server.domain.names import (
    GALLERY_ID,
    IMAGE_ID,
    DefinitionName,
    GalleryName,
    parse_gallery,
    parse_group,
    parse_image,
)
from galleria_server.domain.policies import check_spread
from galleria_server.domain.region_names import known_region
from galleria_server.domain.validation import Violations, check_id, check_required, refuse
from galleria_server.services.codec import parse
from galleria_server.services.masks import changed
from galleria_server.services.parsing import check_location, optional_uid


def new_gallery(request: pb.CreateGalleryRequest, regions: Sequence[str]) -> tuple[GalleryName, str, GallerySpec]:
    """Name, location and spec of the gallery that is asked for."""
    group = parse_group("parent", request.parent)
    violations: Violations = []
    spec = parse(request.gallery, GallerySpec, "gallery", violations)
    refuse(
        check_id("gallery_id", request.gallery_id, GALLERY_ID),
        check_required("gallery.location", request.gallery.location),
        violations,
        gallery.check("gallery", spec),
    )
    location = known_region("gallery.location", request.gallery.location, regions)
    return GalleryName(group, request.gallery_id), location, spec


def gallery_change(request: pb.UpdateGalleryRequest) -> tuple[GalleryName, Change[Gallery, GallerySpec]]:
    """Name of the gallery that is to be changed, and how."""
    asked = request.gallery
    name = parse_gallery("gallery.name", asked.name)

    def apply(before: Gallery) -> GallerySpec:
        refuse(check_location("gallery.location", before.location, asked.location))
        return changed(before.spec, asked, request.update_mask, "gallery")

    return name, Change(optional_uid("gallery.uid", asked.uid), asked.etag, apply)


def new_definition(
    request: image_pb.CreateImageDefinitionRequest, regions: Sequence[str], now: datetime
) -> tuple[DefinitionName, str, DefinitionSpec]:
    """Name, location (empty for the gallery's) and spec of the image definition that is asked for."""
    parent = parse_gallery("parent", request.parent)
    path, asked = "image_definition", request.image_definition
    violations: Violations = []
    spec = parse(asked, DefinitionSpec, path, violations)
    refuse(
        check_id("image_definition_id", request.image_definition_id, IMAGE_ID),
        violations,
        image_definition.check(path, spec),
        check_new_end_of_life(path, spec, None, now),
    )
    location = _optional_region(f"{path}.location", asked.location, regions)
    return DefinitionName(parent, request.image_definition_id), location, _with_known_regions(path, spec, regions)


def definition_change(
    request: image_pb.UpdateImageDefinitionRequest, regions: Sequence[str]
) -> tuple[DefinitionName, Change[ImageDefinition, DefinitionSpec]]:
    """Name of the image definition that is to be changed, and how."""
    path, asked = "image_definition", request.image_definition
    name = parse_image(f"{path}.name", asked.name)

    def apply(before: ImageDefinition) -> DefinitionSpec:
        refuse(check_location(f"{path}.location", before.location, asked.location))
        return _with_known_regions(path, changed(before.spec, asked, request.update_mask, path), regions)

    return name, Change(optional_uid(f"{path}.uid", asked.uid), asked.etag, apply)


def _with_known_regions(path: str, spec: DefinitionSpec, regions: Sequence[str]) -> DefinitionSpec:
    policy = spec.spread_policy
    if policy is None:
        return spec
    refuse(check_spread(f"{path}.spread_policy", policy))
    targets = tuple(
        replace(target, region=known_region(f"{path}.spread_policy.target_regions[{i}].region", target.region, regions))
        for i, target in enumerate(policy.target_regions)
    )
    return replace(spec, spread_policy=replace(policy, target_regions=targets))


def _optional_region(field: str, text: str, regions: Sequence[str]) -> str:
    return known_region(field, text, regions) if text else ""
