"""What requests have in common, from the wire to the domain."""

from __future__ import annotations

import hashlib
from typing import Protocol, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from galleria_server.calls import CURRENT
from galleria_server.catalogue.writes import Write
from galleria_server.domain.actions import is_deletion
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.locks import Effect
from galleria_server.domain.names import parse_uuid, region_key
from galleria_server.domain.scopes import Scope
from galleria_server.domain.validation import Violations, refuse
from galleria_server.services.codec import parse

T = TypeVar("T")


class WriteRequest(Protocol):
    """A request that changes something."""

    request_id: str
    validate_only: bool

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


def parse_write(method: str, request: WriteRequest, scope: Scope | None) -> Write:
    """How the write was asked for; `scope` is what it writes or deletes, None when that lies outside of subscriptions.

    Raises InvalidRequest for a request id that is no UUID.
    """
    request_id = parse_uuid("request_id", request.request_id) if request.request_id else None
    effect = Effect.DELETE if is_deletion(method) else Effect.CHANGE
    caller = CURRENT.get().caller
    return Write(method, scope, effect, _fingerprint(request), request_id, request.validate_only, caller)


def optional_uid(field: str, text: str) -> UUID | None:
    """The UUID in a text, None in an empty one. Raises InvalidRequest for `field`."""
    return parse_uuid(field, text) if text else None


def parsed(message: Message, kind: type[T], path: str) -> T:
    """The value of class `kind` in a message. Raises InvalidRequest with every field that cannot be read."""
    violations: Violations = []
    value = parse(message, kind, path, violations)
    refuse(violations)
    return value


def check_location(field: str, current: str, given: str) -> Violations:
    """A location that is given must be the one that there is."""
    if not given or region_key(given) == current:
        return []
    return [FieldViolation(field, f"cannot be changed; it is {current}")]


def _fingerprint(request: WriteRequest) -> bytes:
    if not isinstance(request, Message):
        raise TypeError(request)
    plain = type(request)()
    plain.CopyFrom(request)
    plain.ClearField("request_id")
    return hashlib.sha256(plain.SerializeToString(deterministic=True)).digest()
