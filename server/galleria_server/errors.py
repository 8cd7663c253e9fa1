"""From exceptions to what callers are told: one table for the whole server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rpc
from google.rpc.status_pb2 import Status

from galleria_server.domain import errors as domain
from galleria_server.domain.errors import FieldViolation
from galleria_server.error_table_content import CONTENT_ERRORS

DOMAIN = "galleria"
RETRY_SECONDS = 1
# Message and details travel in trailers, of which clients take 8 KiB in all; the message is percent-encoded there.
MAX_VIOLATIONS = 10
MAX_MESSAGE = 600
MAX_VALUE = 500
MAX_DESCRIPTION = 240


@dataclass(frozen=True, slots=True)
class Rule:
    """What an exception becomes: `values` are its attributes that the ErrorInfo carries."""

    code: grpc.StatusCode
    reason: str
    values: tuple[str, ...] = ()


_CATALOGUE: dict[type[Exception], tuple[str, str, tuple[str, ...]]] = {
    domain.InvalidRequest: ("INVALID_ARGUMENT", "INVALID_FIELD", ("fields",)),
    domain.PageTokenInvalid: ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", ()),
    domain.RequestIdReused: ("INVALID_ARGUMENT", "REQUEST_ID_REUSED", ("request_id",)),
    domain.NotFound: ("NOT_FOUND", "NOT_FOUND", ("kind", "name")),
    domain.RegionUnknown: ("NOT_FOUND", "REGION_UNKNOWN", ("region", "known")),
    domain.RegionRestricted: ("FAILED_PRECONDITION", "REGION_RESTRICTED", ("region", "state")),
    domain.RegionDown: ("UNAVAILABLE", "REGION_DOWN", ("region", "details")),
    domain.AlreadyExists: ("ALREADY_EXISTS", "ALREADY_EXISTS", ("kind", "name")),
    domain.SoftDeletedExists: ("ALREADY_EXISTS", "ALREADY_EXISTS", ("kind", "name", "hard_deletion_time")),
    domain.IdentifierTaken: ("ALREADY_EXISTS", "ALREADY_EXISTS", ("kind", "name", "publisher", "offer", "sku")),
    domain.WrongState: ("FAILED_PRECONDITION", "WRONG_STATE", ("kind", "name", "state", "needed")),
    domain.InUse: ("FAILED_PRECONDITION", "IN_USE", ("kind", "name", "user", "count")),
    domain.DeletionBlocked: ("FAILED_PRECONDITION", "DELETION_BLOCKED", ("kind", "name", "end_of_life")),
    domain.EndOfLifeReached: ("FAILED_PRECONDITION", "END_OF_LIFE", ("name", "end_of_life")),
    domain.EncryptionUnavailable: ("FAILED_PRECONDITION", "ENCRYPTION_UNAVAILABLE", ("field", "region")),
    domain.ScopeLocked: (
        "FAILED_PRECONDITION",
        "SCOPE_LOCKED",
        ("name", "effect", "scope", "lock", "level", "others"),
    ),
    domain.MoveNotSupported: ("FAILED_PRECONDITION", "MOVE_NOT_SUPPORTED", ("kind", "name", "given", "current")),
    domain.EtagMismatch: ("ABORTED", "ETAG_MISMATCH", ("name", "given", "current")),
    domain.ServerBusy: ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", ("resource", "limit")),
    domain.QuotaExceeded: (
        "RESOURCE_EXHAUSTED",
        "LIMIT_EXCEEDED",
        ("limit_name", "subscription", "region", "current", "limit"),
    ),
    domain.Draining: ("UNAVAILABLE", "DRAINING", ()),
}

TABLE: dict[type[Exception], Rule] = {
    kind: Rule(grpc.StatusCode[code], reason, values)
    for kind, (code, reason, values) in (*_CATALOGUE.items(), *CONTENT_ERRORS.items())
}


def rule_for(error: Exception) -> Rule | None:
    """The rule for the exception's class or its nearest base; None when nobody expected it."""
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)


def status_of(error: Exception, rule: Rule, request_id: str) -> Status:
    """The status with all its details for an error that has a rule."""
    text = _clip(str(error), MAX_MESSAGE)
    metadata = {name: _clip(_text(getattr(error, name)), MAX_VALUE) for name in rule.values}
    return _status(rule, text, request_id, metadata, _details(error, rule, text))


def internal_status(error_id: str, request_id: str) -> Status:
    """The status for an error that nobody expected: nothing of it but the id under which the log has it."""
    rule = Rule(grpc.StatusCode.INTERNAL, "INTERNAL")
    return _status(rule, f"internal error {error_id}", request_id, {"error_id": error_id}, iter(()))


def code_of_reason(reason: str) -> int:
    """The number of the code that goes with a reason, for failures of operations; UNKNOWN where there is none."""
    rule = next((rule for rule in TABLE.values() if rule.reason == reason), None)
    known = {"CANCELLED": grpc.StatusCode.CANCELLED, "INTERNAL": grpc.StatusCode.INTERNAL}
    code = known.get(reason, grpc.StatusCode.UNKNOWN) if rule is None else rule.code
    return int(code.value[0])


def packed(details: Iterator[Message]) -> Iterator[Any]:
    """Each message in an Any."""
    for detail in details:
        wrapped = Any()
        wrapped.Pack(detail)
        yield wrapped


def _status(rule: Rule, text: str, request_id: str, metadata: dict[str, str], details: Iterator[Message]) -> Status:
    status = Status(code=rule.code.value[0], message=text)
    status.details.extend(packed(iter([rpc.ErrorInfo(reason=rule.reason, domain=DOMAIN, metadata=metadata)])))
    status.details.extend(packed(details))
    status.details.extend(packed(iter([rpc.RequestInfo(request_id=request_id)])))
    return status


def _details(error: Exception, rule: Rule, text: str) -> Iterator[Message]:
    name = str(getattr(error, "name", ""))
    if rule.reason == "INVALID_FIELD":
        yield _bad_request(error, rule, text)
    elif rule.code is grpc.StatusCode.FAILED_PRECONDITION:
        violation = rpc.PreconditionFailure.Violation(type=rule.reason, subject=name, description=text)
        yield rpc.PreconditionFailure(violations=[violation])
    elif isinstance(error, domain.QuotaExceeded):
        yield _quota_failure(error, text)
    elif rule.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
        delay = rpc.RetryInfo()
        delay.retry_delay.FromSeconds(RETRY_SECONDS)
        yield delay
    if rule.reason in ("NOT_FOUND", "ALREADY_EXISTS", "IN_USE", "REGION_UNKNOWN"):
        kind = str(getattr(error, "kind", "region" if rule.reason == "REGION_UNKNOWN" else ""))
        yield rpc.ResourceInfo(
            resource_type=kind, resource_name=name or _text(getattr(error, "region", "")), description=text
        )


def _quota_failure(error: domain.QuotaExceeded, text: str) -> rpc.QuotaFailure:
    violation = rpc.QuotaFailure.Violation(
        subject=error.subject,
        description=text,
        quota_metric=error.limit_name,
        quota_dimensions={"region": error.region},
        quota_value=error.limit,
    )
    return rpc.QuotaFailure(violations=[violation])


def _bad_request(error: Exception, rule: Rule, text: str) -> rpc.BadRequest:
    default = (FieldViolation(str(getattr(error, "field", next(iter(rule.values), ""))), text),)
    violations: tuple[FieldViolation, ...] = getattr(error, "violations", default)
    return rpc.BadRequest(
        field_violations=[
            rpc.BadRequest.FieldViolation(
                field=_clip(violation.field, MAX_DESCRIPTION), description=_clip(violation.description, MAX_DESCRIPTION)
            )
            for violation in violations[:MAX_VIOLATIONS]
        ]
    )


def _text(value: object) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def _clip(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, shown as cut where it is."""
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - 3].decode(errors="ignore") + "…"
