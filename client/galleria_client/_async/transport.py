"""Calls over an asyncio channel: deadlines, retries, and errors of this library."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import ParamSpec, Protocol, TypeVar

import grpc

from galleria_client._sync.transport import Transport as BlockingTransport
from galleria_client.endpoint import CALL_SECONDS, OPTIONS, endpoint
from galleria_client.retry import RetryPolicy, Tries
from galleria_client.status import failure_of

A = TypeVar("A")
Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)
P = ParamSpec("P")


class Unary(Protocol[Q_contra, A_co]):
    """A unary method of a generated stub."""

    def __call__(self, request: Q_contra, *, timeout: float | None = None) -> Awaitable[A_co]: ...


class Transport:
    """One channel of the running event loop, and the rules for calls on it."""

    def __init__(
        self, target: str | None = None, *, timeout: float = CALL_SECONDS, retry: RetryPolicy | None = None
    ) -> None:
        self.target = endpoint(target)
        self.timeout = timeout
        self.retry = retry or RetryPolicy()
        self.answered = threading.Event()
        """Set once the server has answered a call."""
        self.channel = grpc.aio.insecure_channel(self.target, options=OPTIONS)
        self._blocking: BlockingTransport | None = None

    async def unary(
        self,
        method: Unary[Q_contra, A_co],
        request: Q_contra,
        *,
        repeat: bool,
        timeout: float | None = None,  # noqa: ASYNC109 - gRPC's, which the server sees too
    ) -> A_co:
        """Call `method` with a deadline of `timeout` seconds a try; when it may `repeat`, again while unavailable.

        A server that has answered before is waited for as long as the policy says, one that never did only shortly.

        Raises:
            CallFailed: as the server or gRPC said.
        """
        tries = Tries(self.retry, self.answered, repeat=repeat)
        while True:
            try:
                answer = await method(request, timeout=timeout or self.timeout)
            except grpc.RpcError as error:
                failure = failure_of(error)
            else:
                self.answered.set()
                return answer
            await asyncio.sleep(tries.pause_after(failure))

    async def stream(self, call: AsyncIterable[A]) -> AsyncIterator[A]:
        """The answers of a server stream.

        Raises:
            CallFailed: as the server or gRPC said.
        """
        try:
            async for answer in call:
                yield answer
        except grpc.RpcError as error:
            raise failure_of(error) from None

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def in_thread(self, stop: threading.Event, work: Callable[P, A], *args: P.args, **kwargs: P.kwargs) -> A:
        """Do blocking work in a thread; a cancelled task sets `stop`, upon which `work` must end, and waits."""
        task = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([task])
            raise

    def blocking(self) -> BlockingTransport:
        """A transport of its own for blocking work, made when it is first needed.

        Its calls do not wait for a server that is away: a transfer does, where it can be cancelled.
        """
        if self._blocking is None:
            retry = replace(self.retry, away_seconds=0.0)
            self._blocking = BlockingTransport(self.target, timeout=self.timeout, retry=retry, answered=self.answered)
        return self._blocking

    async def close(self) -> None:
        """Close the channels; running calls are cancelled."""
        if self._blocking is not None:
            self._blocking.close()
        await self.channel.close()
