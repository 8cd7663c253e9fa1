"""Resources as the metadata has them. Times are UTC, sizes in bytes, digests in text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from galleria_server.domain.disk_system import UNTOLD, DiskSystem
from galleria_server.domain.names import DiskName


class CopyState(Enum):
    """How far a copy is."""

    PENDING = "pending"
    COPYING = "copying"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


class DiskState(Enum):
    """Where a disk is in its life; COMMITTING is told to callers as pushing.

    One that is LOST has had content, which an operator gave up; it waits for a push as if it were EMPTY.
    """

    EMPTY = "empty"
    PUSHING = "pushing"
    COMMITTING = "committing"
    READY = "ready"
    LOST = "lost"
    DELETING = "deleting"


class DiskKind(Enum):
    """What a disk is for: machines, or a file of any length."""

    DISK = "disk"
    FILE = "file"


BEFORE_READY = (DiskState.EMPTY, DiskState.LOST, DiskState.PUSHING, DiskState.COMMITTING)
"""States of a disk that may yet become READY."""


class Verb(Enum):
    """What an operation does to its target."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class OperationState(Enum):
    """How an operation stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Copy:
    """One content of a version, by its position, on one volume, wanted or there.

    All contents of a version with one ordinal on one volume are one copy of it. `epoch` grows with every claim;
    whoever holds an older one may write nothing. `root_id` pins the bytes on the volume, `lease_id` is the volume's
    lease of the work in progress.
    """

    uid: UUID
    version_uid: UUID
    region: str
    ordinal: int
    zone: str
    volume: str
    root_id: UUID
    lease_id: UUID
    state: CopyState
    position: int = 0
    owner: UUID | None = None
    epoch: int = 0
    lease_until: datetime | None = None
    done_bytes: int = 0
    attempts: int = 0
    next_try_at: datetime | None = None
    details: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """Uploaded content, in `group_uid`; `session` is the open push, which is the volume's lease too."""

    uid: UUID
    group_uid: UUID
    name: DiskName
    location: str
    volume: str
    root_id: UUID
    state: DiskState
    session: UUID | None
    size_bytes: int
    occupied_bytes: int
    digest: str
    sha256: str
    statistics: dict[str, object]
    create_time: datetime
    ready_time: datetime | None
    etag: str
    kind: DiskKind = DiskKind.DISK
    system: DiskSystem = UNTOLD


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an operation ended without its result: an ErrorReason without prefix, a message, its values."""

    reason: str
    message: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class Operation:
    """Work that outlives its call, on the version `target_uid`, of which `begun_bytes` were there when it began."""

    uid: UUID
    verb: Verb
    target_uid: UUID
    target: str
    state: OperationState
    cancel_requested: bool
    failure: Failure | None
    create_time: datetime
    end_time: datetime | None
    begun_bytes: int = 0

    @property
    def done(self) -> bool:
        """It will not change any more."""
        return self.state is not OperationState.RUNNING
