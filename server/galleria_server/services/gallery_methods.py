"""Calls on galleries."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from galleria.v1 import galleries_pb2 as pb
from galleria_server.catalogue import galleries
from galleria_server.catalogue.writes import make_once, remove_once
from galleria_server.domain.gallery import Gallery
from galleria_server.domain.names import fold, parse_gallery, parse_group
from galleria_server.domain.pages import Position, Stretch
from galleria_server.metadata import galleries as rows
from galleria_server.services import convert
from galleria_server.services.gallery_requests import gallery_change, new_gallery
from galleria_server.services.lists import Listing
from galleria_server.services.parsing import parse_write
from galleria_server.services.projections import projection
from galleria_server.services.shared import Catalogue

Context = grpc.aio.ServicerContext[Any, Any]


class GalleryMethods:
    """The part of the Galleries service that is about galleries."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def CreateGallery(self, request: pb.CreateGalleryRequest, context: Context) -> pb.Gallery:
        """Create a gallery."""
        name, location, spec = new_gallery(request, self._catalogue.regions)
        write, now = parse_write("CreateGallery", request, name), self._catalogue.clock()
        create = partial(galleries.create, name=name, location=location, spec=spec, now=now)
        made = await self._catalogue.metadata.write(make_once, write, now, create, galleries.recall)
        return convert.gallery(made)

    async def GetGallery(self, request: pb.GetGalleryRequest, context: Context) -> pb.Gallery:
        """Return one gallery."""
        name, shown = parse_gallery("name", request.name), projection(request.read_mask, pb.Gallery)
        return shown.of(convert.gallery(await self._catalogue.metadata.read(galleries.require, name)))

    async def ListGalleries(self, request: pb.ListGalleriesRequest, context: Context) -> pb.ListGalleriesResponse:
        """Return a page of the galleries of a resource group."""
        group = parse_group("parent", request.parent)

        async def fetch(to: Stretch) -> list[Gallery]:
            return await self._catalogue.metadata.read(rows.page, group, to.key, to.limit, descending=to.descending)

        found, token = await _LISTING.asked(request).page(self._catalogue.tokens, str(group), fetch)
        return pb.ListGalleriesResponse(galleries=found, next_page_token=token)

    async def UpdateGallery(self, request: pb.UpdateGalleryRequest, context: Context) -> pb.Gallery:
        """Change a gallery."""
        name, change = gallery_change(request)
        write, now = parse_write("UpdateGallery", request, name), self._catalogue.clock()
        update = partial(galleries.update, name=name, change=change, now=now)
        return convert.gallery(await self._catalogue.metadata.write(make_once, write, now, update, galleries.recall))

    async def DeleteGallery(self, request: pb.DeleteGalleryRequest, context: Context) -> Empty:
        """Delete an empty gallery."""
        name = parse_gallery("name", request.name)
        write, now = parse_write("DeleteGallery", request, name), self._catalogue.clock()
        remove = partial(galleries.remove, name=name, etag=request.etag)
        await self._catalogue.metadata.write(remove_once, write, now, remove)
        return Empty()


def _position(gallery: Gallery) -> Position:
    return [fold(gallery.name.gallery)]


_LISTING = Listing("ListGalleries", pb.Gallery, convert.gallery, _position)
