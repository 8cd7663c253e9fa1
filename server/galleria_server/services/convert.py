"""Resources, from the domain to the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.longrunning.operations_pb2 import Operation as WireOperation
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.catalogue.operations import OperationView
from galleria_server.catalogue.versions import VersionView
from galleria_server.domain.gallery import Gallery
from galleria_server.domain.image_definition import ImageDefinition
from galleria_server.domain.models import Failure, Verb
from galleria_server.domain.names import format_operation
from galleria_server.domain.progress import Pace, cost, pace
from galleria_server.domain.replication import RegionStatus, ReplicaStatus, done_bytes, replication, total_bytes, wanted
from galleria_server.domain.resolving import Resolved
from galleria_server.domain.version import AnyVersion, Content
from galleria_server.errors import DOMAIN, code_of_reason, packed
from galleria_server.services.codec import render
from galleria_server.services.enums import COPY_STATES, IMAGE_STATES, SKIP_REASONS, VERSION_STATES, to_wire


def timestamp(time: datetime | None) -> Timestamp | None:
    """A UTC time; None stays unset."""
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def gallery(found: Gallery) -> pb.Gallery:
    """A gallery."""
    return pb.Gallery(
        **render(found.spec, pb.Gallery.DESCRIPTOR),
        **_envelope(found),
        unique_name=found.unique_name,
        provisioning_state=_parent_state(found),
    )


def definition(found: ImageDefinition) -> image_pb.ImageDefinition:
    """An image definition."""
    return image_pb.ImageDefinition(
        **render(found.spec, image_pb.ImageDefinition.DESCRIPTOR),
        **_envelope(found),
        provisioning_state=_parent_state(found),
    )


def version(view: VersionView) -> version_pb.ImageVersion:
    """An image version with its replication status."""
    found = view.version
    os_disk = found.content(0)
    wire = version_pb.ImageVersion(
        **render(found.spec, version_pb.ImageVersion.DESCRIPTOR),
        **_envelope(found),
        size_bytes=os_disk.size_bytes,
        occupied_bytes=os_disk.occupied_bytes,
        digest=os_disk.digest,
        sha256=os_disk.sha256,
        provisioning_state=to_wire(found.state, VERSION_STATES),
        replication=_replication(view) if view.with_copies else (),
        published_time=timestamp(found.published_time),
        image_state=to_wire(found.image_state, IMAGE_STATES),
    )
    if found.soft_deletion is not None:
        wire.MergeFrom(version_pb.ImageVersion(**render(found.soft_deletion, version_pb.ImageVersion.DESCRIPTOR)))
    _add_data_disks(wire, found.contents[1:])
    return wire


def resolved(view: VersionView, found: Resolved) -> version_pb.ResolveImageVersionResponse:
    """The version that is meant, and why."""
    return version_pb.ResolveImageVersionResponse(
        image_version=version(view),
        version=str(found.version.number),
        reason=found.reason,
        skipped=[
            version_pb.SkippedVersion(
                version=str(skipped.number), reason=to_wire(skipped.reason, SKIP_REASONS), details=skipped.details
            )
            for skipped in found.skipped
        ],
        skipped_count=found.skipped_count,
        warnings=found.warnings,
    )


def _add_data_disks(wire: version_pb.ImageVersion, contents: Sequence[Content]) -> None:
    """Tell of each data disk what it holds, also of those that the spec does not name."""
    shown = {disk.lun: disk for disk in wire.data_disks}
    for content in contents:
        disk = shown.get(content.lun or 0) or wire.data_disks.add(lun=content.lun or 0)
        disk.size_bytes, disk.occupied_bytes = content.size_bytes, content.occupied_bytes
        disk.digest, disk.sha256 = content.digest, content.sha256


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


def _parent_state(found: Gallery | ImageDefinition) -> publishing_pb.ProvisioningState.ValueType:
    deleting = found.deleting
    return publishing_pb.PROVISIONING_STATE_DELETING if deleting else publishing_pb.PROVISIONING_STATE_SUCCEEDED


def _envelope(found: Gallery | ImageDefinition | AnyVersion) -> dict[str, Any]:
    return {
        "name": str(found.name),
        "uid": str(found.uid),
        "location": found.location,
        "create_time": timestamp(found.create_time),
        "update_time": timestamp(found.update_time),
        "etag": found.etag,
    }


def _replication(view: VersionView) -> list[publishing_pb.RegionReplication]:
    return [_region(view.version, status) for status in replication(view.version, view.copies)]


def _region(found: AnyVersion, status: RegionStatus) -> publishing_pb.RegionReplication:
    return publishing_pb.RegionReplication(
        region=status.region,
        state=to_wire(status.state, COPY_STATES),
        usable=status.usable,
        progress_percent=status.percent,
        desired_replicas=status.desired,
        ready_replicas=status.ready,
        replicas=[_replica(found, replica) for replica in status.replicas],
        done_bytes=status.done_bytes,
        total_bytes=status.total_bytes,
    )


def _replica(found: AnyVersion, status: ReplicaStatus) -> publishing_pb.Replica:
    return publishing_pb.Replica(
        ordinal=status.ordinal,
        state=to_wire(status.state, COPY_STATES),
        copies=[
            publishing_pb.ReplicaCopy(
                zone=copy.zone,
                volume=copy.volume,
                state=to_wire(copy.state, COPY_STATES),
                done_bytes=copy.done_bytes,
                details=copy.details,
            )
            for copy in status.copies
        ],
        size_bytes=found.size_bytes,
        occupied_bytes=found.occupied_bytes,
        digest=found.content(0).digest,
    )


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
        metadata.replication.extend(_replication(target))
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


def _response(view: OperationView) -> version_pb.ImageVersion | Empty:
    found = view.operation
    if found.verb is Verb.DELETE:
        return Empty()
    # A version that was deleted since is told by name and uid.
    gone = version_pb.ImageVersion(name=found.target, uid=str(found.target_uid))
    return gone if view.target is None else version(view.target)


def _failure(failure: Failure) -> Status:
    info = ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=failure.metadata)
    return Status(code=code_of_reason(failure.reason), message=failure.message, details=packed(iter([info])))
