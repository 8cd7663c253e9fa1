"""The namespaces of regions and of operators, and what a server tells about itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from galleria.v1 import installation_pb2 as pb
from galleria.v1.installation_pb2_grpc import OperatorsStub, RegionsStub, ServersStub
from galleria_client._async.pager import Pager
from galleria_client._async.transport import Transport

COLLECT_SECONDS = 3600.0


class Regions:
    """The places of the installation."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = RegionsStub(transport.channel)

    async def list(self) -> Sequence[pb.Region]:
        """All regions, by name."""
        answer = await self._transport.unary(self._stub.ListRegions, pb.ListRegionsRequest(), repeat=True)
        return answer.regions


class Operators:
    """What only the operator of the installation may ask."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = OperatorsStub(transport.channel)

    def list_volumes(
        self, parent: str = "regions/-", *, page_size: int = 0
    ) -> Pager[pb.ListVolumesRequest, pb.ListVolumesResponse, pb.Volume]:
        """The volumes of a region, or of all."""
        request = pb.ListVolumesRequest(parent=parent, page_size=page_size)
        return Pager(self._transport, self._stub.ListVolumes, request, lambda answer: answer.volumes)

    async def get_volume(self, name: str) -> pb.Volume:
        """One volume.

        Raises:
            NotFound: there is none.
        """
        return await self._transport.unary(self._stub.GetVolume, pb.GetVolumeRequest(name=name), repeat=True)

    async def collect_volume(self, name: str) -> pb.CollectVolumeResponse:
        """Collect the garbage of a volume now.

        Raises:
            NotFound: there is no such volume.
            CollectionStopped: what it needs cannot be told, as something on it cannot be read.
        """
        request = pb.CollectVolumeRequest(name=name)
        return await self._transport.unary(self._stub.CollectVolume, request, repeat=True, timeout=COLLECT_SECONDS)

    async def scrub_volume(self, name: str, *, names: bool = False) -> AsyncIterator[pb.ScrubVolumeResponse]:
        """Read everything on a volume again: how far it is, and at last what was found.

        `names` also holds each record against its name. Left early, the rest is read the next time.

        Raises:
            NotFound: there is no such volume.
        """
        request = pb.ScrubVolumeRequest(name=name, names=names)
        async for answer in self._transport.stream(self._stub.ScrubVolume(request)):
            yield answer

    async def verify_volume(self, name: str) -> AsyncIterator[pb.VerifyVolumeResponse]:
        """Look whether all that roots on a volume need is there: how far it is, and at last what was found.

        Raises:
            NotFound: there is no such volume.
        """
        request = pb.VerifyVolumeRequest(name=name)
        async for answer in self._transport.stream(self._stub.VerifyVolume(request)):
            yield answer

    async def rebuild_volume(self, name: str) -> pb.Volume:
        """Make the index of a volume again; meanwhile it is offline.

        Raises:
            NotFound: there is no such volume.
            Unavailable: it is not open, or could not be opened again.
        """
        request = pb.RebuildVolumeRequest(name=name)
        return await self._transport.unary(self._stub.RebuildVolume, request, repeat=False, timeout=COLLECT_SECONDS)


class Servers:
    """The server itself."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = ServersStub(transport.channel)

    async def info(self) -> pb.ServerInfo:
        """Version, limits, codecs and rules."""
        return await self._transport.unary(self._stub.GetServerInfo, pb.GetServerInfoRequest(), repeat=True)
