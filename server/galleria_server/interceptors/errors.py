"""Turns exceptions into statuses with details."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from grpc_status import rpc_status

from galleria_server.calls import CURRENT
from galleria_server.errors import internal_status, rule_for, status_of

_log = logging.getLogger(__name__)


@asynccontextmanager
async def tell_errors(method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """Answer a known exception by its rule, any other as INTERNAL with an id that the log has too."""
    try:
        yield
    except (asyncio.CancelledError, grpc.aio.AbortError):
        raise
    except Exception as error:  # noqa: BLE001  # the one place where an unexpected error becomes an answer
        call = CURRENT.get()
        rule = rule_for(error)
        if rule is None:
            error_id = uuid.uuid4().hex
            _log.exception("internal error", extra={"error_id": error_id, "method": method})
            status, call.reason = internal_status(error_id, call.request_id), "INTERNAL"
        else:
            status, call.reason = status_of(error, rule, call.request_id), rule.reason
        await context.abort_with_status(rpc_status.to_status(status))
