"""A real server in a thread, both halves of it, on volumes in a folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from galleria_server.app import running_server
from galleria_server.config import Config, Limits, default_config, parse_address
from galleria_server.content import LocalContent, make_content
from galleria_server.foundation import Foundation
from galleria_server.lifecycle import RunningServer
from galleria_server.metadata.engine import Transaction
from galleria_server.volumes.mount import Mount

P = ParamSpec("P")
T = TypeVar("T")


class ContentServer:
    """A running server and its event loop."""

    def __init__(self, server: RunningServer, foundation: Foundation, content: LocalContent) -> None:
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

        async def wait() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result(60)

    def read(self, function: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(self.foundation.metadata.read(function, *args, **kwargs))

    def write(self, function: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(self.foundation.metadata.write(function, *args, **kwargs))

    def mount(self, region: str, name: str) -> Mount:
        return self.content.volumes.mount(region, name)


def config_in(folder: Path, idle_timeout: float = 120) -> Config:
    """The default regions in a folder, on a free port."""
    address = parse_address("test", "listen", "127.0.0.1:0")
    return replace(default_config(folder), listen=address, limits=Limits(idle_timeout=idle_timeout))


@contextmanager
def content_server(
    config: Config, make_local: Callable[[Foundation], LocalContent] = make_content
) -> Iterator[ContentServer]:
    """A server that is ready; it stops at the end without draining. `make_local` puts its volumes together."""
    ready: Future[ContentServer] = Future()

    async def serve() -> None:
        made: list[tuple[Foundation, LocalContent]] = []

        def make(foundation: Foundation) -> LocalContent:
            made.append((foundation, make_local(foundation)))
            return made[0][1]

        async with running_server(config, make) as server:
            running = ContentServer(server, *made[0])
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
    running = ready.result(60)
    try:
        yield running
    finally:
        running.loop.call_soon_threadsafe(running.told.set)
        thread.join(60)
