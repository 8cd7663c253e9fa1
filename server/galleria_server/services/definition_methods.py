"""Calls on image definitions."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from galleria.v1 import image_definitions_pb2 as pb
from galleria_server.catalogue import definitions
from galleria_server.catalogue.writes import make_once, remove_once
from galleria_server.domain.definition_kinds import AnyDefinition
from galleria_server.domain.names import fold, parse_gallery, parse_image
from galleria_server.domain.pages import Position, Stretch
from galleria_server.services import convert
from galleria_server.services.gallery_requests import definition_change, new_definition
from galleria_server.services.lists import Listing
from galleria_server.services.parsing import parse_write
from galleria_server.services.projections import projection
from galleria_server.services.shared import Catalogue

Context = grpc.aio.ServicerContext[Any, Any]


class DefinitionMethods:
    """The part of the Galleries service that is about image definitions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def CreateImageDefinition(
        self, request: pb.CreateImageDefinitionRequest, context: Context
    ) -> pb.ImageDefinition:
        """Create an image definition."""
        now = self._catalogue.clock()
        name, location, spec = new_definition(request, self._catalogue.regions, now)
        write = parse_write("CreateImageDefinition", request, name)
        create = partial(definitions.create, name=name, location=location, spec=spec, now=now)
        made = await self._catalogue.metadata.write(make_once, write, now, create, definitions.recall)
        return convert.definition(made)

    async def GetImageDefinition(self, request: pb.GetImageDefinitionRequest, context: Context) -> pb.ImageDefinition:
        """Return one image definition."""
        name, shown = parse_image("name", request.name), projection(request.read_mask, pb.ImageDefinition)
        return shown.of(convert.definition(await self._catalogue.metadata.read(definitions.require, name)))

    async def ListImageDefinitions(
        self, request: pb.ListImageDefinitionsRequest, context: Context
    ) -> pb.ListImageDefinitionsResponse:
        """Return a page of the definitions of a gallery."""
        gallery = parse_gallery("parent", request.parent)

        async def fetch(to: Stretch) -> list[AnyDefinition]:
            page = definitions.page
            return await self._catalogue.metadata.read(page, gallery, to.key, to.limit, descending=to.descending)

        found, token = await _LISTING.asked(request).page(self._catalogue.tokens, str(gallery), fetch)
        return pb.ListImageDefinitionsResponse(image_definitions=found, next_page_token=token)

    async def UpdateImageDefinition(
        self, request: pb.UpdateImageDefinitionRequest, context: Context
    ) -> pb.ImageDefinition:
        """Change an image definition."""
        name, change = definition_change(request, self._catalogue.regions)
        write, now = parse_write("UpdateImageDefinition", request, name), self._catalogue.clock()
        guarded_too = request.allow_update_image
        update = partial(definitions.update, name=name, change=change, now=now, guarded_too=guarded_too)
        made = await self._catalogue.metadata.write(make_once, write, now, update, definitions.recall)
        return convert.definition(made)

    async def DeleteImageDefinition(self, request: pb.DeleteImageDefinitionRequest, context: Context) -> Empty:
        """Delete an image definition that has no versions."""
        name = parse_image("name", request.name)
        write, now = parse_write("DeleteImageDefinition", request, name), self._catalogue.clock()
        remove = partial(definitions.remove, name=name, etag=request.etag)
        await self._catalogue.metadata.write(remove_once, write, now, remove)
        return Empty()


def _position(definition: AnyDefinition) -> Position:
    return [fold(definition.name.id)]


_LISTING = Listing("ListImageDefinitions", pb.ImageDefinition, convert.definition, _position)
