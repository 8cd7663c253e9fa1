"""From a gRPC status to this library's exceptions: the inverse of the server's error table."""

from __future__ import annotations

from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from galleria_client.errors import CallFailed, Failure, FieldViolation, failed

DOMAIN = "galleria"
DETAILS_KEY = "grpc-status-details-bin"
CODES = {code.value[0]: code.name for code in grpc.StatusCode}


def failure_of(error: grpc.RpcError) -> CallFailed:
    """The exception for an error of gRPC, with the details that the server attached."""
    rich = rich_status(error)
    if rich is None:
        return failed(Failure(error.code().name, error.details() or "the server gave no reason"))
    return failure_of_status(rich)


def failure_of_status(status: status_pb2.Status) -> CallFailed:
    """The exception for a google.rpc.Status, as operations carry it."""
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    return failed(
        Failure(
            code=CODES.get(status.code, "UNKNOWN"),
            message=status.message,
            reason=info.reason if info.domain == DOMAIN else "",
            metadata=dict(info.metadata),
            violations=tuple(FieldViolation(wrong.field, wrong.description) for wrong in bad.field_violations),
            retry_after=retry_after,
        )
    )


def rich_status(error: grpc.RpcError) -> status_pb2.Status | None:
    """The google.rpc.Status in the trailing metadata of a failed call; None when there is none that can be read."""
    # The stubs of gRPC know no way to take a metadatum apart.
    trailing = cast("tuple[tuple[str, bytes], ...] | None", error.trailing_metadata())
    for key, value in trailing or ():
        if key == DETAILS_KEY:
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None
