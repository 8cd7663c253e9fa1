"""The namespace of aliases: names of image definitions and applications that point at versions."""

from __future__ import annotations

from uuid import uuid4

from galleria.v1 import aliases_pb2 as pb
from galleria.v1.aliases_pb2_grpc import AliasesStub
from galleria_client._async.pager import Pager
from galleria_client._async.transport import Transport


class Aliases:
    """Aliases such as `stable`; they stand wherever `latest` may."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = AliasesStub(transport.channel)

    async def set(
        self, name: str, version: str, *, etag: str = "", request_id: str = "", validate_only: bool = False
    ) -> pb.Alias:
        """Point an alias at a version, in one step; it is made when there is none.

        Raises:
            NotFound, InvalidField, EtagMismatch, WrongState.
        """
        request = pb.SetAliasRequest(
            name=name,
            version=version,
            etag=etag,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return await self._transport.unary(self._stub.SetAlias, request, repeat=True)

    async def get(self, name: str) -> pb.Alias:
        """One alias.

        Raises:
            NotFound: there is none.
        """
        return await self._transport.unary(self._stub.GetAlias, pb.GetAliasRequest(name=name), repeat=True)

    def list(
        self, parent: str, *, page_size: int = 0
    ) -> Pager[pb.ListAliasesRequest, pb.ListAliasesResponse, pb.Alias]:
        """The aliases of an image definition or application, by name."""
        request = pb.ListAliasesRequest(parent=parent, page_size=page_size)
        return Pager(self._transport, self._stub.ListAliases, request, lambda answer: answer.aliases)

    def moves(
        self, parent: str, *, page_size: int = 0
    ) -> Pager[pb.ListAliasMovesRequest, pb.ListAliasMovesResponse, pb.AliasMove]:
        """Where an alias has pointed, newest first."""
        request = pb.ListAliasMovesRequest(parent=parent, page_size=page_size)
        return Pager(self._transport, self._stub.ListAliasMoves, request, lambda answer: answer.alias_moves)

    async def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Delete an alias with its history; the version stays.

        Raises:
            NotFound, EtagMismatch.
        """
        request = pb.DeleteAliasRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        await self._transport.unary(self._stub.DeleteAlias, request, repeat=True)
