"""The error interceptor on all four kinds of call, through the wire."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc import error_details_pb2 as rpc

from galleria.v1.errors_pb2 import ErrorReason
from galleria_server import errors
from galleria_server.domain import errors as domain
from galleria_server.domain import errors_content as content
from galleria_server.domain.errors import DomainError, Draining, FieldViolation, InUse, InvalidRequest, ServerBusy
from galleria_server.domain.errors_content import ContentError
from tests.server.empty_volumes import EmptyVolumes
from tests.server.refusals import refused
from tests.support.server_thread import config_in, server_thread

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
DETAIL = "row 17 of table disks"


def raise_by_name(name: str) -> str:
    match name:
        case "in use":
            raise InUse("gallery", "g", "g/images/i", 2)
        case "busy":
            raise ServerBusy("metadata", 5)
        case "draining":
            raise Draining
        case "bug":
            raise RuntimeError(DETAIL)
        case "many fields":
            raise InvalidRequest(tuple(FieldViolation(f"field_{i}", "ü" * 2000) for i in range(30)))
    return name


async def unary_unary(request: StringValue, context: grpc.aio.ServicerContext[Any, Any]) -> StringValue:
    if request.value == "abort":
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
    return StringValue(value=raise_by_name(request.value))


async def unary_stream(request: StringValue, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[StringValue]:
    yield StringValue(value="first")
    yield await unary_unary(request, context)


async def stream_unary(
    requests: AsyncIterator[StringValue], context: grpc.aio.ServicerContext[Any, Any]
) -> StringValue:
    return [await unary_unary(request, context) async for request in requests][-1]


async def stream_stream(
    requests: AsyncIterator[StringValue], context: grpc.aio.ServicerContext[Any, Any]
) -> AsyncIterator[StringValue]:
    yield StringValue(value="first")
    async for request in requests:
        yield await unary_unary(request, context)


def register(server: grpc.aio.Server) -> Sequence[str]:
    handlers = {
        kind: getattr(grpc, f"{kind}_rpc_method_handler")(
            globals()[kind], StringValue.FromString, StringValue.SerializeToString
        )
        for kind in KINDS
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Kinds", handlers),))
    return ("test.Kinds",)


Call = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def channel(module_folder: Path) -> Iterator[grpc.Channel]:
    with (
        server_thread(config_in(module_folder), partial(EmptyVolumes, register=register)) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        yield channel


@pytest.fixture(params=KINDS)
def call(channel: grpc.Channel, request: pytest.FixtureRequest) -> Call:
    kind: str = request.param
    stub = getattr(channel, kind)(f"/test.Kinds/{kind}", StringValue.SerializeToString, StringValue.FromString)

    def run(text: str) -> list[str]:
        message = StringValue(value=text)
        answer = stub(iter([message]) if kind.startswith("stream") else message)
        return [part.value for part in answer] if kind.endswith("stream") else [answer.value]

    return run


def test_an_answer_passes_unchanged(call: Call) -> None:
    assert call("hello")[-1] == "hello"


def test_a_domain_error_comes_with_its_details(call: Call) -> None:
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        call("in use")
    assert refusal.message == "gallery g is in use by g/images/i and 1 more"
    assert refusal.info.metadata == {"kind": "gallery", "name": "g", "user": "g/images/i", "count": "2"}
    assert refusal.detail(rpc.PreconditionFailure).violations[0].subject == "g"
    assert refusal.detail(rpc.ResourceInfo).resource_type == "gallery"
    assert refusal.detail(rpc.RequestInfo).request_id


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [("busy", "RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED"), ("draining", "UNAVAILABLE", "DRAINING")],
)
def test_what_passes_says_when_to_try_again(call: Call, name: str, code: str, reason: str) -> None:
    with refused(code, reason) as refusal:
        call(name)
    assert refusal.detail(rpc.RetryInfo).retry_delay.seconds == 1


def test_an_unexpected_error_tells_only_the_id_that_the_log_has(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), refused("INTERNAL", "INTERNAL") as refusal:
        call("bug")
    error_id = refusal.info.metadata["error_id"]
    assert DETAIL not in str(refusal.error)
    (record,) = [record for record in caplog.records if record.name.endswith("interceptors.errors")]
    assert record.error_id == error_id  # type: ignore[attr-defined]
    assert record.exc_info is not None
    assert DETAIL in str(record.exc_info[1])


def test_an_abort_of_the_handler_passes(call: Call) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call("abort")
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNIMPLEMENTED, "not here")


def test_an_error_with_many_long_fields_still_fits_the_trailers(call: Call) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        call("many fields")
    assert refusal.fields[0] == "field_0"
    assert len(refusal.message.encode()) <= errors.MAX_MESSAGE


def leaves(base: type[Exception]) -> Iterator[type[Exception]]:
    children = base.__subclasses__()
    if not children:
        yield base
    for child in children:
        yield from leaves(child)


def test_every_error_of_the_domain_has_a_rule() -> None:
    found = {*leaves(DomainError), *leaves(ContentError)}
    assert {domain.NotFound, content.NotInRegion} <= found
    assert {kind.__name__ for kind in found if kind not in errors.TABLE} == set()


def test_every_reason_of_the_contract_is_given_and_no_other() -> None:
    known = {name.removeprefix("ERROR_REASON_") for name, _ in ErrorReason.items()}
    beside = {"UNSPECIFIED", "INTERNAL", "CANCELLED"}  # never sent, unexpected errors, and operations
    assert {rule.reason for rule in errors.TABLE.values()} | beside == known


def test_a_failures_reason_gives_its_code() -> None:
    assert errors.code_of_reason("VOLUME_UNAVAILABLE") == grpc.StatusCode.UNAVAILABLE.value[0]
    assert errors.code_of_reason("CANCELLED") == grpc.StatusCode.CANCELLED.value[0]
    assert errors.code_of_reason("of a later version") == grpc.StatusCode.UNKNOWN.value[0]
