"""Calls on applications."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from galleria.v1 import applications_pb2 as pb
from galleria_server.catalogue import definitions
from galleria_server.catalogue.writes import make_once, remove_once
from galleria_server.domain.definition_kinds import AnyDefinition
from galleria_server.domain.names import Artifact, fold, parse_application, parse_gallery
from galleria_server.domain.pages import Position
from galleria_server.services.application_requests import application_change, new_application
from galleria_server.services.convert_applications import application
from galleria_server.services.parsing import parse_write
from galleria_server.services.shared import Catalogue, fetch_page

Context = grpc.aio.ServicerContext[Any, Any]


class ApplicationMethods:
    """The part of the Applications service that is about applications."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def CreateApplication(self, request: pb.CreateApplicationRequest, context: Context) -> pb.Application:
        """Create an application."""
        now = self._catalogue.clock()
        name, location, spec = new_application(request, self._catalogue.regions, now)
        write = parse_write("CreateApplication", request, name)
        create = partial(definitions.create, name=name, location=location, spec=spec, now=now)
        return application(await self._catalogue.metadata.write(make_once, write, now, create, definitions.recall))

    async def GetApplication(self, request: pb.GetApplicationRequest, context: Context) -> pb.Application:
        """Return one application."""
        name = parse_application("name", request.name)
        return application(await self._catalogue.metadata.read(definitions.require, name))

    async def ListApplications(
        self, request: pb.ListApplicationsRequest, context: Context
    ) -> pb.ListApplicationsResponse:
        """Return a page of the applications of a gallery."""
        gallery = parse_gallery("parent", request.parent)

        async def fetch(position: Position | None, limit: int) -> list[AnyDefinition]:
            after = str(position[0]) if position else ""
            return await self._catalogue.metadata.read(definitions.page, gallery, after, limit, Artifact.APPLICATION)

        binding = ("ListApplications", fold(str(gallery)))
        found, token = await fetch_page(self._catalogue.tokens, binding, request, fetch, _position)
        return pb.ListApplicationsResponse(applications=map(application, found), next_page_token=token)

    async def UpdateApplication(self, request: pb.UpdateApplicationRequest, context: Context) -> pb.Application:
        """Change an application."""
        name, change = application_change(request)
        write, now = parse_write("UpdateApplication", request, name), self._catalogue.clock()
        update = partial(definitions.update, name=name, change=change, now=now)
        return application(await self._catalogue.metadata.write(make_once, write, now, update, definitions.recall))

    async def DeleteApplication(self, request: pb.DeleteApplicationRequest, context: Context) -> Empty:
        """Delete an application that has no versions."""
        name = parse_application("name", request.name)
        write, now = parse_write("DeleteApplication", request, name), self._catalogue.clock()
        remove = partial(definitions.remove, name=name, etag=request.etag)
        await self._catalogue.metadata.write(remove_once, write, now, remove)
        return Empty()


def _position(found: AnyDefinition) -> Position:
    return [fold(found.name.id)]
