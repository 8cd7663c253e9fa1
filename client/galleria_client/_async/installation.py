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

    def list_roots(
        self, volume: str, *, unowned_only: bool = False, page_size: int = 0
    ) -> Pager[pb.ListVolumeRootsRequest, pb.ListVolumeRootsResponse, pb.VolumeRoot]:
        """The roots on a volume; or only those that belong to nothing or have a problem."""
        request = pb.ListVolumeRootsRequest(parent=volume, unowned_only=unowned_only, page_size=page_size)
        return Pager(self._transport, self._stub.ListVolumeRoots, request, lambda answer: answer.roots)

    async def adopt_volume(self, name: str) -> pb.Volume:
        """Let a volume belong to the server's metadata database.

        Raises:
            NotFound: there is no such volume.
        """
        return await self._transport.unary(self._stub.AdoptVolume, pb.AdoptVolumeRequest(name=name), repeat=True)

    async def adopt_root(self, name: str, *, disk_id: str = "") -> pb.VolumeRoot:
        """Make the disk or the copy of an image version that a root was pinned for.

        Raises:
            NotFound: there is no such root.
            AlreadyExists: the name is taken.
            RootNotUsable: it cannot be; the message says why.
        """
        request = pb.AdoptVolumeRootRequest(name=name, disk_id=disk_id)
        return await self._transport.unary(self._stub.AdoptVolumeRoot, request, repeat=True)

    async def release_root(self, name: str, *, validate_only: bool = False) -> pb.VolumeRoot:
        """Give up a root that belongs to nothing.

        Raises:
            NotFound: there is no such root.
            RootNotUsable: it belongs to something.
        """
        request = pb.ReleaseVolumeRootRequest(name=name, validate_only=validate_only)
        return await self._transport.unary(self._stub.ReleaseVolumeRoot, request, repeat=validate_only)

    async def abandon_root(self, name: str, *, validate_only: bool = False) -> pb.VolumeRoot:
        """Give up a root for lost that cannot be read whole.

        Raises:
            NotFound: there is no such root.
            RootNotUsable: nothing is known to be wrong with it.
        """
        request = pb.AbandonVolumeRootRequest(name=name, validate_only=validate_only)
        return await self._transport.unary(self._stub.AbandonVolumeRoot, request, repeat=validate_only)


class Servers:
    """The server itself."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = ServersStub(transport.channel)

    async def info(self) -> pb.ServerInfo:
        """Version, limits, codecs and rules."""
        return await self._transport.unary(self._stub.GetServerInfo, pb.GetServerInfoRequest(), repeat=True)
