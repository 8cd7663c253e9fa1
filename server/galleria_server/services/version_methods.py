"""Calls on image versions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import grpc.aio
from google.longrunning.operations_pb2 import Operation as WireOperation

from galleria.v1 import image_versions_pb2 as pb
from galleria_server.catalogue import deletion, versions
from galleria_server.catalogue.writes import make_once
from galleria_server.domain.names import (
    parse_image,
    parse_version,
)
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.services import convert
from galleria_server.services.lists import Listing
from galleria_server.services.parsing import parse_write
from galleria_server.services.projections import projection
from galleria_server.services.version_calls import OF_COPIES, VersionCalls, position
from galleria_server.services.version_requests import (
    added_regions,
    counted_region,
    new_version,
    removed_regions,
    version_change,
)

Context = grpc.aio.ServicerContext[Any, Any]


class VersionMethods(VersionCalls):
    """The part of the Galleries service that is about image versions."""

    async def CreateImageVersion(self, request: pb.CreateImageVersionRequest, context: Context) -> WireOperation:
        """Create an image version and begin to replicate it."""
        name, location, spec = new_version(request, self._catalogue.regions)
        write, now = parse_write("CreateImageVersion", request, name), self._catalogue.clock()
        volumes = self._catalogue.content.volumes_of
        create = partial(versions.create, name=name, location=location, spec=spec, volumes=volumes, now=now)
        return await self._begin(write, create)

    async def GetImageVersion(self, request: pb.GetImageVersionRequest, context: Context) -> pb.ImageVersion:
        """Return one image version with its replication status."""
        shown = projection(request.read_mask, pb.ImageVersion)
        return shown.of(convert.version(await self._get(request, with_copies=shown.shows(OF_COPIES))))

    async def ListImageVersions(
        self, request: pb.ListImageVersionsRequest, context: Context
    ) -> pb.ListImageVersionsResponse:
        """Return a page of the versions of a definition."""
        image, state = parse_image("parent", request.parent), None if request.show_deleted else ImageState.ACTIVE
        found, token = await self._page(_LISTING, image, request, state)
        return pb.ListImageVersionsResponse(image_versions=found, next_page_token=token)

    async def ListSoftDeletedImageVersions(
        self, request: pb.ListSoftDeletedImageVersionsRequest, context: Context
    ) -> pb.ListSoftDeletedImageVersionsResponse:
        """Return a page of the soft-deleted versions of a definition."""
        image = parse_image("parent", request.parent)
        found, token = await self._page(_SOFT_DELETED, image, request, ImageState.SOFT_DELETED)
        return pb.ListSoftDeletedImageVersionsResponse(image_versions=found, next_page_token=token)

    async def UpdateImageVersion(self, request: pb.UpdateImageVersionRequest, context: Context) -> WireOperation:
        """Change an image version and begin to replicate what it orders then."""
        name, change = version_change(request, self._catalogue.regions)
        write, now = parse_write("UpdateImageVersion", request, name), self._catalogue.clock()
        volumes = self._catalogue.content.volumes_of
        return await self._begin(write, partial(versions.update, name=name, change=change, volumes=volumes, now=now))

    async def AddTargetRegions(self, request: pb.AddTargetRegionsRequest, context: Context) -> WireOperation:
        """Order replicas in more regions."""
        return await self._change_regions(request, added_regions(request, self._catalogue.regions))

    async def RemoveTargetRegions(self, request: pb.RemoveTargetRegionsRequest, context: Context) -> WireOperation:
        """Give the replicas in regions up."""
        return await self._change_regions(request, removed_regions(request))

    async def SetReplicaCount(self, request: pb.SetReplicaCountRequest, context: Context) -> WireOperation:
        """Order another number of replicas in a region."""
        return await self._change_regions(request, counted_region(request))

    async def DeleteImageVersion(self, request: pb.DeleteImageVersionRequest, context: Context) -> WireOperation:
        """Delete an image version, softly or with its replicas."""
        name = parse_version("name", request.name)
        write, now = parse_write("DeleteImageVersion", request, name), self._catalogue.clock()
        bypass, force = request.bypass_soft_delete, request.force
        remove = partial(deletion.remove, name=name, etag=request.etag, now=now, bypass_soft_delete=bypass, force=force)
        return await self._begin(write, remove)

    async def PurgeImageVersion(self, request: pb.PurgeImageVersionRequest, context: Context) -> WireOperation:
        """Begin to delete a soft-deleted version and its replicas."""
        name = parse_version("name", request.name)
        write, now = parse_write("PurgeImageVersion", request, name), self._catalogue.clock()
        purge = partial(deletion.purge, name=name, etag=request.etag, now=now, force=request.force)
        return await self._begin(write, purge)

    async def RestoreImageVersion(self, request: pb.RestoreImageVersionRequest, context: Context) -> pb.ImageVersion:
        """Make a soft-deleted version active again."""
        name = parse_version("name", request.name)
        write, now = parse_write("RestoreImageVersion", request, name), self._catalogue.clock()
        restore = partial(deletion.restore, name=name, etag=request.etag, now=now)
        return convert.version(await self._catalogue.metadata.write(make_once, write, now, restore, versions.recall))

    async def ResolveImageVersion(
        self, request: pb.ResolveImageVersionRequest, context: Context
    ) -> pb.ResolveImageVersionResponse:
        """Return the version that a name means in a region."""
        return convert.resolved(*await self._resolve(request))


_LISTING = Listing("ListImageVersions", pb.ImageVersion, convert.version, position, "number", descending=True)
_SOFT_DELETED = replace(_LISTING, method="ListSoftDeletedImageVersions")
