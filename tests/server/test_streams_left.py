"""What happens to a stream whose client leaves while the server sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest

from galleria_server.interceptors.access import log_access
from galleria_server.interceptors.around import AroundInterceptor
from galleria_server.interceptors.errors import tell_errors

READ = "/galleria.test.Bytes/Read"
MIB = 1 << 20


class CleanupFailed(Exception):
    """Raised by a stream that was left."""


@dataclass
class Course:
    """What a call went through."""

    events: list[str] = field(default_factory=list)
    unheard: list[dict[str, Any]] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)


def endless(course: Course, error: Exception | None) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
    """A handler that sends for ever and, when it is left, waits for something and then raises `error`."""

    def note_end(_: object) -> None:
        course.events.append("call done")
        course.done.set()

    async def read(_: bytes, context: Any) -> AsyncIterator[bytes]:  # noqa: ANN401 - grpc-stubs know no callbacks
        context.add_done_callback(note_end)
        try:
            while True:
                yield bytes(MIB)
        finally:
            await asyncio.to_thread(bytes)
            course.events.append("stream closed")
            if error is not None:
                raise error

    return read


async def leave(course: Course, error: Exception | None) -> None:
    """Read the beginning of an endless stream, leave it, and wait until the server is through with it."""
    asyncio.get_running_loop().set_exception_handler(lambda _, what: course.unheard.append(what))
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(endless(course, error))
    server = grpc.aio.server(interceptors=[AroundInterceptor([log_access, tell_errors])])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("galleria.test.Bytes", {"Read": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(READ)
            call: grpc.aio.UnaryStreamCall[bytes, bytes] = method(b"")
            assert await anext(aiter(call)) == bytes(MIB)
            call.cancel()
            await within_a_minute(course.done.wait())
    finally:
        await server.stop(None)


async def within_a_minute(waiting: Awaitable[object]) -> None:
    async with asyncio.timeout(60):
        await waiting


def left(error: Exception | None) -> Course:
    course = Course()
    asyncio.run(leave(course, error))
    return course


def codes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The codes in the access log."""
    return [record.__dict__["code"] for record in caplog.records if record.name == "galleria.access"]


def test_a_stream_ends_before_its_call_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "galleria.access")
    course = left(None)
    assert course.events == ["stream closed", "call done"]
    assert codes(caplog) == ["CANCELLED"]


def test_an_error_on_leaving_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "galleria.access")
    course = left(CleanupFailed())
    assert course.events == ["stream closed", "call done"]
    assert codes(caplog) == ["INTERNAL"]
    (told,) = [record for record in caplog.records if record.exc_info]
    assert (told.getMessage(), told.exc_info and told.exc_info[0]) == ("internal error", CleanupFailed)
    assert course.unheard == []
