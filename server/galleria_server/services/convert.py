"""Resources, from the domain to the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from google.longrunning.operations_pb2 import Operation as WireOperation
from google.protobuf.empty_pb2 import Empty
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from galleria.v1 import applications_pb2 as application_pb
from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.catalogue.operations import OperationView
from galleria_server.catalogue.versions import VersionView
from galleria_server.domain.definition_kinds import AnyDefinition
from galleria_server.domain.gallery import Gallery
from galleria_server.domain.models import Failure, Verb
from galleria_server.domain.names import Artifact, artifact_of, format_operation
from galleria_server.domain.progress import Pace, cost, pace
from galleria_server.domain.replication import done_bytes, total_bytes, wanted
from galleria_server.domain.resolving import Resolved
from galleria_server.domain.version import Content
from galleria_server.errors import DOMAIN, code_of_reason, packed
from galleria_server.services.codec import render
from galleria_server.services.convert_applications import application_version
from galleria_server.services.convert_publishing import envelope, parent_state, replication, resolution, timestamp
from galleria_server.services.enums import IMAGE_STATES, VERSION_STATES, to_wire


def gallery(found: Gallery) -> pb.Gallery:
    """A gallery."""
    return pb.Gallery(
        **render(found.spec, pb.Gallery.DESCRIPTOR),
        **envelope(found),
        unique_name=found.unique_name,
        provisioning_state=parent_state(found),
    )


def definition(found: AnyDefinition) -> image_pb.ImageDefinition:
    """An image definition."""
    return image_pb.ImageDefinition(
        **render(found.spec, image_pb.ImageDefinition.DESCRIPTOR),
        **envelope(found),
        provisioning_state=parent_state(found),
    )


def version(view: VersionView) -> version_pb.ImageVersion:
    """An image version with its replication status."""
    found = view.version
    os_disk = found.content(0)
    wire = version_pb.ImageVersion(
        **render(found.spec, version_pb.ImageVersion.DESCRIPTOR),
        **envelope(found),
        size_bytes=os_disk.size_bytes,
        occupied_bytes=os_disk.occupied_bytes,
        digest=os_disk.digest,
        sha256=os_disk.sha256,
        provisioning_state=to_wire(found.state, VERSION_STATES),
        replication=replication(view) if view.with_copies else (),
        published_time=timestamp(found.published_time),
        image_state=to_wire(found.image_state, IMAGE_STATES),
    )
    if found.soft_deletion is not None:
        wire.MergeFrom(version_pb.ImageVersion(**render(found.soft_deletion, version_pb.ImageVersion.DESCRIPTOR)))
    _add_data_disks(wire, found.contents[1:])
    return wire


def resolved(view: VersionView, found: Resolved) -> version_pb.ResolveImageVersionResponse:
    """The version that is meant, and why."""
    return version_pb.ResolveImageVersionResponse(image_version=version(view), **resolution(found))


def _add_data_disks(wire: version_pb.ImageVersion, contents: Sequence[Content]) -> None:
    """Tell of each data disk what it holds, also of those that the spec does not name."""
    shown = {disk.lun: disk for disk in wire.data_disks}
    for content in contents:
        disk = shown.get(content.lun or 0) or wire.data_disks.add(lun=content.lun or 0)
        disk.size_bytes, disk.occupied_bytes = content.size_bytes, content.occupied_bytes
        disk.digest, disk.sha256 = content.digest, content.sha256


def any_version(view: VersionView) -> version_pb.ImageVersion | application_pb.ApplicationVersion:
    """A version of either kind."""
    return application_version(view) if view.version.name.definition.artifact is Artifact.APPLICATION else version(view)


def operation(view: OperationView, now: datetime) -> WireOperation:
    """An operation on a version, its metadata computed from what is there at `now`."""
    found = view.operation
    wire = WireOperation(name=format_operation(found.uid), done=found.done)
    wire.metadata.Pack(_metadata(view, now))
    if found.failure is not None:
        wire.error.CopyFrom(_failure(found.failure))
    elif found.done:
        wire.response.Pack(_response(view))
    return wire


def _metadata(view: OperationView, now: datetime) -> publishing_pb.VersionMetadata:
    found, target = view.operation, view.target
    metadata = publishing_pb.VersionMetadata(
        target=found.target,
        verb=found.verb.value,
        create_time=timestamp(found.create_time),
        end_time=timestamp(found.end_time),
    )
    if target is not None:
        kept = wanted(target.version, target.copies)
        metadata.replication.extend(replication(target))
        metadata.done_bytes = done_bytes(target.version, kept)
        metadata.total_bytes = total_bytes(target.version, kept)
        _add_pace(metadata, pace(found, metadata.done_bytes, metadata.total_bytes, now))
        ordered = cost(target.version)
        metadata.replica_bytes, metadata.egress_bytes = ordered.replica_bytes, ordered.egress_bytes
    return metadata


def _add_pace(metadata: publishing_pb.VersionMetadata, found: Pace) -> None:
    metadata.bytes_per_second = found.bytes_per_second
    if found.remaining is not None:
        metadata.remaining.FromTimedelta(found.remaining)


def _response(view: OperationView) -> version_pb.ImageVersion | application_pb.ApplicationVersion | Empty:
    found = view.operation
    if found.verb is Verb.DELETE:
        return Empty()
    if view.target is None:
        return _gone(found.target, found.target_uid)
    return any_version(view.target)


def _gone(name: str, uid: UUID) -> version_pb.ImageVersion | application_pb.ApplicationVersion:
    """A version that was deleted since, told by name and uid."""
    if artifact_of(name) is Artifact.APPLICATION:
        return application_pb.ApplicationVersion(name=name, uid=str(uid))
    return version_pb.ImageVersion(name=name, uid=str(uid))


def _failure(failure: Failure) -> Status:
    info = ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=failure.metadata)
    return Status(code=code_of_reason(failure.reason), message=failure.message, details=packed(iter([info])))
