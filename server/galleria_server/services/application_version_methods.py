"""Calls on application versions."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import grpc.aio
from google.longrunning.operations_pb2 import Operation as WireOperation

from galleria.v1 import applications_pb2 as pb
from galleria.v1 import image_versions_pb2 as shared_pb
from galleria_server.catalogue import deletion, versions
from galleria_server.domain.names import Artifact, parse_application, parse_version
from galleria_server.services.application_requests import new_version, version_change
from galleria_server.services.convert_applications import application_version, resolved
from galleria_server.services.lists import Listing
from galleria_server.services.parsing import parse_write
from galleria_server.services.version_calls import VersionCalls, position
from galleria_server.services.version_requests import added_regions, counted_region, removed_regions

Context = grpc.aio.ServicerContext[Any, Any]


class ApplicationVersionMethods(VersionCalls):
    """The part of the Applications service that is about application versions."""

    artifact: ClassVar[Artifact] = Artifact.APPLICATION

    async def CreateApplicationVersion(
        self, request: pb.CreateApplicationVersionRequest, context: Context
    ) -> WireOperation:
        """Create an application version and begin to replicate it."""
        name, location, spec = new_version(request, self._catalogue.regions)
        write, now = parse_write("CreateApplicationVersion", request, name), self._catalogue.clock()
        volumes = self._catalogue.content.volumes_of
        create = partial(versions.create, name=name, location=location, spec=spec, volumes=volumes, now=now)
        return await self._begin(write, create)

    async def GetApplicationVersion(
        self, request: pb.GetApplicationVersionRequest, context: Context
    ) -> pb.ApplicationVersion:
        """Return one application version with its replication status."""
        return application_version(await self._get(request))

    async def ListApplicationVersions(
        self, request: pb.ListApplicationVersionsRequest, context: Context
    ) -> pb.ListApplicationVersionsResponse:
        """Return a page of the versions of an application."""
        parent = parse_application("parent", request.parent)
        found, token = await self._page(_LISTING, parent, request)
        return pb.ListApplicationVersionsResponse(application_versions=found, next_page_token=token)

    async def UpdateApplicationVersion(
        self, request: pb.UpdateApplicationVersionRequest, context: Context
    ) -> WireOperation:
        """Change an application version and begin to replicate what it orders then."""
        name, change = version_change(request, self._catalogue.regions)
        write, now = parse_write("UpdateApplicationVersion", request, name), self._catalogue.clock()
        volumes = self._catalogue.content.volumes_of
        return await self._begin(write, partial(versions.update, name=name, change=change, volumes=volumes, now=now))

    async def AddApplicationTargetRegions(
        self, request: shared_pb.AddTargetRegionsRequest, context: Context
    ) -> WireOperation:
        """Order replicas in more regions."""
        return await self._change_regions(request, added_regions(request, self._catalogue.regions))

    async def RemoveApplicationTargetRegions(
        self, request: shared_pb.RemoveTargetRegionsRequest, context: Context
    ) -> WireOperation:
        """Give the replicas in regions up."""
        return await self._change_regions(request, removed_regions(request))

    async def SetApplicationReplicaCount(
        self, request: shared_pb.SetReplicaCountRequest, context: Context
    ) -> WireOperation:
        """Order another number of replicas in a region."""
        return await self._change_regions(request, counted_region(request))

    async def DeleteApplicationVersion(
        self, request: pb.DeleteApplicationVersionRequest, context: Context
    ) -> WireOperation:
        """Begin to delete an application version and its replicas."""
        name = parse_version("name", request.name, Artifact.APPLICATION)
        write, now = parse_write("DeleteApplicationVersion", request, name), self._catalogue.clock()
        remove = partial(deletion.remove, name=name, etag=request.etag, now=now, force=request.force)
        return await self._begin(write, remove)

    async def ResolveApplicationVersion(
        self, request: pb.ResolveApplicationVersionRequest, context: Context
    ) -> pb.ResolveApplicationVersionResponse:
        """Return the version that a name means in a region."""
        return resolved(*await self._resolve(request))


_LISTING = Listing(
    "ListApplicationVersions", pb.ApplicationVersion, application_version, position, "number", descending=True
)
