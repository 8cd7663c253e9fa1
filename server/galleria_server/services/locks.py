"""The Locks service."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from galleria.v1 import locks_pb2 as pb
from galleria.v1.locks_pb2_grpc import LocksServicer
from galleria_server.catalogue import locks
from galleria_server.catalogue.writes import make_once, remove_once
from galleria_server.domain.locks import LOCK_ID, Lock, LockSpec, check, parse_lock
from galleria_server.domain.names import fold
from galleria_server.domain.pages import Position
from galleria_server.domain.scopes import Scope, parse_scope
from galleria_server.domain.validation import Violations, check_id, refuse
from galleria_server.services.codec import parse, render
from galleria_server.services.convert_publishing import timestamp
from galleria_server.services.parsing import parse_write
from galleria_server.services.shared import Catalogue, fetch_page

Context = grpc.aio.ServicerContext[Any, Any]


class Locks(LocksServicer):
    """Locks on resources. No lock forbids to make or delete a lock: these writes have no scope."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._metadata = catalogue.metadata

    async def CreateLock(self, request: pb.CreateLockRequest, context: Context) -> pb.Lock:
        write, now = parse_write("CreateLock", request, None), self._catalogue.clock()
        scope, spec = _new(request)
        create = partial(locks.create, scope=scope, lock_id=request.lock_id, spec=spec, now=now)
        return _message(await self._metadata.write(make_once, write, now, create, locks.recall))

    async def GetLock(self, request: pb.GetLockRequest, context: Context) -> pb.Lock:
        return _message(await self._metadata.read(locks.require, parse_lock("name", request.name)))

    async def ListLocks(self, request: pb.ListLocksRequest, context: Context) -> pb.ListLocksResponse:
        scope = parse_scope("parent", request.parent)
        chosen = {"inherited": request.inherited, "recursive": request.recursive}

        async def fetch(position: Position | None, limit: int) -> list[Lock]:
            after = (str(position[0]), str(position[1])) if position else ("", "")
            return await self._metadata.read(locks.page, scope, after, limit, **chosen)

        binding = ("ListLocks", fold(str(scope)), *map(str, chosen.values()))
        found, token = await fetch_page(self._catalogue.tokens, binding, request, fetch, _position)
        return pb.ListLocksResponse(locks=map(_message, found), next_page_token=token)

    async def DeleteLock(self, request: pb.DeleteLockRequest, context: Context) -> Empty:
        write, now = parse_write("DeleteLock", request, None), self._catalogue.clock()
        remove = partial(locks.remove, name=parse_lock("name", request.name), etag=request.etag)
        await self._metadata.write(remove_once, write, now, remove)
        return Empty()


def _new(request: pb.CreateLockRequest) -> tuple[Scope, LockSpec]:
    violations: Violations = []
    spec = parse(request.lock, LockSpec, "lock", violations)
    wrong_id = check_id("lock_id", request.lock_id, LOCK_ID) if request.lock_id else []
    refuse(wrong_id, violations, check("lock", spec))
    return parse_scope("parent", request.parent), spec


def _message(lock: Lock) -> pb.Lock:
    return pb.Lock(
        name=str(lock.name),
        uid=str(lock.uid),
        scope=str(lock.name.scope),
        create_time=timestamp(lock.create_time),
        etag=lock.etag,
        **render(lock.spec, pb.Lock.DESCRIPTOR),
    )


def _position(lock: Lock) -> Position:
    return [str(lock.name.scope), fold(lock.name.lock)]
