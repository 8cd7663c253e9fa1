"""The namespace of restricted regions, and of regions that are down."""

from __future__ import annotations

from uuid import uuid4

from galleria.v1 import regions_pb2 as pb
from galleria.v1.regions_pb2_grpc import RegionControlStub
from galleria_client._async.pager import Pager
from galleria_client._async.transport import Transport


class RegionAccess:
    """Who may use which region; `decide` and `mark` are for who runs the installation."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = RegionControlStub(transport.channel)

    async def request(
        self, parent: str, region: str, justification: str = "", *, request_id: str = ""
    ) -> pb.RegionAccess:
        """Ask for access of the subscription `parent` to a region.

        Raises:
            NotFound, RegionUnknown, InvalidField, WrongState.
        """
        request = pb.RequestRegionAccessRequest(
            parent=parent, region=region, justification=justification, request_id=request_id or str(uuid4())
        )
        return await self._transport.unary(self._stub.RequestRegionAccess, request, repeat=True)

    async def get(self, name: str) -> pb.RegionAccess:
        """The access of one subscription to one region.

        Raises:
            NotFound: it was never asked for.
        """
        request = pb.GetRegionAccessRequest(name=name)
        return await self._transport.unary(self._stub.GetRegionAccess, request, repeat=True)

    def list(
        self, parent: str = "subscriptions/-", *, page_size: int = 0
    ) -> Pager[pb.ListRegionAccessRequest, pb.ListRegionAccessResponse, pb.RegionAccess]:
        """What a subscription has asked for, or all have."""
        request = pb.ListRegionAccessRequest(parent=parent, page_size=page_size)
        return Pager(self._transport, self._stub.ListRegionAccess, request, lambda answer: answer.region_access)

    async def decide(
        self, name: str, state: pb.AccessState.ValueType, reason: str = "", *, request_id: str = ""
    ) -> pb.RegionAccess:
        """Take a request into review, approve or deny it.

        Raises:
            NotFound, RegionUnknown, InvalidField, WrongState.
        """
        request = pb.DecideRegionAccessRequest(
            name=name, state=state, reason=reason, request_id=request_id or str(uuid4())
        )
        return await self._transport.unary(self._stub.DecideRegionAccess, request, repeat=True)

    async def mark(self, region: str, *, down: bool, reason: str = "", request_id: str = "") -> pb.RegionStatus:
        """Say that a region is down, so that nothing that has its home there is written; or up again.

        Raises:
            RegionUnknown, InvalidField.
        """
        request = pb.MarkRegionRequest(region=region, down=down, reason=reason, request_id=request_id or str(uuid4()))
        return await self._transport.unary(self._stub.MarkRegion, request, repeat=True)

    async def status(self, region: str) -> pb.RegionStatus:
        """Whether a region is restricted or down.

        Raises:
            RegionUnknown: there is none of that name.
        """
        request = pb.GetRegionStatusRequest(region=region)
        return await self._transport.unary(self._stub.GetRegionStatus, request, repeat=True)
