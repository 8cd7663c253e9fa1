"""Every error that the client raises.

    GalleriaError
    ├── CallFailed                  the server refused or did not answer; one class per status code, below it per reason
    ├── WaitTimedOut                an operation runs longer than the caller wanted to wait
    ├── GaveUp                      a transfer was broken and could not be continued in time
    ├── Interrupted                 the caller cancelled a transfer
    ├── SourceError                 see `source_errors`
    └── OutputError                 see `output_errors`

`CallFailed` and its subclasses have `code` ("NOT_FOUND"), `reason` ("REGION_UNKNOWN"), `metadata` (every value of the
message) and `violations` (wrong fields).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


class GalleriaError(Exception):
    """Base class of all errors that this library raises on purpose."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request: its path and what is wrong with it."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call as the wire told it.

    Attributes:
        code: name of the gRPC status code.
        message: one sentence for people.
        reason: name of an ErrorReason without its prefix, or empty when no galleria server sent it.
        metadata: every value that the message shows.
        violations: wrong fields.
        retry_after: seconds after which the server suggests another try, or None.
    """

    code: str
    message: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[FieldViolation, ...] = ()
    retry_after: float | None = None


class CallFailed(GalleriaError):
    """A call failed."""

    by_code: ClassVar[dict[str, type[CallFailed]]] = {}
    by_reason: ClassVar[dict[str, type[CallFailed]]] = {}

    def __init_subclass__(cls, *, code: str = "", reason: str = "") -> None:
        super().__init_subclass__()
        if code:
            CallFailed.by_code[code] = cls
        if reason:
            CallFailed.by_reason[reason] = cls

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    @property
    def code(self) -> str:
        """Name of the gRPC status code."""
        return self.failure.code

    @property
    def reason(self) -> str:
        """Name of the ErrorReason without its prefix; empty when no galleria server answered."""
        return self.failure.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        """Every value that the message shows."""
        return self.failure.metadata

    @property
    def violations(self) -> tuple[FieldViolation, ...]:
        """Wrong fields of the request."""
        return self.failure.violations

    def __str__(self) -> str:
        told = [f"{wrong.field}: {wrong.description}" for wrong in self.violations]
        unsaid = [text for text in told if text not in self.failure.message]
        return "; ".join([self.failure.message, *unsaid])


def failed(failure: Failure) -> CallFailed:
    """The exception for a failure: the class of its reason, else that of its code, else `CallFailed`."""
    chosen = CallFailed.by_reason.get(failure.reason) or CallFailed.by_code.get(failure.code) or CallFailed
    return chosen(failure)


class InvalidArgument(CallFailed, code="INVALID_ARGUMENT"):
    """The request is wrong, whatever the state of the server."""


class InvalidField(InvalidArgument, reason="INVALID_FIELD"):
    """One or more fields are wrong; see `violations`."""


class DiskTooLarge(InvalidArgument, reason="DISK_TOO_LARGE"):
    """The disk is larger than the server takes."""


class DigestMismatch(InvalidArgument, reason="DIGEST_MISMATCH"):
    """A chunk's bytes do not have the name they were sent under."""


class ChunkNotByRule(InvalidArgument, reason="CHUNK_NOT_BY_RULE"):
    """A chunk is not what the rule cuts."""


class RecordInvalid(InvalidArgument, reason="RECORD_INVALID"):
    """A record or compressed frame is malformed."""


class LayoutInvalid(InvalidArgument, reason="LAYOUT_INVALID"):
    """A page or layout is malformed, or not the one that the rule gives."""


class ChunkNotRequested(InvalidArgument, reason="CHUNK_NOT_REQUESTED"):
    """A record was sent that the server had not asked for."""


class PageTokenInvalid(InvalidArgument, reason="PAGE_TOKEN_INVALID"):
    """The page token is not one of this list with these arguments."""


class ProtocolViolation(InvalidArgument, reason="PROTOCOL"):
    """The stream did not keep to the protocol."""


class OutOfRange(InvalidArgument, code="OUT_OF_RANGE"):
    """A position lies outside the content."""


class NotFound(CallFailed, code="NOT_FOUND", reason="NOT_FOUND"):
    """The named resource does not exist, or the caller may not know that it does."""


class RegionUnknown(NotFound, reason="REGION_UNKNOWN"):
    """The named region is not configured on this server."""


class AlreadyExists(CallFailed, code="ALREADY_EXISTS", reason="ALREADY_EXISTS"):
    """A resource of that name exists; names compare without case."""


class FailedPrecondition(CallFailed, code="FAILED_PRECONDITION"):
    """The state of a resource does not allow the call."""


class WrongState(FailedPrecondition, reason="WRONG_STATE"):
    """The resource is not in a state that allows the call."""


class DiskFilled(WrongState):
    """While this push ran, another one gave the disk its content, and that is not known to be the same.

    `name` is the disk, `digest` what it has now, `own` the digest of what this push was to bring; None when that cannot
    be computed any more.
    """

    def __init__(self, name: str, digest: str, own: str | None) -> None:
        message = f"another push has meanwhile filled {name} with {digest}"
        metadata = {"name": name, "digest": digest}
        super().__init__(Failure("FAILED_PRECONDITION", message, "WRONG_STATE", metadata))
        self.name = name
        self.digest = digest
        self.own = own

    def __str__(self) -> str:
        if self.own is None:
            return f"{self.failure.message}; whether that is the same content is not known, as a pipe is read only once"
        return f"{self.failure.message}, which is other content: this push has {self.own}; choose another name"


class InUse(FailedPrecondition, reason="IN_USE"):
    """The resource has children or is used by another."""


class RegionRestricted(FailedPrecondition, reason="REGION_RESTRICTED"):
    """The region is only for subscriptions whose access to it was approved."""


class ScopeLocked(FailedPrecondition, reason="SCOPE_LOCKED"):
    """A lock forbids the call: delete it first."""


class MoveNotSupported(FailedPrecondition, reason="MOVE_NOT_SUPPORTED"):
    """The resource has another name: nothing is moved or renamed."""


class RequestIdReused(InvalidArgument, reason="REQUEST_ID_REUSED"):
    """The request_id was used before with another request."""


class CollectionStopped(FailedPrecondition, reason="COLLECTION_STOPPED"):
    """What a volume needs cannot be told, so nothing of it is removed."""


class CollectionOff(FailedPrecondition, reason="COLLECTION_OFF"):
    """The volume belongs to another metadata database, or to a newer state of this one, until it is adopted."""


class RootNotUsable(FailedPrecondition, reason="ROOT_NOT_USABLE"):
    """A root cannot be adopted, released or abandoned."""


class DeletionBlocked(FailedPrecondition, reason="DELETION_BLOCKED"):
    """The version is kept until its end of life."""


class EncryptionUnavailable(FailedPrecondition, reason="ENCRYPTION_UNAVAILABLE"):
    """Encryption at rest was asked for, which there is not yet."""


class EndOfLife(FailedPrecondition, reason="END_OF_LIFE"):
    """The end of life of the version has come, and new deployments of it are denied."""


class LayoutIncomplete(FailedPrecondition, reason="LAYOUT_INCOMPLETE"):
    """Parts of the layout were never made durable in this push."""


class LeaseLapsed(FailedPrecondition, reason="LEASE_LAPSED"):
    """The push was left alone too long."""


class NotInRegion(FailedPrecondition, reason="NOT_IN_REGION"):
    """Nothing of this version is readable in that region yet."""


class NotEnoughVolumes(FailedPrecondition, reason="NOT_ENOUGH_VOLUMES"):
    """More copies were asked for than the region has volumes for."""


class Aborted(CallFailed, code="ABORTED"):
    """Something else came between."""


class EtagMismatch(Aborted, reason="ETAG_MISMATCH"):
    """The etag given is not the current one."""


class ResourceExhausted(CallFailed, code="RESOURCE_EXHAUSTED"):
    """A limit was reached."""


class LimitExceeded(ResourceExhausted, reason="LIMIT_EXCEEDED"):
    """A limit of the server or of the subscription was reached; the metadata has the limit."""


class VolumeFull(ResourceExhausted, reason="VOLUME_FULL"):
    """The volume has no room left."""


class Unauthenticated(CallFailed, code="UNAUTHENTICATED"):
    """The server does not know who calls."""


class PermissionDenied(CallFailed, code="PERMISSION_DENIED"):
    """The caller may not do this."""


class DeadlineExceeded(CallFailed, code="DEADLINE_EXCEEDED"):
    """No answer came in time."""


class Idle(DeadlineExceeded, reason="IDLE"):
    """The server ended a stream on which nothing moved."""


class Cancelled(CallFailed, code="CANCELLED", reason="CANCELLED"):
    """The call or operation was cancelled."""


class DataLoss(CallFailed, code="DATA_LOSS", reason="DATA_LOSS"):
    """Stored bytes cannot be read back whole from any copy."""


class Unavailable(CallFailed, code="UNAVAILABLE"):
    """The server cannot be reached or cannot answer now."""


class RegionDown(Unavailable, reason="REGION_DOWN"):
    """The home region is marked down, so that nothing of it is written."""


class Draining(Unavailable, reason="DRAINING"):
    """The server is going down."""


class VolumeUnavailable(Unavailable, reason="VOLUME_UNAVAILABLE"):
    """The volume does not answer or is not open."""


class Unimplemented(CallFailed, code="UNIMPLEMENTED"):
    """The server does not have this method."""


class InternalError(CallFailed, code="INTERNAL", reason="INTERNAL"):
    """A fault of the server; the metadata has `error_id`, which the server's log has too."""


class UnknownError(CallFailed, code="UNKNOWN"):
    """Whoever answered did not say what is wrong."""


class WaitTimedOut(GalleriaError):
    """The operation `name` was not done after `seconds`; it goes on."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name, seconds)
        self.name = name
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.name} is not done after {self.seconds:g} s; it goes on, `galleria operation wait` waits again"


class GaveUp(GalleriaError):
    """A transfer was broken and no try to go on succeeded for `seconds`; `last` is the last failure."""

    def __init__(self, seconds: float, last: GalleriaError) -> None:
        super().__init__(seconds, last)
        self.seconds = seconds
        self.last = last

    def __str__(self) -> str:
        return f"no progress for {self.seconds:.0f} s, given up: {self.last}; start it again and it goes on from here"


class Interrupted(GalleriaError):
    """The transfer was cancelled by its caller."""

    def __str__(self) -> str:
        return "cancelled; start it again and it goes on from here"
