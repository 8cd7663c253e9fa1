"""The Operators service: what only those who run the installation may ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

import grpc.aio

from galleria.v1 import installation_pb2 as pb
from galleria.v1 import installation_pb2_grpc
from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.errors_content import VolumeUnavailable
from galleria_server.domain.names import fold, parse_uuid
from galleria_server.domain.pages import Position
from galleria_server.domain.region_names import known_region
from galleria_server.services.convert_content import volume_message
from galleria_server.services.convert_upkeep import collect_message, root_message, scrub_message, verify_message
from galleria_server.services.shared import Catalogue, fetch_page
from galleria_server.services.told import told
from galleria_server.volumes.mount import Mount
from galleria_server.volumes.registry import Volumes
from galleria_server.volumes.roots import OwnedRoot, Roots

ALL = "-"
Context = grpc.aio.ServicerContext[Any, Any]


class OperatorsService(installation_pb2_grpc.OperatorsServicer):
    """Volumes as they are now, and what is done to them."""

    def __init__(self, shared: Catalogue, volumes: Volumes, roots: Roots) -> None:
        self._shared = shared
        self._volumes = volumes
        self._roots = roots

    async def ListVolumes(self, request: pb.ListVolumesRequest, context: Context) -> pb.ListVolumesResponse:
        region = self._region(request.parent)

        async def fetch(after: Position | None, limit: int) -> list[Mount]:
            return [mount for mount in self._in(region) if after is None or _position(mount) > after][:limit]

        mounts, token = await fetch_page(self._shared.tokens, ("ListVolumes", region), request, fetch, _position)
        found = await asyncio.gather(*map(self._now, mounts))
        return pb.ListVolumesResponse(volumes=found, next_page_token=token)

    async def GetVolume(self, request: pb.GetVolumeRequest, context: Context) -> pb.Volume:
        return await self._now(self._named(request.name))

    async def CollectVolume(self, request: pb.CollectVolumeRequest, context: Context) -> pb.CollectVolumeResponse:
        found = await self._named(request.name).collect()
        return collect_message(found)

    async def ScrubVolume(
        self, request: pb.ScrubVolumeRequest, context: Context
    ) -> AsyncGenerator[pb.ScrubVolumeResponse, None]:
        mount = self._named(request.name)
        async with aclosing(told(lambda report: mount.scrub(report, names=request.names))) as answers:
            async for found, done in answers:
                yield scrub_message(found, done=done, lacking=await mount.lacking() if done else ())

    async def VerifyVolume(
        self, request: pb.VerifyVolumeRequest, context: Context
    ) -> AsyncGenerator[pb.VerifyVolumeResponse, None]:
        async with aclosing(told(self._named(request.name).verify)) as answers:
            async for found, done in answers:
                yield verify_message(found, done=done)

    async def RebuildVolume(self, request: pb.RebuildVolumeRequest, context: Context) -> pb.Volume:
        mount = self._named(request.name)
        await mount.rebuild()
        return await self._now(mount)

    async def ListVolumeRoots(self, request: pb.ListVolumeRootsRequest, context: Context) -> pb.ListVolumeRootsResponse:
        mount = self._named(request.parent, "parent")

        async def fetch(after: Position | None, limit: int) -> list[OwnedRoot]:
            last = None if after is None else UUID(str(after[0]))
            return await self._roots.page(mount, last, limit, unowned_only=request.unowned_only)

        binding = ("ListVolumeRoots", mount.region, fold(mount.name), str(request.unowned_only))
        roots, token = await fetch_page(self._shared.tokens, binding, request, fetch, lambda root: [root.file.id.hex])
        return pb.ListVolumeRootsResponse(roots=[root_message(mount, root) for root in roots], next_page_token=token)

    async def AdoptVolume(self, request: pb.AdoptVolumeRequest, context: Context) -> pb.Volume:
        mount = self._named(request.name)
        await self._roots.adopt_volume(mount)
        return await self._now(mount)

    async def AdoptVolumeRoot(self, request: pb.AdoptVolumeRootRequest, context: Context) -> pb.VolumeRoot:
        mount, root = self._root(request.name)
        return root_message(mount, await self._roots.adopt(mount, root, request.disk_id))

    async def ReleaseVolumeRoot(self, request: pb.ReleaseVolumeRootRequest, context: Context) -> pb.VolumeRoot:
        mount, root = self._root(request.name)
        return root_message(mount, await self._roots.release(mount, root, really=not request.validate_only))

    async def AbandonVolumeRoot(self, request: pb.AbandonVolumeRootRequest, context: Context) -> pb.VolumeRoot:
        mount, root = self._root(request.name)
        return root_message(mount, await self._roots.abandon(mount, root, really=not request.validate_only))

    async def _now(self, mount: Mount) -> pb.Volume:
        try:
            return volume_message(mount, await mount.refresh_usage(), len(await self._roots.unowned(mount)))
        except VolumeUnavailable:
            return volume_message(mount, mount.usage, 0)

    def _root(self, name: str) -> tuple[Mount, UUID]:
        volume, word, root = name.rsplit("/", 2) if name.count("/") > 1 else ("", "", "")
        if fold(word) != "roots":
            raise InvalidRequest((FieldViolation("name", "must have the form regions/{}/volumes/{}/roots/{}"),))
        return self._named(volume), parse_uuid("name", root)

    def _named(self, name: str, field: str = "name") -> Mount:
        parts = name.split("/")
        if len(parts) != 4 or (fold(parts[0]), fold(parts[2])) != ("regions", "volumes"):  # noqa: PLR2004
            raise InvalidRequest((FieldViolation(field, "must have the form regions/{}/volumes/{}"),))
        return self._volumes.mount(known_region(field, parts[1], self._shared.regions), parts[3])

    def _region(self, parent: str) -> str:
        word, _, region = parent.partition("/")
        if fold(word) != "regions":
            raise InvalidRequest((FieldViolation("parent", "must have the form regions/{}, or regions/- for all"),))
        return ALL if region == ALL else known_region("parent", region, self._shared.regions)

    def _in(self, region: str) -> list[Mount]:
        return sorted((mount for mount in self._volumes if region in (ALL, mount.region)), key=_position)


def _position(mount: Mount) -> Position:
    return [mount.region, fold(mount.name)]
