"""The Contents service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import grpc.aio

from galleria.v1 import contents_pb2 as pb
from galleria.v1 import contents_pb2_grpc
from galleria.v1.record_messages import ReadRecords
from galleria_server.domain.errors_content import ProtocolViolated
from galleria_server.reads import transfers
from galleria_server.reads.copies import Copies, open_copies
from galleria_server.reads.sources import Sources
from galleria_server.services.idle import teller
from galleria_server.streams import first_sent, read_ahead, sent, taken
from galleria_server.volumes.registry import Volumes

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

READ_AHEAD = 3
"""Messages of about 1 MiB that wait for a client."""


class ContentsService(contents_pb2_grpc.ContentsServicer):
    """The bytes of disks and image versions. `idle` is how many seconds a stream may stand still."""

    def __init__(self, sources: Sources, volumes: Volumes, idle: float) -> None:
        self._sources = sources
        self._volumes = volumes
        self._idle = idle

    async def GetLayout(self, request: pb.GetLayoutRequest, context: Context) -> pb.ContentLayout:
        content = await self._sources.find(request.source, latest=True)
        async with open_copies(self._volumes, content) as copies:
            return await transfers.content_layout(copies)

    async def ReadPages(self, request: pb.ReadPagesRequest, context: Context) -> AsyncIterator[pb.SegmentPage]:
        answers = self._read(
            context,
            request.source,
            lambda copies: transfers.pages(copies, request.first_segment, request.segment_count),
        )
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def ReadChunks(  # type: ignore[override]  # record_streams writes the answers
        self, request_iterator: AsyncIterator[pb.ReadChunksRequest], context: Context
    ) -> AsyncIterator[ReadRecords]:
        first = await first_sent(request_iterator, self._idle)
        if first is None or first.WhichOneof("message") != "source":
            raise ProtocolViolated("the first message of a ReadChunks stream is source")
        answers = self._read(
            context, first.source, lambda copies: transfers.chunks(copies, self._wants(request_iterator))
        )
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def ReadRange(self, request: pb.ReadRangeRequest, context: Context) -> AsyncIterator[pb.RangeData]:
        answers = self._read(
            context,
            request.source,
            lambda copies: transfers.byte_range(copies, request.offset, request.length),
            latest=True,
        )
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def Pull(self, request: pb.PullRequest, context: Context) -> AsyncIterator[pb.PullResponse]:
        answers = self._read(
            context, request.source, lambda copies: transfers.everything(copies, request.first_segment), latest=True
        )
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def _read(
        self,
        context: Context,
        source: pb.ContentSource,
        read: Callable[[Copies], AsyncGenerator[T, None]],
        *,
        latest: bool = False,
    ) -> AsyncGenerator[T, None]:
        """What `read` gives, read a little ahead of a client that takes it."""
        content = await self._sources.find(source, latest=latest)
        async with (
            open_copies(self._volumes, content) as copies,
            aclosing(taken(read_ahead(read(copies), READ_AHEAD), self._idle, teller(context))) as answers,
        ):
            async for answer in answers:
                yield answer

    async def _wants(self, requests: AsyncIterator[pb.ReadChunksRequest]) -> AsyncIterator[pb.WantChunks]:
        async with aclosing(sent(requests, self._idle, busy=lambda: False)) as messages:
            async for message in messages:
                if message.WhichOneof("message") != "want":
                    raise ProtocolViolated("every message of a ReadChunks stream but the first is want")
                yield message.want
