"""Calls over a synchronous channel: deadlines, retries, and errors of this library."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, Protocol, TypeVar

import grpc

from galleria_client.endpoint import CALL_SECONDS, OPTIONS, endpoint
from galleria_client.errors import CallFailed
from galleria_client.retry import RetryPolicy, Tries
from galleria_client.status import failure_of

A = TypeVar("A")
Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)
P = ParamSpec("P")


class Unary(Protocol[Q_contra, A_co]):
    """A unary method of a generated stub."""

    def __call__(self, request: Q_contra, timeout: float | None = None) -> A_co: ...


class Transport:
    """One channel and the rules for calls on it. Safe to share between threads.

    `answered` is what another transport to the same server knows about it.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        timeout: float = CALL_SECONDS,
        retry: RetryPolicy | None = None,
        answered: threading.Event | None = None,
    ) -> None:
        self.target = endpoint(target)
        self.timeout = timeout
        self.retry = retry or RetryPolicy()
        self.answered = answered or threading.Event()
        """Set once the server has answered a call."""
        self.channel = grpc.insecure_channel(self.target, options=OPTIONS)

    def unary(
        self, method: Unary[Q_contra, A_co], request: Q_contra, *, repeat: bool, timeout: float | None = None
    ) -> A_co:
        """Call `method` with a deadline of `timeout` seconds a try; when it may `repeat`, again while unavailable.

        A server that has answered before is waited for as long as the policy says, one that never did only shortly.

        Raises:
            CallFailed: as the server or gRPC said.
        """
        tries = Tries(self.retry, self.answered, repeat=repeat)
        while True:
            try:
                answer = method(request, timeout=timeout or self.timeout)
            except grpc.RpcError as error:
                failure = failure_of(error)
            else:
                self.answered.set()
                return answer
            time.sleep(tries.pause_after(failure))

    def stream(self, call: Iterator[A]) -> Iterator[A]:
        """The answers of a server stream.

        Raises:
            CallFailed: as the server or gRPC said.
        """
        try:
            yield from call
        except grpc.RpcError as error:
            raise self.failure(error) from None

    def failure(self, error: grpc.RpcError) -> CallFailed:
        """This library's exception for an error of gRPC."""
        return failure_of(error)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def in_thread(self, stop: threading.Event, work: Callable[P, A], *args: P.args, **kwargs: P.kwargs) -> A:
        """Do blocking work: here and now. Nobody else is there to set `stop`."""
        return work(*args, **kwargs)

    def blocking(self) -> Transport:
        """The transport for blocking work."""
        return self

    def close(self) -> None:
        """Close the channel; running calls are cancelled."""
        self.channel.close()
