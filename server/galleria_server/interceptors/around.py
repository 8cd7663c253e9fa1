"""One way to wrap handlers of all four kinds."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import grpc
import grpc.aio

Around = Callable[[str, "grpc.aio.ServicerContext[Any, Any]"], AbstractAsyncContextManager[None]]
"""Makes what is entered before a handler and left after it: full method name and context."""


class AroundInterceptor(grpc.aio.ServerInterceptor):
    """Puts `around` about every handler. A stream is inside from its first message to its last.

    What gives messages becomes a handler that writes them: gRPC never closes a generator whose client has left, so
    that it would end at some later time, with a context whose call is freed. A handler that writes is cancelled instead
    and ends within its call.
    """

    def __init__(self, around: Around) -> None:
        self._around = around

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap what answers the call; an unknown method stays unknown."""
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        if handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else _unary_stream
            return make(
                self._streaming(method, handler.stream_stream or handler.unary_stream),
                handler.request_deserializer,
                handler.response_serializer,
            )
        make = (
            grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        )
        return make(
            self._unary(method, handler.stream_unary or handler.unary_unary),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _unary(self, method: str, inner: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(request: Any, context: Any) -> Any:  # noqa: ANN401  # messages of any type
            async with self._around(method, context):
                return await inner(request, context)

        return wrapped

    def _streaming(self, method: str, inner: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
        async def wrapped(request: Any, context: Any) -> None:  # noqa: ANN401  # messages of any type
            async with self._around(method, context):
                answers = inner(request, context)
                if not inspect.isasyncgen(answers):  # one that writes, as all do that an interceptor has wrapped
                    await answers
                    return
                await _write_all(answers, context)

        return wrapped


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
