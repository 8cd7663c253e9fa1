"""One way to wrap handlers of all four kinds."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import grpc
import grpc.aio

Around = Callable[[str, "grpc.aio.ServicerContext[Any, Any]"], AbstractAsyncContextManager[None]]
"""Makes what is entered before a handler and left after it: full method name and context."""

Handle = Callable[[Any, Any], Awaitable[Any]]
"""Answers a request, or a stream of them, in a context."""


class AroundInterceptor(grpc.aio.ServerInterceptor):
    """Puts `arounds` about every handler, the first outermost. A stream is inside from its first message to its last.

    What gives messages becomes a handler that writes them: gRPC never closes a generator whose client has left, so
    that it would end at some later time, with a context whose call is freed. A handler that writes is cancelled instead
    and ends within its call.
    """

    def __init__(self, arounds: Sequence[Around]) -> None:
        self._arounds = arounds
        # Every call asks for its handler; there are as many as methods.
        self._made: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap what answers the call; an unknown method stays unknown."""
        method = handler_call_details.method
        if method in self._made:
            return self._made[method]
        handler = await continuation(handler_call_details)
        if handler is not None:
            self._made[method] = self._wrapped(method, handler)
        return self._made.get(method)

    def _wrapped(self, method: str, handler: Any) -> grpc.RpcMethodHandler[Any, Any]:  # noqa: ANN401  # of any messages
        codec = handler.request_deserializer, handler.response_serializer
        if handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else _unary_stream
            return make(self._within(method, _writing(handler.stream_stream or handler.unary_stream)), *codec)
        unary = (
            grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        )
        return unary(self._within(method, handler.stream_unary or handler.unary_unary), *codec)

    def _within(self, method: str, handle: Handle) -> Handle:
        for around in reversed(self._arounds):
            handle = _inside(around, method, handle)
        return handle


def _inside(around: Around, method: str, inner: Handle) -> Handle:
    async def wrapped(request: Any, context: Any) -> Any:  # noqa: ANN401  # messages of any type
        async with around(method, context):
            return await inner(request, context)

    return wrapped


def _writing(inner: Callable[..., Any]) -> Handle:
    """What gives messages, as a handler that writes them."""

    async def written(request: Any, context: Any) -> None:  # noqa: ANN401  # messages of any type
        answers = inner(request, context)
        if inspect.isasyncgen(answers):
            await _write_all(answers, context)
        else:  # one that writes by itself
            await answers

    return written


async def _write_all(answers: AsyncGenerator[Any, Any], context: grpc.aio.ServicerContext[Any, Any]) -> None:
    async for answer in answers:
        try:
            await _write(answer, context)
        except BaseException:
            await _close(answers)
            raise


async def _write(answer: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    try:
        await context.write(answer)
    except grpc.aio.AbortError:
        raise
    except grpc.aio.BaseError:
        # The client has left or the server stops, and gRPC has not yet cancelled this task. It is no error of ours.
        raise asyncio.CancelledError from None


async def _close(answers: AsyncGenerator[Any, Any]) -> None:
    closing = asyncio.ensure_future(answers.aclose())
    while not closing.done():
        # A write fails before gRPC cancels the task for the same reason: what is being given back must not be left.
        with suppress(asyncio.CancelledError):
            await asyncio.shield(closing)
    closing.result()


_unary_stream = grpc.unary_stream_rpc_method_handler
