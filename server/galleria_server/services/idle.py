"""Ends the call of a client that takes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc.aio
from grpc_status import rpc_status

from galleria_server.calls import CURRENT
from galleria_server.domain.errors_content import StreamIdle
from galleria_server.errors import rule_for, status_of


def teller(context: grpc.aio.ServicerContext[Any, Any]) -> Callable[[StreamIdle], Awaitable[None]]:
    """What tells a client that its stream has ended.

    The handler stands in the middle of a message that the client does not take, so no exception of it would arrive.
    """

    async def tell(error: StreamIdle) -> None:
        call, rule = CURRENT.get(), rule_for(error)
        if rule is None:
            raise error
        call.reason = rule.reason
        with suppress(grpc.aio.AbortError):
            await context.abort_with_status(rpc_status.to_status(status_of(error, rule, call.request_id)))

    return tell
