"""What the messages of all resources and versions have in common, from the domain to the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.catalogue.versions import VersionView
from galleria_server.domain.definition_kinds import AnyDefinition
from galleria_server.domain.gallery import Gallery
from galleria_server.domain.replication import RegionStatus, ReplicaStatus
from galleria_server.domain.replication import replication as statuses
from galleria_server.domain.resolving import Resolved
from galleria_server.domain.version import AnyVersion
from galleria_server.services.enums import COPY_STATES, SKIP_REASONS, to_wire
from galleria_server.services.times import stamp


def timestamp(time: datetime | None) -> Timestamp | None:
    """A UTC time; None stays unset."""
    return None if time is None else stamp(time)


def parent_state(found: Gallery | AnyDefinition) -> publishing_pb.ProvisioningState.ValueType:
    """Whether a gallery or definition is being deleted with all that is in it."""
    deleting = found.deleting
    return publishing_pb.PROVISIONING_STATE_DELETING if deleting else publishing_pb.PROVISIONING_STATE_SUCCEEDED


def envelope(found: Gallery | AnyDefinition | AnyVersion) -> dict[str, Any]:
    """The fields that every resource has."""
    return {
        "name": str(found.name),
        "uid": str(found.uid),
        "location": found.location,
        "create_time": timestamp(found.create_time),
        "update_time": timestamp(found.update_time),
        "etag": found.etag,
    }


def resolution(found: Resolved) -> dict[str, Any]:
    """Why it is the version that is meant: the fields of an answer."""
    return {
        "version": str(found.version.number),
        "reason": found.reason,
        "skipped": [
            version_pb.SkippedVersion(
                version=str(skipped.number), reason=to_wire(skipped.reason, SKIP_REASONS), details=skipped.details
            )
            for skipped in found.skipped
        ],
        "skipped_count": found.skipped_count,
        "warnings": found.warnings,
    }


def replication(view: VersionView) -> list[publishing_pb.RegionReplication]:
    """What is there of a version, by region."""
    return [_region(view.version, status) for status in statuses(view.version, view.copies)]


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
