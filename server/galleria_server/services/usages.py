"""The Usages service."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from galleria.v1 import usages_pb2 as pb
from galleria.v1.usages_pb2_grpc import UsagesServicer
from galleria_server.catalogue import limits
from galleria_server.catalogue.writes import make_once, remove_once
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.limits import LIMITS, Scope, Unit
from galleria_server.domain.names import parse_limit, parse_subscription
from galleria_server.domain.region_names import known_region
from galleria_server.domain.usages import LimitInForce, Usage
from galleria_server.domain.validation import refuse
from galleria_server.services.enums import Known, to_wire
from galleria_server.services.parsing import parse_write
from galleria_server.services.shared import Catalogue

Context = grpc.aio.ServicerContext[Any, Any]

_UNITS = Known(
    {
        pb.LIMIT_UNIT_COUNT: Unit.COUNT,
        pb.LIMIT_UNIT_BYTES: Unit.BYTES,
        pb.LIMIT_UNIT_CHARACTERS: Unit.CHARACTERS,
        pb.LIMIT_UNIT_DAYS: Unit.DAYS,
        pb.LIMIT_UNIT_GIBIBYTES: Unit.GIBIBYTES,
    }
)
_SCOPES = Known(
    {
        pb.LIMIT_SCOPE_SUBSCRIPTION_REGION: Scope.SUBSCRIPTION_REGION,
        pb.LIMIT_SCOPE_GALLERY: Scope.GALLERY,
        pb.LIMIT_SCOPE_VERSION: Scope.VERSION,
        pb.LIMIT_SCOPE_VERSION_REGION: Scope.VERSION_REGION,
        pb.LIMIT_SCOPE_MACHINE: Scope.MACHINE,
        pb.LIMIT_SCOPE_RESOURCE: Scope.RESOURCE,
        pb.LIMIT_SCOPE_REQUEST: Scope.REQUEST,
    }
)


class Usages(UsagesServicer):
    """Limits of subscriptions, and what they use of them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._metadata = catalogue.metadata

    async def ListUsages(self, request: pb.ListUsagesRequest, context: Context) -> pb.ListUsagesResponse:
        subscription = parse_subscription("parent", request.parent).subscription
        region = known_region("region", request.region, self._catalogue.regions)
        found = await self._metadata.read(limits.usages, subscription, region)
        return pb.ListUsagesResponse(usages=map(_usage, found))

    async def ListLimits(self, request: pb.ListLimitsRequest, context: Context) -> pb.ListLimitsResponse:
        subscription = parse_subscription("parent", request.parent).subscription
        return pb.ListLimitsResponse(limits=map(_limit, await self._metadata.read(limits.in_force, subscription)))

    async def SetLimit(self, request: pb.SetLimitRequest, context: Context) -> pb.Limit:
        write, now = parse_write("SetLimit", request, None), self._catalogue.clock()
        name = parse_limit("name", request.name)
        refuse([] if request.HasField("value") else [FieldViolation("value", "is required")])
        put = partial(limits.put, name=name, number=request.value)
        override = await self._metadata.write(make_once, write, now, put, limits.recall)
        return _limit(LimitInForce(LIMITS[override.key], override.subscription, override.number))

    async def ClearLimit(self, request: pb.ClearLimitRequest, context: Context) -> Empty:
        write, now = parse_write("ClearLimit", request, None), self._catalogue.clock()
        clear = partial(limits.clear, name=parse_limit("name", request.name))
        await self._metadata.write(remove_once, write, now, clear)
        return Empty()


def _usage(found: Usage) -> pb.Usage:
    held = found.limit
    return pb.Usage(
        name=f"subscriptions/{held.subscription}/locations/{found.region}/usages/{held.limit.key}",
        display_name=held.limit.display_name,
        current_value=found.current,
        limit=held.number,
        unit=to_wire(held.limit.unit, _UNITS),
    )


def _limit(found: LimitInForce) -> pb.Limit:
    limit = found.limit
    return pb.Limit(
        name=str(found.name),
        display_name=limit.display_name,
        value=found.number,
        default_value=limit.number,
        highest_value=limit.highest,
        unit=to_wire(limit.unit, _UNITS),
        scope=to_wire(limit.scope, _SCOPES),
        source=limit.source,
    )
