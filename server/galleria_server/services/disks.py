"""The Disks service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, TypeVar
from uuid import UUID

import grpc.aio
from google.protobuf import empty_pb2

from galleria.v1 import disks_pb2 as pb
from galleria.v1 import disks_pb2_grpc
from galleria.v1.record_messages import PushedRecords
from galleria_server.catalogue import disks as catalogue
from galleria_server.config import Limits
from galleria_server.domain.disk_size import check_size
from galleria_server.domain.disk_system import DiskSystem, check_no_system
from galleria_server.domain.errors import NotFound
from galleria_server.domain.errors_content import ProtocolViolated, PushMissing
from galleria_server.domain.models import Disk, DiskKind
from galleria_server.domain.names import DISK_ID, DiskName, fold, parse_disk, parse_group, parse_id
from galleria_server.domain.pages import Position, Stretch
from galleria_server.domain.placement import place_disk
from galleria_server.domain.region_names import known_region
from galleria_server.domain.validation import refuse
from galleria_server.metadata import disks as rows
from galleria_server.pushes.limits import StreamLimits
from galleria_server.pushes.live import LivePush
from galleria_server.pushes.offered import offered
from galleria_server.pushes.raw import raw
from galleria_server.pushes.registry import Pushes
from galleria_server.services.convert_content import disk_kind, disk_message, promise_of, session_message
from galleria_server.services.idle import teller
from galleria_server.services.lists import Listing
from galleria_server.services.parsing import parse_write, parsed
from galleria_server.services.projections import projection
from galleria_server.services.shared import Catalogue
from galleria_server.streams import first_sent, taken
from galleria_server.volumes.registry import Volumes

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]


class DisksService(disks_pb2_grpc.DisksServicer):
    """Uploaded content."""

    def __init__(
        self, shared: Catalogue, volumes: Volumes, pushes: Pushes, stream_limits: StreamLimits, limits: Limits
    ) -> None:
        self._metadata = shared.metadata
        self._shared = shared
        self._volumes = volumes
        self._pushes = pushes
        self._limits = stream_limits
        self._max_disk = limits.max_disk
        self._lease_seconds = limits.lease

    async def CreateDisk(self, request: pb.CreateDiskRequest, context: Context) -> pb.Disk:
        group = parse_group("parent", request.parent)
        name = DiskName(group, parse_id("disk_id", request.disk_id, DISK_ID))
        location = known_region("disk.location", request.disk.location, self._shared.regions)
        kind = disk_kind("disk.kind", request.disk.kind)
        system = parsed(request.disk, DiskSystem, "disk")
        if kind is DiskKind.FILE:
            refuse(check_no_system("disk", system))
        if request.disk.size_bytes:
            check_size(request.disk.size_bytes, self._max_disk, kind)
        write = parse_write("CreateDisk", request, name)

        def choose(family: UUID) -> str:
            return place_disk(family, self._volumes.region_volumes(location))

        wanted = catalogue.NewDisk(name, location, request.disk.size_bytes, kind, system)
        made = await self._metadata.write(catalogue.create, write, self._shared.clock(), wanted, choose)
        return disk_message(made)

    async def GetDisk(self, request: pb.GetDiskRequest, context: Context) -> pb.Disk:
        name, shown = parse_disk("name", request.name), projection(request.read_mask, pb.Disk)
        return shown.of(disk_message(await self._metadata.read(catalogue.get, name)))

    async def ListDisks(self, request: pb.ListDisksRequest, context: Context) -> pb.ListDisksResponse:
        group = parse_group("parent", request.parent)

        async def fetch(to: Stretch) -> list[Disk]:
            return await self._metadata.read(rows.page, group, to.key, to.limit, descending=to.descending)

        found, token = await _LISTING.asked(request).page(self._shared.tokens, str(group), fetch)
        return pb.ListDisksResponse(disks=found, next_page_token=token)

    async def DeleteDisk(self, request: pb.DeleteDiskRequest, context: Context) -> empty_pb2.Empty:
        name = parse_disk("name", request.name)
        write = parse_write("DeleteDisk", request, name)
        await self._metadata.write(catalogue.delete, write, self._shared.clock(), name, request.etag)
        self._shared.content.wake()
        return empty_pb2.Empty()

    async def BeginPush(self, request: pb.BeginPushRequest, context: Context) -> pb.PushSession:
        return await self._session(await self._pushes.begin(parse_disk("disk", request.disk)))

    async def GetPush(self, request: pb.GetPushRequest, context: Context) -> pb.PushSession:
        return await self._session(await self._pushes.find(_session_id(request.session)))

    async def Push(
        self, request_iterator: AsyncIterator[pb.PushRequest | PushedRecords], context: Context
    ) -> AsyncIterator[pb.PushResponse]:
        first = await first_sent(request_iterator, self._limits.idle_timeout_seconds)
        if first is None or isinstance(first, PushedRecords) or first.WhichOneof("message") != "attach":
            raise ProtocolViolated("the first message of a Push stream is attach")
        live = await self._pushes.attach(_session_id(first.attach.session))
        answers = self._taken(offered(live, request_iterator, self._limits), context)
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def PushRaw(
        self, request_iterator: AsyncIterator[pb.PushRawRequest], context: Context
    ) -> AsyncIterator[pb.PushRawResponse]:
        first = await first_sent(request_iterator, self._limits.idle_timeout_seconds)
        if first is None or not first.session:
            raise ProtocolViolated("the first message of a PushRaw stream has session")
        live = await self._pushes.attach(_session_id(first.session))
        answers = self._taken(raw(live, first, request_iterator, self._limits), context)
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def CommitPush(self, request: pb.CommitPushRequest, context: Context) -> pb.Disk:
        # Once begun it is ended, whether the caller waits or not.
        commit = asyncio.ensure_future(self._pushes.commit(_session_id(request.session), promise_of(request)))
        return disk_message(await asyncio.shield(commit))

    async def AbortPush(self, request: pb.AbortPushRequest, context: Context) -> empty_pb2.Empty:
        try:
            abort = asyncio.ensure_future(self._pushes.abort(_session_id(request.session)))
            await asyncio.shield(abort)
        except PushMissing:
            pass
        return empty_pb2.Empty()

    def _taken(self, answers: AsyncGenerator[T, None], context: Context) -> AsyncGenerator[T, None]:
        return taken(answers, self._limits.idle_timeout_seconds, teller(context))

    async def _session(self, live: LivePush) -> pb.PushSession:
        durable = await live.mount.run(live.renewed_segments)
        disk = await self._metadata.read(rows.find_by_uid, live.disk)
        if disk is None:
            raise NotFound("push", str(live.session))
        return session_message(live, str(disk.name), durable, self._shared.clock(), self._lease_seconds)


def _position(disk: Disk) -> Position:
    return [fold(disk.name.disk)]


_LISTING = Listing("ListDisks", pb.Disk, disk_message, _position)


def _session_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise PushMissing(text[:100]) from None
