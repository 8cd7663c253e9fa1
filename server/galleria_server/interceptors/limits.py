"""Bounds how many calls run, and lets nothing new begin on a server that is about to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from galleria_server.domain.errors import Draining, ServerBusy

# What ends work that has begun; everything else can go on after a restart.
_ENDINGS = frozenset({"CommitPush", "AbortPush", "GetPush"})
_INFRASTRUCTURE = "/grpc."


class CallGate:
    """Counts running calls, those of health and reflection left out. Used from one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def enter(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        """Let a call run. Raises Draining, ServerBusy."""
        if method.startswith(_INFRASTRUCTURE):
            yield
            return
        self._admit(method)
        try:
            yield
        finally:
            self._running -= 1
            if self._running == 0:
                self._idle.set()

    async def drain(self, grace: float) -> bool:
        """Let nothing new begin and wait up to `grace` seconds for what runs; returns whether all of it ended."""
        self._draining = True
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _admit(self, method: str) -> None:
        if self._draining and method.rpartition("/")[2] not in _ENDINGS:
            raise Draining
        if self._running >= self._limit:
            raise ServerBusy("calls", self._limit)
        self._running += 1
        self._idle.clear()
