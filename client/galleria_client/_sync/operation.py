# Written by client/unasync.py from the module of the same name in _async: change that one.
"""Long-running operations as futures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Self, TypeVar, cast

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.message import Message

from galleria.v1.operation_watches_pb2 import WatchOperationRequest
from galleria.v1.operation_watches_pb2_grpc import OperationWatchesStub
from galleria_client._sync.transport import Transport
from galleria_client.errors import CallFailed, Unavailable, WaitTimedOut
from galleria_client.operation_messages import failure_in, unpacked
from galleria_client.retry import patience

R = TypeVar("R", bound=Message)
ROUND_SECONDS = 10.0


class Operation(Generic[R]):
    """One long-running operation, as it was when it was last asked about.

    `R` is the type of its result.
    """

    def __init__(self, transport: Transport, message: operations_pb2.Operation) -> None:
        self._transport = transport
        self._stub = operations_pb2_grpc.OperationsStub(transport.channel)
        self.message = message

    @property
    def name(self) -> str:
        """Resource name: operations/{uuid}."""
        return cast("str", self.message.name)

    @property
    def done(self) -> bool:
        """Whether it had ended when it was last asked about."""
        return bool(self.message.done)

    @property
    def metadata(self) -> Message | None:
        """Its progress when it was last asked about; None when there is none."""
        return unpacked(self.message.metadata)

    @property
    def failure(self) -> CallFailed | None:
        """Why it failed; None when it runs or succeeded."""
        return failure_in(self.message)

    def refresh(self) -> Self:
        """Ask about it once."""
        request = operations_pb2.GetOperationRequest(name=self.name)
        self.message = self._transport.unary(self._stub.GetOperation, request, repeat=True)
        return self

    def wait(
        self,
        timeout: float | None = None,
        *,
        each: Callable[[Message | None], None] | None = None,
        every: float = ROUND_SECONDS,
    ) -> Self:
        """Wait until it has ended, at most `timeout` seconds; `each` is told its metadata about `every` seconds.

        A server that is started again meanwhile goes on with the operation, and so does the wait.

        Raises:
            WaitTimedOut: it goes on.
            Unavailable: the server was away as long as the client's retry policy allows.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self.done:
            left = end - time.monotonic()
            if left <= 0:
                raise WaitTimedOut(self.name, timeout or 0.0)
            try:
                with patience(left):
                    self._wait_round(min(every, left))
            except Unavailable as failure:
                if time.monotonic() < end:
                    raise
                raise WaitTimedOut(self.name, timeout or 0.0) from failure
            if each is not None:
                each(self.metadata)
        return self

    def watch(self, regions: Sequence[str] = (), min_regions: int = 0) -> Iterator[Self]:
        """Yields itself as it is, and again whenever that changes, until it has ended.

        With `regions` until its version can be read in all of them, with `min_regions` in so many of its regions, if
        that is before its end.

        Raises:
            NotFound, InvalidField, RegionUnknown, Unavailable.
        """
        stub = OperationWatchesStub(self._transport.channel)
        request = WatchOperationRequest(name=self.name, regions=regions, min_regions=min_regions)
        for answer in self._transport.stream(stub.WatchOperation(request)):
            self.message = answer.operation
            yield self

    def result(self, timeout: float | None = None) -> R:
        """Wait as `wait` does and return what it made.

        Raises:
            CallFailed: it failed.
            WaitTimedOut: it goes on.
        """
        self.wait(timeout)
        if self.failure is not None:
            raise self.failure
        return cast("R", unpacked(self.message.response))

    def cancel(self) -> None:
        """Ask the server to give it up; it ends as CANCELLED unless it was done before."""
        request = operations_pb2.CancelOperationRequest(name=self.name)
        self._transport.unary(self._stub.CancelOperation, request, repeat=True)

    def _wait_round(self, seconds: float) -> None:
        request = operations_pb2.WaitOperationRequest(name=self.name)
        request.timeout.FromNanoseconds(int(seconds * 1e9))
        began = time.monotonic()
        timeout = seconds + self._transport.timeout
        self.message = self._transport.unary(self._stub.WaitOperation, request, repeat=True, timeout=timeout)
        # A server may answer sooner than asked; that must not become a busy loop.
        early = min(seconds, 1.0) - (time.monotonic() - began)
        if not self.done and early > 0:
            self._transport.sleep(early)
