"""Disks, pushes and volumes between messages and the domain."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from galleria.v1 import disks_pb2, installation_pb2
from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.models import Disk, DiskKind, DiskState
from galleria_server.domain.validation import refuse
from galleria_server.pushes.bits import set_bits
from galleria_server.pushes.live import LivePush
from galleria_server.pushes.promise import Promise
from galleria_server.services.codec import render
from galleria_server.services.enums import Known, check_enum, to_wire
from galleria_server.services.times import stamp
from galleria_server.volumes.mount import Mount, State
from galleria_storage.volume import Usage

_DISK_STATES = {
    DiskState.EMPTY: disks_pb2.Disk.STATE_EMPTY,
    DiskState.PUSHING: disks_pb2.Disk.STATE_PUSHING,
    DiskState.COMMITTING: disks_pb2.Disk.STATE_PUSHING,
    DiskState.READY: disks_pb2.Disk.STATE_READY,
    DiskState.LOST: disks_pb2.Disk.STATE_LOST,
    DiskState.DELETING: disks_pb2.Disk.STATE_DELETING,
}
_DISK_KINDS = Known(
    {
        disks_pb2.DISK_KIND_DISK: DiskKind.DISK,
        disks_pb2.DISK_KIND_FILE: DiskKind.FILE,
        disks_pb2.DISK_KIND_UNSPECIFIED: DiskKind.DISK,
    }
)
_VOLUME_STATES = {
    State.ONLINE: installation_pb2.Volume.STATE_ONLINE,
    State.SUSPECT: installation_pb2.Volume.STATE_SUSPECT,
    State.OFFLINE: installation_pb2.Volume.STATE_OFFLINE,
}
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MOST_STAGES = 16
_LONGEST_STAGE = 32


def disk_message(disk: Disk) -> disks_pb2.Disk:
    """The message of a disk."""
    message = disks_pb2.Disk(
        name=str(disk.name),
        uid=str(disk.uid),
        location=disk.location,
        state=_DISK_STATES[disk.state],
        size_bytes=disk.size_bytes,
        occupied_bytes=disk.occupied_bytes,
        digest=disk.digest,
        create_time=stamp(disk.create_time),
        etag=disk.etag,
        kind=to_wire(disk.kind, _DISK_KINDS),
        **render(disk.system, disks_pb2.Disk.DESCRIPTOR),
    )
    if disk.state is DiskState.READY:
        message.sha256 = disk.sha256
        message.push_statistics.CopyFrom(_statistics(disk.statistics))
    if disk.ready_time is not None:
        message.ready_time.CopyFrom(stamp(disk.ready_time))
    return message


def disk_kind(field: str, number: disks_pb2.DiskKind.ValueType) -> DiskKind:
    """What a disk is to be for. Raises InvalidRequest for what is not known."""
    refuse(check_enum(field, number, _DISK_KINDS))
    return _DISK_KINDS[number]


def session_message(
    live: LivePush, disk: str, durable: set[int], now: datetime, seconds: float
) -> disks_pb2.PushSession:
    """The message of an open push that lapses `seconds` after `now`."""
    return disks_pb2.PushSession(
        session=str(live.session),
        disk=disk,
        rule=live.push.rule.name,
        durable_segments=set_bits(durable),
        lease_expire_time=stamp(now + timedelta(seconds=seconds)),
    )


def promise_of(request: disks_pb2.CommitPushRequest) -> Promise:
    """What a client says at the end of its push. Raises InvalidRequest."""
    if request.sha256 and _SHA256.fullmatch(request.sha256) is None:
        raise InvalidRequest((FieldViolation("sha256", "must be 64 hexadecimal digits, or empty"),))
    if not request.layout and not request.size_bytes:
        raise InvalidRequest((FieldViolation("size_bytes", "must be given when layout is empty"),))
    stages = dict(request.statistics.stage_seconds)
    if len(stages) > _MOST_STAGES or any(len(name) > _LONGEST_STAGE for name in stages):
        rule = f"must be at most {_MOST_STAGES} stages with names of at most {_LONGEST_STAGE} characters"
        raise InvalidRequest((FieldViolation("statistics.stage_seconds", rule),))
    if not all(math.isfinite(seconds) and seconds >= 0 for seconds in stages.values()):
        raise InvalidRequest((FieldViolation("statistics.stage_seconds", "must be finite and not negative"),))
    return Promise(request.layout, request.size_bytes, request.sha256.lower(), request.statistics.bytes_read, stages)


def volume_message(mount: Mount, usage: Usage | None, unowned: int) -> installation_pb2.Volume:
    """The message of a volume with so many roots that belong to nothing; sizes are 0 when nobody knows them."""
    message = installation_pb2.Volume(
        name=f"regions/{mount.region}/volumes/{mount.name}",
        uid="" if mount.uid is None else str(mount.uid),
        zone=mount.config.zone,
        kind=mount.config.kind,
        tiers=mount.config.tiers,
        state=_VOLUME_STATES[mount.condition],
        details=mount.details,
        unowned_roots=unowned,
        strange=mount.strange,
    )
    if usage is not None:
        message.logical_bytes = usage.logical
        message.occupied_bytes = usage.occupied
        message.stored_bytes = usage.stored
        message.index_bytes = usage.index
        message.free_bytes = usage.free
        message.total_bytes = usage.total
        message.roots = usage.roots
        message.records = usage.records
        message.garbage_bytes = usage.garbage
        message.condemned_bytes = usage.condemned
        _set_seconds(message.oldest_condemned_time, usage.oldest_condemned)
        _set_seconds(message.oldest_lease_time, usage.oldest_lease)
        message.damaged_roots = usage.damaged_roots
        _set_seconds(message.scrubbed_time, usage.scrubbed or None)
    return message


def _statistics(values: dict[str, Any]) -> disks_pb2.PushStatistics:
    return disks_pb2.PushStatistics(**values)


def _set_seconds(field: Timestamp, seconds: float | None) -> None:
    if seconds is not None:
        field.FromMilliseconds(int(seconds * 1000))
