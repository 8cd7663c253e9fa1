"""Applications and their versions, from the domain to the wire."""

from __future__ import annotations

from galleria.v1 import applications_pb2 as pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.catalogue.versions import VersionView
from galleria_server.domain.application_version import CONFIGURATION, PACKAGE
from galleria_server.domain.definition_kinds import AnyDefinition
from galleria_server.domain.resolving import Resolved
from galleria_server.domain.version import AnyVersion
from galleria_server.services.codec import render
from galleria_server.services.convert_publishing import envelope, replication, resolution, timestamp
from galleria_server.services.enums import VERSION_STATES, to_wire


def application(found: AnyDefinition) -> pb.Application:
    """An application."""
    return pb.Application(
        **render(found.spec, pb.Application.DESCRIPTOR),
        **envelope(found),
        provisioning_state=publishing_pb.PROVISIONING_STATE_SUCCEEDED,
    )


def application_version(view: VersionView) -> pb.ApplicationVersion:
    """An application version with its replication status."""
    found = view.version
    return pb.ApplicationVersion(
        **render(found.spec, pb.ApplicationVersion.DESCRIPTOR),
        **envelope(found),
        package_file=_file(found, PACKAGE),
        configuration_file=_file(found, CONFIGURATION),
        provisioning_state=to_wire(found.state, VERSION_STATES),
        replication=replication(view),
        published_time=timestamp(found.published_time),
    )


def resolved(view: VersionView, found: Resolved) -> pb.ResolveApplicationVersionResponse:
    """The version that is meant, and why."""
    return pb.ResolveApplicationVersionResponse(application_version=application_version(view), **resolution(found))


def _file(found: AnyVersion, position: int) -> pb.ApplicationFile | None:
    content = next((content for content in found.contents if content.position == position), None)
    if content is None:
        return None
    return pb.ApplicationFile(
        size_bytes=content.size_bytes,
        occupied_bytes=content.occupied_bytes,
        digest=content.digest,
        sha256=content.sha256,
    )
