"""Gives every call a request id and writes one line about it when it has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from galleria_server.calls import CURRENT, Call, request_id_from

REQUEST_ID_KEY = "x-request-id"
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}
_log = logging.getLogger("galleria.access")


@asynccontextmanager
async def log_access(method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """Set the current call, and log it at its end. The request id comes from the caller's metadata if it has one."""
    offered = dict(context.invocation_metadata() or ()).get(REQUEST_ID_KEY)
    call = Call(request_id_from(offered), method)
    CURRENT.set(call)
    context.set_trailing_metadata(((REQUEST_ID_KEY, call.request_id),))
    # Asking a call that gRPC has freed would end the process; at its beginning it is certain not to be.
    peer = context.peer()
    began = time.perf_counter()
    code = ""
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        code = grpc.StatusCode.CANCELLED.name
        raise
    finally:
        _write(call, code or code_name(context), peer, time.perf_counter() - began)


def code_name(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """The name of the code that a call ended with."""
    code: Any = context.code()  # 0 while nobody has set one, though the stubs promise a StatusCode
    number = code.value[0] if isinstance(code, grpc.StatusCode) else int(code or 0)
    return _CODES.get(number, str(number))


def _write(call: Call, code: str, peer: str, seconds: float) -> None:
    values = {
        "method": call.method,
        "code": code,
        "reason": call.reason,
        "action": call.action,
        "ms": round(1000 * seconds, 1),
        "received_bytes": call.received_bytes,
        "sent_bytes": call.sent_bytes,
        "peer": peer,
    }
    _log.info("call", extra=values)
