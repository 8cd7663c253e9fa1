"""From statuses to exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from galleria.v1.errors_pb2 import ErrorReason
from galleria.v1.installation_pb2 import GetServerInfoRequest, ServerInfo
from galleria.v1.installation_pb2_grpc import ServersServicer, add_ServersServicer_to_server
from galleria_client import Client, RetryPolicy
from galleria_client.errors import CallFailed, DiskTooLarge, Failure, InvalidField, NotFound, Unavailable, failed

PREFIX = "ERROR_REASON_"


class AnsweringServers(ServersServicer):
    """Answers each call with the next of `statuses`, and without an error when they are used up."""

    def __init__(self, statuses: list[status_pb2.Status]) -> None:
        self.statuses = statuses
        self.calls = 0

    def GetServerInfo(self, request: GetServerInfoRequest, context: grpc.ServicerContext) -> ServerInfo:  # noqa: N802
        self.calls += 1
        if self.statuses:
            context.abort_with_status(rpc_status.to_status(self.statuses.pop(0)))
        return ServerInfo(version="1")


@contextmanager
def server_with(statuses: list[status_pb2.Status]) -> Iterator[tuple[AnsweringServers, Client]]:
    servicer = AnsweringServers(statuses)
    server = grpc.server(ThreadPoolExecutor(2))
    add_ServersServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with Client(f"127.0.0.1:{port}", retry=RetryPolicy(attempts=3, first_seconds=0.0)) as client:
            yield servicer, client
    finally:
        server.stop(None).wait()


def status(code: int, reason: str, *details: object, domain: str = "galleria") -> status_pb2.Status:
    made = status_pb2.Status(code=code, message="it is wrong")
    info = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata={"name": "x"})
    for detail in (info, *details):
        packed = Any()
        packed.Pack(detail)
        made.details.append(packed)
    return made


def test_every_reason_has_a_class() -> None:
    unspecified, *reasons = ErrorReason.keys()
    assert unspecified == "ERROR_REASON_UNSPECIFIED"
    assert {name.removeprefix(PREFIX) for name in reasons} == set(CallFailed.by_reason)


def test_every_code_has_a_class() -> None:
    codes = {code.name for code in grpc.StatusCode} - {"OK"}
    assert codes == set(CallFailed.by_code)


def test_a_status_becomes_an_exception_with_its_details() -> None:
    wrong = error_details_pb2.BadRequest(
        field_violations=[error_details_pb2.BadRequest.FieldViolation(field="gallery.location", description="is empty")]
    )
    refusal = status(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", wrong)
    with server_with([refusal]) as (_, client), pytest.raises(InvalidField) as told:
        client.server_info()
    assert (told.value.code, told.value.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert told.value.metadata == {"name": "x"}
    assert [(one.field, one.description) for one in told.value.violations] == [("gallery.location", "is empty")]
    assert str(told.value) == "it is wrong; gallery.location: is empty"


def test_a_reason_of_another_domain_is_not_ours() -> None:
    refusal = status(code_pb2.NOT_FOUND, "DISK_TOO_LARGE", domain="elsewhere")
    with server_with([refusal]) as (_, client), pytest.raises(NotFound) as told:
        client.server_info()
    assert told.value.reason == ""


def test_unavailable_is_tried_again_and_nothing_else() -> None:
    away = status(code_pb2.UNAVAILABLE, "DRAINING")
    with server_with([away, away]) as (servicer, client):
        assert client.server_info().version == "1"
        assert servicer.calls == 3
    with server_with([away] * 3) as (servicer, client):
        with pytest.raises(Unavailable):
            client.server_info()
        assert servicer.calls == 3
    with server_with([status(code_pb2.NOT_FOUND, "NOT_FOUND")]) as (servicer, client):
        with pytest.raises(NotFound):
            client.server_info()
        assert servicer.calls == 1


def test_a_reason_counts_more_than_its_code() -> None:
    assert isinstance(failed(Failure("NOT_FOUND", "m", "DISK_TOO_LARGE")), DiskTooLarge)
    assert isinstance(failed(Failure("NOT_FOUND", "m", "A_REASON_OF_TOMORROW")), NotFound)
    assert type(failed(Failure("A_CODE_OF_TOMORROW", "m"))) is CallFailed
