"""The Aliases service."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from galleria.v1 import aliases_pb2 as pb
from galleria.v1.aliases_pb2_grpc import AliasesServicer
from galleria_server.catalogue import aliases
from galleria_server.catalogue.writes import make_once, remove_once
from galleria_server.domain.aliases import Alias, Move
from galleria_server.domain.names import AliasName, artifact_of, fold, parse_alias, parse_definition, parse_number
from galleria_server.domain.pages import Position
from galleria_server.services.convert_publishing import timestamp
from galleria_server.services.parsing import parse_write
from galleria_server.services.shared import Catalogue, fetch_page

Context = grpc.aio.ServicerContext[Any, Any]


class Aliases(AliasesServicer):
    """Names of image definitions and applications that point at versions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._metadata = catalogue.metadata

    async def SetAlias(self, request: pb.SetAliasRequest, context: Context) -> pb.Alias:
        """Point an alias at a version."""
        name, number = _name("name", request.name), parse_number("version", request.version)
        write, now = parse_write("SetAlias", request, name.definition), self._catalogue.clock()
        point = partial(aliases.point, name=name, number=number, etag=request.etag, now=now)
        return _alias(await self._metadata.write(make_once, write, now, point, aliases.recall))

    async def GetAlias(self, request: pb.GetAliasRequest, context: Context) -> pb.Alias:
        """Return one alias."""
        return _alias(await self._metadata.read(aliases.require, _name("name", request.name)))

    async def ListAliases(self, request: pb.ListAliasesRequest, context: Context) -> pb.ListAliasesResponse:
        """Return a page of the aliases of a definition."""
        parent = parse_definition("parent", request.parent, artifact_of(request.parent))

        async def fetch(position: Position | None, limit: int) -> list[Alias]:
            after = str(position[0]) if position else ""
            return await self._metadata.read(aliases.page, parent, after, limit)

        binding = ("ListAliases", fold(str(parent)))
        found, token = await fetch_page(self._catalogue.tokens, binding, request, fetch, _position)
        return pb.ListAliasesResponse(aliases=map(_alias, found), next_page_token=token)

    async def ListAliasMoves(self, request: pb.ListAliasMovesRequest, context: Context) -> pb.ListAliasMovesResponse:
        """Return a page of where an alias has pointed."""
        name = _name("parent", request.parent)

        async def fetch(position: Position | None, limit: int) -> list[Move]:
            before = int(position[0]) if position else None
            return await self._metadata.read(aliases.moves, name, before, limit)

        binding = ("ListAliasMoves", fold(str(name)))
        found, token = await fetch_page(self._catalogue.tokens, binding, request, fetch, lambda move: [move.position])
        return pb.ListAliasMovesResponse(alias_moves=map(_move, found), next_page_token=token)

    async def DeleteAlias(self, request: pb.DeleteAliasRequest, context: Context) -> Empty:
        """Delete an alias."""
        name = _name("name", request.name)
        write, now = parse_write("DeleteAlias", request, name.definition), self._catalogue.clock()
        remove = partial(aliases.remove, name=name, etag=request.etag)
        await self._metadata.write(remove_once, write, now, remove)
        return Empty()


def _name(field: str, text: str) -> AliasName:
    return parse_alias(field, text, artifact_of(text))


def _position(alias: Alias) -> Position:
    return [fold(alias.name.alias)]


def _alias(found: Alias) -> pb.Alias:
    return pb.Alias(
        name=str(found.name),
        uid=str(found.uid),
        version=str(found.number),
        create_time=timestamp(found.create_time),
        update_time=timestamp(found.update_time),
        etag=found.etag,
    )


def _move(found: Move) -> pb.AliasMove:
    return pb.AliasMove(version=str(found.number), move_time=timestamp(found.time))
