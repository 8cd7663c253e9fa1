"""The RegionControl service."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import grpc.aio

from galleria.v1 import regions_pb2 as pb
from galleria.v1.regions_pb2_grpc import RegionControlServicer
from galleria_server.catalogue import regions
from galleria_server.catalogue.writes import make_once
from galleria_server.domain.names import AccessName, SubscriptionName, parse_access, parse_subscription
from galleria_server.domain.pages import Position
from galleria_server.domain.region_access import MAX_TEXT, AccessState, RegionAccess, RegionStatus, check_decision
from galleria_server.domain.region_names import known_region
from galleria_server.domain.validation import check_length, refuse
from galleria_server.services.convert_publishing import timestamp
from galleria_server.services.enums import ACCESS_STATES, to_wire
from galleria_server.services.parsing import parse_write
from galleria_server.services.shared import Catalogue, fetch_page

Context = grpc.aio.ServicerContext[Any, Any]
ALL = "subscriptions/-"


class RegionControl(RegionControlServicer):
    """Access to restricted regions, and regions that are down."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._metadata = catalogue.metadata

    async def RequestRegionAccess(self, request: pb.RequestRegionAccessRequest, context: Context) -> pb.RegionAccess:
        refuse(check_length("justification", request.justification, MAX_TEXT))
        subscription = parse_subscription("parent", request.parent)
        write, now = parse_write("RequestRegionAccess", request, subscription), self._catalogue.clock()
        name = AccessName(subscription.subscription, known_region("region", request.region, self._catalogue.regions))
        ask = partial(regions.ask, name=name, justification=request.justification, now=now)
        return _access(await self._metadata.write(make_once, write, now, ask, regions.recall_access))

    async def GetRegionAccess(self, request: pb.GetRegionAccessRequest, context: Context) -> pb.RegionAccess:
        return _access(await self._metadata.read(regions.require_access, parse_access("name", request.name)))

    async def ListRegionAccess(
        self, request: pb.ListRegionAccessRequest, context: Context
    ) -> pb.ListRegionAccessResponse:
        of_all = request.parent == ALL
        subscription = None if of_all else parse_subscription("parent", request.parent).subscription

        async def fetch(position: Position | None, limit: int) -> list[RegionAccess]:
            after = None if position is None else (UUID(str(position[0])), str(position[1]))
            return await self._metadata.read(regions.page_access, subscription, after, limit)

        binding = ("ListRegionAccess", str(subscription))
        found, token = await fetch_page(self._catalogue.tokens, binding, request, fetch, _position)
        return pb.ListRegionAccessResponse(region_access=map(_access, found), next_page_token=token)

    async def DecideRegionAccess(self, request: pb.DecideRegionAccessRequest, context: Context) -> pb.RegionAccess:
        name, state = parse_access("name", request.name), ACCESS_STATES.get(request.state, AccessState.REQUESTED)
        scope = SubscriptionName(name.subscription)
        write, now = parse_write("DecideRegionAccess", request, scope), self._catalogue.clock()
        refuse(check_decision(state, request.reason))
        known_region("name", name.region, self._catalogue.regions)
        decide = partial(regions.decide, name=name, state=state, reason=request.reason, now=now)
        return _access(await self._metadata.write(make_once, write, now, decide, regions.recall_access))

    async def MarkRegion(self, request: pb.MarkRegionRequest, context: Context) -> pb.RegionStatus:
        write, now = parse_write("MarkRegion", request, None), self._catalogue.clock()
        refuse(check_length("reason", request.reason, MAX_TEXT))
        region = known_region("region", request.region, self._catalogue.regions)
        mark = partial(regions.mark, region=region, reason=request.reason, now=now, down=request.down)
        return _status(await self._metadata.write(make_once, write, now, mark, regions.recall_status))

    async def GetRegionStatus(self, request: pb.GetRegionStatusRequest, context: Context) -> pb.RegionStatus:
        region = known_region("region", request.region, self._catalogue.regions)
        return _status(await self._metadata.read(regions.status, region))


def _access(found: RegionAccess) -> pb.RegionAccess:
    return pb.RegionAccess(
        name=str(found.name),
        state=to_wire(found.state, ACCESS_STATES),
        justification=found.justification,
        reason=found.reason,
        request_time=timestamp(found.request_time),
        decide_time=timestamp(found.decide_time),
    )


def _status(found: RegionStatus) -> pb.RegionStatus:
    return pb.RegionStatus(
        region=found.region,
        restricted=found.restricted,
        down=found.down_time is not None,
        reason=found.down_reason,
        down_time=timestamp(found.down_time),
    )


def _position(access: RegionAccess) -> Position:
    return [str(access.subscription), access.region]
