"""The gate that every call passes before its handler runs: it knows which action the call is.

Who may do an action is asked here and nowhere else; until there are identities, whoever reaches the server may do all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from galleria_server.calls import CURRENT
from galleria_server.domain.actions import action_of


@asynccontextmanager
async def pass_gate(method: str, _context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """Note the action of the call. A method that no action is bound to is not answered (KeyError)."""
    CURRENT.get().action = action_of(method) or ""
    yield
