"""The OperationWatches service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc.aio

from galleria.v1 import operation_watches_pb2 as pb
from galleria.v1.operation_watches_pb2_grpc import OperationWatchesServicer
from galleria_server.catalogue import operations
from galleria_server.catalogue.operations import OperationView
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.names import parse_operation
from galleria_server.domain.region_names import known_region
from galleria_server.domain.replication import replication
from galleria_server.domain.validation import refuse
from galleria_server.operations.bell import Bell
from galleria_server.services import convert
from galleria_server.services.operations import RECHECK_SECONDS
from galleria_server.services.shared import Catalogue

Context = grpc.aio.ServicerContext[Any, Any]

# Progress is told about once a second and copy; more would only be the same again.
PAUSE_SECONDS = 0.2


class OperationWatches(OperationWatchesServicer):
    """Operations as they go on."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def WatchOperation(
        self, request: pb.WatchOperationRequest, context: Context
    ) -> AsyncIterator[pb.WatchOperationResponse]:
        """Tell how an operation is, until it or the wait has ended."""
        uid = parse_operation("name", request.name)
        known = self._catalogue.regions
        wanted = [known_region(f"regions[{i}]", text, known) for i, text in enumerate(request.regions)]
        told: pb.WatchOperationResponse | None = None
        while True:
            rung = self._catalogue.bell.listen()
            view = await self._catalogue.metadata.read(operations.get, uid)
            if told is None:
                _check(view, wanted, request.min_regions)
            answer = self._answer(view, wanted, request.min_regions)
            if answer != told:
                yield answer
                told = answer
            if view.operation.done or answer.reached:
                return
            await asyncio.sleep(PAUSE_SECONDS)
            await Bell.heard(rung, RECHECK_SECONDS)

    def _answer(self, view: OperationView, wanted: Sequence[str], least: int) -> pb.WatchOperationResponse:
        usable = _usable(view)
        reached = bool(wanted or least) and set(wanted) <= set(usable) and len(usable) >= least
        operation = convert.operation(view, self._catalogue.clock())
        return pb.WatchOperationResponse(operation=operation, usable_regions=usable, reached=reached)


def _usable(view: OperationView) -> list[str]:
    if view.target is None:
        return []
    return [region.region for region in replication(view.target.version, view.target.copies) if region.usable]


def _check(view: OperationView, wanted: Sequence[str], least: int) -> None:
    """What will never come to pass is not waited for."""
    if view.target is None:
        return
    ordered = [target.region for target in view.target.version.target_regions]
    told = f"is not among the target regions, {', '.join(ordered)}"
    wrong = [FieldViolation(f"regions[{i}]", told) for i, region in enumerate(wanted) if region not in ordered]
    if least > len(ordered):
        wrong.append(FieldViolation("min_regions", f"{least} is more than the target regions, {len(ordered)}"))
    refuse(wrong)
