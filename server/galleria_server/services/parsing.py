"""What requests have in common, from the wire to the domain."""

from __future__ import annotations

import hashlib
from typing import Protocol

from google.protobuf.message import Message

from galleria_server.catalogue.writes import Write
from galleria_server.domain.errors import NotFound
from galleria_server.domain.names import GroupName, parse_uuid
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION


class WriteRequest(Protocol):
    """A request that changes something."""

    request_id: str
    validate_only: bool

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


def parse_write(method: str, request: WriteRequest) -> Write:
    """How the write was asked for. Raises InvalidRequest for a request id that is no UUID."""
    request_id = parse_uuid("request_id", request.request_id) if request.request_id else None
    return Write(method, _fingerprint(request), request_id, request.validate_only)


def known_group(name: GroupName) -> GroupName:
    """The group when its subscription is this installation's. Raises NotFound."""
    if name.subscription != DEFAULT_SUBSCRIPTION:
        raise NotFound("subscription", f"subscriptions/{name.subscription}")
    return name


def _fingerprint(request: WriteRequest) -> bytes:
    if not isinstance(request, Message):
        raise TypeError(request)
    plain = type(request)()
    plain.CopyFrom(request)
    plain.ClearField("request_id")
    return hashlib.sha256(plain.SerializeToString(deterministic=True)).digest()
