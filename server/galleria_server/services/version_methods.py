"""Calls on image versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import grpc.aio
from google.longrunning.operations_pb2 import Operation as WireOperation

from galleria.v1 import image_versions_pb2 as pb
from galleria_server.catalogue import deletion, operations, resolving, versions
from galleria_server.catalogue.operations import OperationView
from galleria_server.catalogue.versions import VersionView
from galleria_server.catalogue.writes import Write, make_once
from galleria_server.domain.models import Operation
from galleria_server.domain.names import (
    VersionName,
    VersionNumber,
    parse_image,
    parse_version,
    parse_version_or_latest,
)
from galleria_server.domain.pages import Position, Stretch
from galleria_server.domain.region_names import known_region
from galleria_server.domain.resolving import Resolved
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.domain.version import AnyVersion
from galleria_server.metadata.engine import Transaction
from galleria_server.services import convert
from galleria_server.services.lists import Listing
from galleria_server.services.parsing import parse_write
from galleria_server.services.projections import projection
from galleria_server.services.shared import Catalogue
from galleria_server.services.version_requests import (
    Targets,
    added_regions,
    counted_region,
    new_version,
    removed_regions,
    version_change,
)

Context = grpc.aio.ServicerContext[Any, Any]


class NameInRegion(Protocol):
    """A request that names a version, perhaps `latest` in a region."""

    name: str
    region: str


class VersionMethods:
    """The part of the Galleries service that is about image versions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def CreateImageVersion(self, request: pb.CreateImageVersionRequest, context: Context) -> WireOperation:
        """Create an image version and begin to replicate it."""
        name, location, spec = new_version(request, self._catalogue.regions)
        write, now = parse_write("CreateImageVersion", request, name), self._catalogue.clock()
        volumes = self._catalogue.content.volumes_of
        create = partial(versions.create, name=name, location=location, spec=spec, volumes=volumes, now=now)
        return await self._begin(write, create)

    async def GetImageVersion(self, request: pb.GetImageVersionRequest, context: Context) -> pb.ImageVersion:
        """Return one image version with its replication status."""
        name, region = self._name_in_region(request)
        shown, now = projection(request.read_mask, pb.ImageVersion), self._catalogue.clock()
        copies = shown.shows(_OF_COPIES)
        view = await self._catalogue.metadata.read(resolving.get, name, region, now, with_copies=copies)
        return shown.of(convert.version(view))

    async def ListImageVersions(
        self, request: pb.ListImageVersionsRequest, context: Context
    ) -> pb.ListImageVersionsResponse:
        """Return a page of the versions of a definition."""
        state = None if request.show_deleted else ImageState.ACTIVE
        found, token = await self._page(_LISTING, request, state)
        return pb.ListImageVersionsResponse(image_versions=found, next_page_token=token)

    async def ListSoftDeletedImageVersions(
        self, request: pb.ListSoftDeletedImageVersionsRequest, context: Context
    ) -> pb.ListSoftDeletedImageVersionsResponse:
        """Return a page of the soft-deleted versions of a definition."""
        found, token = await self._page(_SOFT_DELETED, request, ImageState.SOFT_DELETED)
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
        bypass = request.bypass_soft_delete
        remove = partial(deletion.remove, name=name, etag=request.etag, now=now, bypass_soft_delete=bypass)
        return await self._begin(write, remove)

    async def PurgeImageVersion(self, request: pb.PurgeImageVersionRequest, context: Context) -> WireOperation:
        """Begin to delete a soft-deleted version and its replicas."""
        name = parse_version("name", request.name)
        write, now = parse_write("PurgeImageVersion", request, name), self._catalogue.clock()
        return await self._begin(write, partial(deletion.purge, name=name, etag=request.etag, now=now))

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
        known_region("region", request.region, self._catalogue.regions)
        name, region = self._name_in_region(request)
        view, found = await self._catalogue.metadata.read(_resolved, name, region, self._catalogue.clock())
        return convert.resolved(view, found)

    async def _page(
        self,
        listing: Listing[VersionView, pb.ImageVersion],
        request: pb.ListImageVersionsRequest | pb.ListSoftDeletedImageVersionsRequest,
        state: ImageState | None,
    ) -> tuple[list[pb.ImageVersion], str]:
        image, asked = parse_image("parent", request.parent), listing.asked(request)
        copies = asked.needs(_OF_COPIES)

        async def fetch(to: Stretch) -> list[VersionView]:
            after = VersionNumber(*map(int, to.after)) if to.after else None
            found = partial(versions.page, ascending=not to.descending, with_copies=copies)
            return await self._catalogue.metadata.read(found, image, state, after, to.limit)

        return await asked.page(self._catalogue.tokens, str(image), fetch, state.value if state else "")

    async def _change_regions(
        self,
        request: pb.AddTargetRegionsRequest | pb.RemoveTargetRegionsRequest | pb.SetReplicaCountRequest,
        apply: Callable[[AnyVersion], Targets],
    ) -> WireOperation:
        name, volumes = parse_version("name", request.name), self._catalogue.content.volumes_of
        method = type(request).__name__.removesuffix("Request")
        write, now = parse_write(method, request, name), self._catalogue.clock()
        change = partial(versions.change_regions, name=name, apply=apply, volumes=volumes, now=now)
        return await self._begin(write, change)

    def _name_in_region(self, request: NameInRegion) -> tuple[VersionName, str]:
        name = parse_version_or_latest("name", request.name)
        if (name.number or name.alias) and not request.region:
            return name, ""
        return name, known_region("region", request.region, self._catalogue.regions)

    async def _begin(self, write: Write, begin: Callable[[Transaction], Operation]) -> WireOperation:
        def begin_and_look(transaction: Transaction) -> OperationView:
            return operations.look(transaction, begin(transaction))

        now = self._catalogue.clock()
        view = await self._catalogue.metadata.write(make_once, write, now, begin_and_look, operations.get)
        if not write.validate_only:
            self._catalogue.content.wake()
            self._catalogue.bell.ring()
        return convert.operation(view, now)


def _position(view: VersionView) -> Position:
    return list(view.version.number)


_LISTING = Listing("ListImageVersions", pb.ImageVersion, convert.version, _position, "number", descending=True)
_SOFT_DELETED = replace(_LISTING, method="ListSoftDeletedImageVersions")
# The field that copies are looked up for.
_OF_COPIES = "replication"


def _resolved(transaction: Transaction, name: VersionName, region: str, now: datetime) -> tuple[VersionView, Resolved]:
    found = resolving.resolve(transaction, name, region, now)
    return versions.view(transaction, found.version), found
