"""What comes between a client and a server, and when: connections that break, files that are written."""

from __future__ import annotations

import asyncio
import ctypes
import os
import select
import struct
import threading
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.processes import SECONDS, Galleria

A = TypeVar("A")
PIECE = 1 << 16

CREATED, WRITTEN, MOVED, DELETED = 0x100, 0x002, 0x040, 0x200
_EVENT = struct.Struct("iIII")

PLACE = ("-g", "images", "-r", "prod", "-i", "debian")
KIND = ("--publisher", "debian", "--offer", "debian-12", "--sku", "cloud", "--os-type", "Linux")
GENERALIZED = ("--os-state", "Generalized")


def make_definition(galleria: Galleria) -> None:
    """The gallery prod and the image definition debian in the resource group images."""
    galleria.ok("gallery", "create", "prod", "-g", "images", "-l", "eastus")
    galleria.ok("image-definition", "create", *PLACE, *KIND, *GENERALIZED)


class _Flow:
    """One direction of all connections together: bytes passed on, and where that stops."""

    def __init__(self) -> None:
        self.passed = 0
        self.limit: int | None = None
        self.reached = threading.Event()

    def full(self, more: int) -> bool:
        """Whether `more` bytes would go past the limit; told once."""
        if self.limit is None or self.passed + more < self.limit:
            return False
        self.limit = None
        self.reached.set()
        return True


class _Connection:
    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.tasks: list[asyncio.Task[None]] = []


class Proxy:
    """A TCP proxy before a port of this machine, in a thread. It counts bytes, and can hold or cut what it carries.

    What is held or cut are the connections that there are; those that come later pass. A context manager.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._connections: set[_Connection] = set()
        self._up, self._down = _Flow(), _Flow()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def galleria(self) -> Galleria:
        return Galleria(f"127.0.0.1:{self.port}")

    @property
    def up(self) -> int:
        """Bytes that went from clients to the server."""
        return self._up.passed

    @property
    def down(self) -> int:
        """Bytes that went from the server to clients."""
        return self._down.passed

    def hold_after(self, *, up: int | None = None, down: int | None = None) -> None:
        """Pass on at most so many more bytes in one direction, then hold all connections in both."""
        self._call(self._limit(up, down))

    def wait_until_held(self) -> None:
        flow = self._up if self._limited_up else self._down
        assert flow.reached.wait(SECONDS), f"only {self.up} bytes went up and {self.down} down"

    def release(self) -> None:
        """Pass on again."""
        self._call(self._each(lambda connection: connection.open.set()))

    def cut(self) -> None:
        """Reset all connections."""
        self._call(self._each(lambda connection: [task.cancel() for task in connection.tasks]))

    def _call(self, work: Coroutine[Any, Any, A]) -> A:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    async def _limit(self, up: int | None, down: int | None) -> None:
        self._limited_up = up is not None
        for flow, more in ((self._up, up), (self._down, down)):
            flow.reached.clear()
            flow.limit = None if more is None else flow.passed + more

    async def _each(self, action: Callable[[_Connection], object]) -> None:
        for connection in list(self._connections):
            action(connection)

    async def _close(self) -> None:
        self._server.close()
        tasks = [task for connection in self._connections for task in connection.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection()
        connection.tasks = [
            asyncio.create_task(self._pass_on(connection, reader, far_writer, self._up)),
            asyncio.create_task(self._pass_on(connection, far_reader, writer, self._down)),
        ]
        self._connections.add(connection)
        await asyncio.gather(*connection.tasks, return_exceptions=True)
        self._connections.discard(connection)

    async def _pass_on(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: _Flow
    ) -> None:
        try:
            while data := await reader.read(PIECE):
                if flow.full(len(data)):
                    for held in self._connections:
                        held.open.clear()
                await connection.open.wait()
                writer.write(data)
                await writer.drain()
                flow.passed += len(data)
        except ConnectionError:
            pass
        finally:
            # Aborted rather than closed: one side that is gone is gone for the other at once.
            writer.transport.abort()


class FileEvents:
    """What happens to the files in some folders, from now on, as the kernel tells it. A context manager."""

    def __init__(self, folders: Iterable[Path], mask: int) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        assert self._fd >= 0, os.strerror(ctypes.get_errno())
        for folder in folders:
            watch = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), mask)
            assert watch >= 0, os.strerror(ctypes.get_errno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._fd)

    def wait_for(self, count: int, quiet_seconds: float = SECONDS) -> int:
        """Wait for so many events; returns how many came, less than that when none did for `quiet_seconds`."""
        seen = 0
        while seen < count and select.select([self._fd], [], [], quiet_seconds)[0]:
            seen += _count(os.read(self._fd, PIECE))
        return seen


def _count(events: bytes) -> int:
    number = at = 0
    while at < len(events):
        at += _EVENT.size + _EVENT.unpack_from(events, at)[3]
        number += 1
    return number


def volume_folders(data: Path, name: str, region: str = "*") -> list[Path]:
    """A folder of that name of every volume, or of those of one region."""
    found = sorted(data.glob(f"volumes/{region}/*/*/{name}"))
    assert found, data
    return found
