"""Requests of the Applications service, from the wire to the domain.

All functions raise InvalidRequest with every field that is wrong, or RegionUnknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from galleria.v1 import applications_pb2 as pb
from galleria_server.catalogue.writes import Change
from galleria_server.domain import application, application_version
from galleria_server.domain.application import Application, ApplicationSpec
from galleria_server.domain.application_version import ApplicationVersionSpec
from galleria_server.domain.end_of_life import check_new_end_of_life
from galleria_server.domain.names import (
    APPLICATION_ID,
    VERSION_ID,
    Artifact,
    DefinitionName,
    VersionName,
    parse_application,
    parse_gallery,
    parse_number,
    parse_version,
)
from galleria_server.domain.region_names import known_region
from galleria_server.domain.validation import Violations, check_id, refuse
from galleria_server.domain.version import ApplicationVersion
from galleria_server.services.codec import parse
from galleria_server.services.masks import changed
from galleria_server.services.parsing import check_location, optional_uid
from galleria_server.services.version_requests import refuse_encryption, with_known_regions

APPLICATION = "application"
VERSION = "application_version"


def new_application(
    request: pb.CreateApplicationRequest, regions: Sequence[str], now: datetime
) -> tuple[DefinitionName, str, ApplicationSpec]:
    """Name, location (empty for the gallery's) and spec of the application that is asked for."""
    parent, asked = parse_gallery("parent", request.parent), request.application
    violations: Violations = []
    spec = parse(asked, ApplicationSpec, APPLICATION, violations)
    refuse(
        check_id("application_id", request.application_id, APPLICATION_ID),
        violations,
        application.check(APPLICATION, spec),
        check_new_end_of_life(APPLICATION, spec, None, now),
    )
    location = _optional_region(f"{APPLICATION}.location", asked.location, regions)
    return DefinitionName(parent, request.application_id, Artifact.APPLICATION), location, spec


def application_change(
    request: pb.UpdateApplicationRequest,
) -> tuple[DefinitionName, Change[Application, ApplicationSpec]]:
    """Name of the application that is to be changed, and how."""
    asked = request.application
    name = parse_application(f"{APPLICATION}.name", asked.name)

    def apply(before: Application) -> ApplicationSpec:
        refuse(check_location(f"{APPLICATION}.location", before.location, asked.location))
        return changed(before.spec, asked, request.update_mask, APPLICATION)

    return name, Change(optional_uid(f"{APPLICATION}.uid", asked.uid), asked.etag, apply)


def new_version(
    request: pb.CreateApplicationVersionRequest, regions: Sequence[str]
) -> tuple[VersionName, str, ApplicationVersionSpec]:
    """Name, location (empty for the gallery's) and spec of the application version that is asked for."""
    parent, asked = parse_application("parent", request.parent), request.application_version
    violations: Violations = []
    spec = parse(asked, ApplicationVersionSpec, VERSION, violations)
    refuse(
        check_id("application_version_id", request.application_version_id, VERSION_ID),
        violations,
        application_version.check(VERSION, spec),
    )
    refuse_encryption(f"{VERSION}.target_regions", asked.target_regions, (), parent)
    name = VersionName(parent, parse_number("application_version_id", request.application_version_id))
    location = _optional_region(f"{VERSION}.location", asked.location, regions)
    return name, location, with_known_regions(VERSION, spec, regions)


def version_change(
    request: pb.UpdateApplicationVersionRequest, regions: Sequence[str]
) -> tuple[VersionName, Change[ApplicationVersion, ApplicationVersionSpec]]:
    """Name of the application version that is to be changed, and how."""
    asked = request.application_version
    name = parse_version(f"{VERSION}.name", asked.name, Artifact.APPLICATION)

    def apply(before: ApplicationVersion) -> ApplicationVersionSpec:
        refuse(check_location(f"{VERSION}.location", before.location, asked.location))
        spec = changed(before.spec, asked, request.update_mask, VERSION)
        refuse_encryption(f"{VERSION}.target_regions", asked.target_regions, (), name.definition)
        return with_known_regions(VERSION, spec, regions)

    return name, Change(optional_uid(f"{VERSION}.uid", asked.uid), asked.etag, apply)


def _optional_region(field: str, text: str, regions: Sequence[str]) -> str:
    return known_region(field, text, regions) if text else ""
