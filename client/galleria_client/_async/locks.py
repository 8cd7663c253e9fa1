"""The namespace of locks."""

from __future__ import annotations

from uuid import uuid4

from galleria.v1 import locks_pb2 as pb
from galleria.v1.locks_pb2_grpc import LocksStub
from galleria_client._async.pager import Pager
from galleria_client._async.transport import Transport


class Locks:
    """What keeps a subscription, resource group, gallery, image definition, image version or disk as it is."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = LocksStub(transport.channel)

    async def create(
        self, scope: str, lock: pb.Lock, *, lock_id: str = "", request_id: str = "", validate_only: bool = False
    ) -> pb.Lock:
        """Put a lock on a scope, which is the full name of a resource; the server draws its id unless one is given.

        Raises:
            InvalidField, AlreadyExists, NotFound, WrongState.
        """
        request = pb.CreateLockRequest(
            parent=scope,
            lock_id=lock_id,
            lock=lock,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return await self._transport.unary(self._stub.CreateLock, request, repeat=True)

    async def get(self, name: str) -> pb.Lock:
        """One lock.

        Raises:
            NotFound: there is none.
        """
        return await self._transport.unary(self._stub.GetLock, pb.GetLockRequest(name=name), repeat=True)

    def list(
        self, scope: str, *, inherited: bool = False, recursive: bool = False, page_size: int = 0
    ) -> Pager[pb.ListLocksRequest, pb.ListLocksResponse, pb.Lock]:
        """The locks on a scope, `inherited` also those on what it lies in, `recursive` those on what lies in it."""
        request = pb.ListLocksRequest(parent=scope, inherited=inherited, recursive=recursive, page_size=page_size)
        return Pager(self._transport, self._stub.ListLocks, request, lambda answer: answer.locks)

    async def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Delete a lock, so that what it forbade can be done.

        Raises:
            NotFound, EtagMismatch.
        """
        request = pb.DeleteLockRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        await self._transport.unary(self._stub.DeleteLock, request, repeat=True)
