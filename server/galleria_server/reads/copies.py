"""Readers of one content on several volumes, opened when they are needed."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from galleria_server.domain.errors_content import ContentLost, StreamIdle, VolumeMissing, VolumeUnavailable
from galleria_server.reads.content import Content, Location
from galleria_server.volumes.mount import Mount
from galleria_server.volumes.registry import Volumes
from galleria_storage.errors import StorageError
from galleria_storage.volume import LeaseLapsed, Reader, Source

P = ParamSpec("P")
T = TypeVar("T")

UNREADABLE = (StorageError, VolumeUnavailable, VolumeMissing)
"""What makes a reader go on with another copy."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Copy:
    """An open reader and the volume in whose pool it works."""

    mount: Mount
    reader: Reader

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short piece of work in the volume's pool."""
        return await self.mount.run(function, *args, **kwargs)

    async def feed(self, mount: Mount, work: Callable[[Source], T]) -> T:
        """Run long work on another volume that reads from this copy. Raises what it raises, and VolumeUnavailable."""
        return await mount.run_from(self.mount, self.reader, work)

    async def each(self, items: Iterator[T]) -> AsyncGenerator[T, None]:
        """The items of a blocking iterator over the reader, a hop into the volume's pool for each."""
        while (item := await self.run(_next, items)) is not None:
            yield item


class Copies:
    """The copies of `content`, each opened at most once. Make it with `open_copies`."""

    def __init__(self, volumes: Volumes, content: Content, opened: AsyncExitStack) -> None:
        self.content = content
        self._volumes = volumes
        self._opened = opened
        self._readers: dict[Location, Copy | None] = {}
        self._closed_for: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[Copy]:
        for location in self.content.locations:
            copy = await self._open(location)
            if copy is not None:
                yield copy

    async def first(self) -> Copy:
        """The first that can be opened. Raises VolumeUnavailable while one is unavailable, else ContentLost."""
        async for copy in self:
            return copy
        raise self.lost(0, 0)

    def lost(self, segment: int, chunks: int) -> Exception:
        """What to raise when no copy has some chunks: not that they are lost as long as a copy may be read again."""
        return self._closed_for or ContentLost(self.content.name, segment, chunks)

    def failed(self, copy: Copy, error: Exception) -> None:
        """Note that a copy could not be read."""
        _log.warning("a copy of %s on %s cannot be read: %s", self.content.name, copy.mount.name, error)
        if isinstance(error, VolumeUnavailable):
            self._closed_for = error
        elif isinstance(error, LeaseLapsed):
            # Whether the content is still there is found out by whoever asks for it anew.
            self._closed_for = StreamIdle("took", copy.reader.idle_seconds)

    async def _open(self, location: Location) -> Copy | None:
        if location not in self._readers:
            self._readers[location] = None
            try:
                self._readers[location] = await self._open_reader(location)
            except UNREADABLE as error:
                _log.warning("a copy of %s on %s cannot be opened: %s", self.content.name, location.volume, error)
                if isinstance(error, VolumeUnavailable):
                    self._closed_for = error
        return self._readers[location]

    async def _open_reader(self, location: Location) -> Copy | None:
        mount = self._volumes.mount(location.region, location.volume)
        try:
            reader = await mount.run(mount.volume.open_read, location.root)
        except StorageError:
            mount.doubt([location.root])
            raise
        self._opened.push_async_callback(_leave, mount, reader)
        if reader.root.layout.text != self.content.digest:
            _log.error("root %s on %s is not the content %s", location.root, mount.name, self.content.digest)
            return None
        return Copy(mount, reader)


@asynccontextmanager
async def open_copies(volumes: Volumes, content: Content) -> AsyncIterator[Copies]:
    """The copies of `content` for as long as the context lasts."""
    async with AsyncExitStack() as opened:
        yield Copies(volumes, content, opened)


async def _leave(mount: Mount, reader: Reader) -> None:
    try:
        await mount.run(reader.__exit__, None, None, None)
    except UNREADABLE as error:
        _log.warning("a reader on %s was not closed: %s", mount.name, error)


def _next(items: Iterator[T]) -> T | None:
    return next(items, None)
