"""One way to wrap handlers of all four kinds."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import grpc
import grpc.aio

Around = Callable[[str, "grpc.aio.ServicerContext[Any, Any]"], AbstractAsyncContextManager[None]]
"""Makes what is entered before a handler and left after it: full method name and context."""


class AroundInterceptor(grpc.aio.ServerInterceptor):
    """Puts `around` about every handler. A stream is inside from its first message to its last."""

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

    def _streaming(self, method: str, inner: Callable[..., Any]) -> Callable[..., AsyncIterator[Any]]:
        async def wrapped(request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: ANN401  # messages of any type
            async with self._around(method, context):
                answers = inner(request, context)
                if not inspect.isasyncgen(answers):  # one that writes to the context, as the health service does
                    await answers
                    return
                async with aclosing(answers):
                    async for answer in answers:
                        yield answer

        return wrapped


_unary_stream = grpc.unary_stream_rpc_method_handler
