"""The google.longrunning.Operations service."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc.aio
from google.longrunning import operations_pb2 as pb
from google.longrunning.operations_pb2_grpc import OperationsServicer
from google.protobuf.empty_pb2 import Empty

from galleria_server.catalogue import operations
from galleria_server.catalogue.operations import OperationView
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.names import parse_operation
from galleria_server.domain.pages import Position, Stretch
from galleria_server.domain.validation import refuse
from galleria_server.operations.bell import Bell
from galleria_server.services import convert
from galleria_server.services.lists import Listing
from galleria_server.services.operation_values import OPERATION, operation_values
from galleria_server.services.shared import Catalogue

Context = grpc.aio.ServicerContext[Any, Any]

# Rings come from this process; another one that shares the database is noticed at least this often.
RECHECK_SECONDS = 5.0
# The answer has to leave before the caller's deadline.
DEADLINE_MARGIN_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 600.0


class Operations(OperationsServicer):  # type: ignore[misc]  # generated without types
    """Operations on image versions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def GetOperation(self, request: pb.GetOperationRequest, context: Context) -> pb.Operation:
        """Return one operation."""
        view = await self._get(parse_operation("name", request.name))
        return convert.operation(view, self._catalogue.clock())

    async def ListOperations(self, request: pb.ListOperationsRequest, context: Context) -> pb.ListOperationsResponse:
        """Return a page of all operations, newest first."""
        refuse(_check("name", request.name, ("", "operations")))

        async def fetch(to: Stretch) -> list[OperationView]:
            before = (datetime.fromisoformat(str(to.after[0])), UUID(str(to.after[1]))) if to.after else None
            return await self._catalogue.metadata.read(operations.page, before, to.limit)

        asked = _listing(self._catalogue.clock()).asked(request)
        found, token = await asked.page(self._catalogue.tokens, "", fetch)
        return pb.ListOperationsResponse(operations=found, next_page_token=token)

    async def WaitOperation(self, request: pb.WaitOperationRequest, context: Context) -> pb.Operation:
        """Return one operation when it has ended, or as it is after `timeout` (10 minutes at most)."""
        uid = parse_operation("name", request.name)
        asked = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else LONGEST_WAIT_SECONDS
        remaining = context.time_remaining()
        limits = [asked, LONGEST_WAIT_SECONDS]
        if remaining is not None:
            limits.append(remaining - DEADLINE_MARGIN_SECONDS)
        view = await self._wait(uid, min(limits))
        return convert.operation(view, self._catalogue.clock())

    async def CancelOperation(self, request: pb.CancelOperationRequest, context: Context) -> Empty:
        """End a running creation."""
        uid = parse_operation("name", request.name)
        await self._catalogue.metadata.write(operations.cancel, uid, self._catalogue.clock())
        self._catalogue.bell.ring()
        self._catalogue.content.wake()
        return Empty()

    async def DeleteOperation(self, request: pb.DeleteOperationRequest, context: Context) -> Empty:
        """Forget an operation that has ended."""
        await self._catalogue.metadata.write(operations.remove, parse_operation("name", request.name))
        return Empty()

    async def _get(self, uid: UUID) -> OperationView:
        return await self._catalogue.metadata.read(operations.get, uid)

    async def _wait(self, uid: UUID, seconds: float) -> OperationView:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            rung = self._catalogue.bell.listen()
            view = await self._get(uid)
            left = end - loop.time()
            if view.operation.done or left <= 0:
                return view
            await Bell.heard(rung, min(left, RECHECK_SECONDS))


def _position(view: OperationView) -> Position:
    return [view.operation.create_time.isoformat(), str(view.operation.uid)]


def _listing(now: datetime) -> Listing[OperationView, pb.Operation]:
    def render(view: OperationView) -> pb.Operation:
        return convert.operation(view, now)

    # There is one order, and no read mask.
    return Listing(
        "ListOperations", pb.Operation, render, _position, order="", shape=OPERATION, values=operation_values
    )


def _check(field: str, text: str, allowed: tuple[str, ...]) -> list[FieldViolation]:
    if text in allowed:
        return []
    wanted = " or ".join(repr(choice) if choice else "empty" for choice in allowed)
    return [FieldViolation(field, f"{text[:100]!r} must be {wanted}")]
