"""A real server in a thread of this process, over whatever keeps its bytes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Concatenate, Generic, ParamSpec, TypeVar

from galleria_server.app import running_server
from galleria_server.clock import Clock, utc_now
from galleria_server.config import Config, Limits, default_config, parse_address
from galleria_server.content import LocalContent
from galleria_server.content_plane import ContentPlane
from galleria_server.foundation import Foundation
from galleria_server.lifecycle import RunningServer
from galleria_server.metadata.engine import Transaction
from galleria_server.volumes.mount import Mount
from tests.support.processes import SECONDS

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound=ContentPlane)


class ServerThread(Generic[C]):
    """A running server and its event loop."""

    def __init__(self, server: RunningServer, foundation: Foundation, content: C) -> None:
        self.server = server
        self.foundation = foundation
        self.content = content
        self.loop = asyncio.get_running_loop()
        self.told = asyncio.Event()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def run(self, work: Awaitable[T]) -> T:
        """Await something in the server's loop."""
        return self._begin(work).result(SECONDS)

    def read(self, function: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(self.foundation.metadata.read(function, *args, **kwargs))

    def write(self, function: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(self.foundation.metadata.write(function, *args, **kwargs))

    def drain(self, grace: float) -> Future[bool]:
        return self._begin(self.server.drain(grace))

    def ring(self) -> None:
        self.foundation.bell.ring()

    def mount(self: ContentServer, region: str, name: str) -> Mount:
        return self.content.volumes.mount(region, name)

    def _begin(self, work: Awaitable[T]) -> Future[T]:
        async def wait() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self.loop)


ContentServer = ServerThread[LocalContent]
"""A server with both its halves."""


def config_in(folder: Path, idle_timeout: float = 120) -> Config:
    """The default regions in a folder, on a free port."""
    address = parse_address("test", "listen", "127.0.0.1:0")
    return replace(default_config(folder), listen=address, limits=Limits(idle_timeout=idle_timeout))


@contextmanager
def server_thread(config: Config, make: Callable[[Foundation], C], clock: Clock = utc_now) -> Iterator[ServerThread[C]]:
    """A server that is ready; it stops at the end without draining. `make` puts together what keeps the bytes."""
    ready: Future[ServerThread[C]] = Future()

    def run() -> None:
        try:
            asyncio.run(_serve(config, make, ready, clock))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        running = ready.result(SECONDS)
        try:
            yield running
        finally:
            running.loop.call_soon_threadsafe(running.told.set)
    finally:
        thread.join(SECONDS)


async def _serve(config: Config, make: Callable[[Foundation], C], ready: Future[ServerThread[C]], clock: Clock) -> None:
    """Run a server until it is told to end."""
    made: list[tuple[Foundation, C]] = []

    def make_once(foundation: Foundation) -> C:
        made.append((foundation, make(foundation)))
        return made[0][1]

    async with running_server(config, make_once, clock) as server:
        running = ServerThread(server, *made[0])
        ready.set_result(running)
        await running.told.wait()
