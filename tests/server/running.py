"""A real server in a thread, without the half that keeps bytes, for tests of the catalogue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

import grpc
import grpc.aio

from galleria_server.app import running_server
from galleria_server.config import Config, default_config, parse_address
from galleria_server.domain.models import TargetRegion
from galleria_server.domain.placement import Candidate, Order, Place, RegionVolumes, place_version
from galleria_server.foundation import Foundation
from galleria_server.lifecycle import RunningServer
from galleria_server.metadata.engine import Transaction

P = ParamSpec("P")
T = TypeVar("T")
GIB = 1 << 30
Register = Callable[[grpc.aio.Server], Sequence[str]]


class EmptyVolumes:
    """A content plane whose configured volumes are all empty and do no work."""

    def __init__(self, config: Config, register: Register) -> None:
        self._config = config
        self._register = register
        self.wakes = 0

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        return self._register(server)

    async def start(self) -> None:
        return None

    def place(self, group_uid: UUID, targets: Sequence[TargetRegion], home: tuple[str, str] | None) -> Sequence[Place]:
        orders = [Order(self._volumes(target.region), target.replica_count, target.account) for target in targets]
        return place_version(group_uid, orders, home)

    def wake(self) -> None:
        self.wakes += 1

    async def drain(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    def _volumes(self, name: str) -> RegionVolumes:
        region = self._config.region(name)
        assert region is not None
        candidates = (Candidate(v.name, v.zone, frozenset(v.tiers), free=GIB, total=GIB) for v in region.volumes)
        return RegionVolumes(name, region.zones, tuple(candidates))


class ServerThread:
    """A running server and its event loop."""

    def __init__(self, server: RunningServer, foundation: Foundation, content: EmptyVolumes) -> None:
        self.server = server
        self.foundation = foundation
        self.content = content
        self.loop = asyncio.get_running_loop()
        self.told = asyncio.Event()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def read(self, function: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        work = self.foundation.metadata.read(function, *args, **kwargs)
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def write(self, function: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        work = self.foundation.metadata.write(function, *args, **kwargs)
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def drain(self, grace: float) -> Future[bool]:
        return asyncio.run_coroutine_threadsafe(self.server.drain(grace), self.loop)

    def ring(self) -> None:
        self.foundation.bell.ring()


def config_in(folder: Path) -> Config:
    default = default_config(folder)
    return Config(default.data, parse_address("test", "listen", "127.0.0.1:0"), default.regions)


def nothing(_server: grpc.aio.Server) -> Sequence[str]:
    return ()


@contextmanager
def server_thread(config: Config, register: Register = nothing) -> Iterator[ServerThread]:
    ready: Future[ServerThread] = Future()

    async def serve() -> None:
        made: list[tuple[Foundation, EmptyVolumes]] = []

        def make(foundation: Foundation) -> EmptyVolumes:
            made.append((foundation, EmptyVolumes(config, register)))
            return made[0][1]

        async with running_server(config, make) as server:
            running = ServerThread(server, *made[0])
            ready.set_result(running)
            await running.told.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        running = ready.result(60)
        yield running
        running.loop.call_soon_threadsafe(running.told.set)
    finally:
        thread.join(60)
