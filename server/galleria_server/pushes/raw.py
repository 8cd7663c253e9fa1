"""One PushRaw stream: bytes in order, cut and compressed on this side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from galleria.v1 import disks_pb2 as pb
from galleria_server.domain.errors_content import LimitExceeded, ProtocolViolated
from galleria_server.pushes.course import Course
from galleria_server.pushes.limits import StreamLimits
from galleria_server.pushes.live import LivePush
from galleria_storage.rules import Rule
from galleria_storage.volume.raw import RawStream


async def raw(
    live: LivePush, first: pb.PushRawRequest, requests: AsyncIterator[pb.PushRawRequest], limits: StreamLimits
) -> AsyncGenerator[pb.PushRawResponse, None]:
    """Progress, until all bytes are durable. `first` is the message that named the session; it may carry bytes.

    Raises ProtocolViolated, LimitExceeded, StreamIdle, VolumeUnavailable, and what the storage refuses.
    """
    progress = _Progress(live.push.rule)
    # Bytes of one stream are cut one after the other.
    async with Course(live, replace(limits, frames_in_work=1), progress.notice) as course:
        bytes_in = _Bytes(course, progress, limits)
        answers = course.answers(_chained(first, requests), bytes_in.take, bytes_in.finish)
        async with aclosing(answers):
            async for answer in answers:
                yield answer


class _Progress:
    """Counts the received bytes of each segment until it is durable."""

    def __init__(self, rule: Rule) -> None:
        self._segment = rule.segment
        self._bytes: defaultdict[int, int] = defaultdict(int)
        self._durable = 0

    def received(self, offset: int, length: int) -> None:
        """Bytes of `data` have come."""
        while length > 0:
            segment, start = divmod(offset, self._segment)
            part = min(length, self._segment - start)
            self._bytes[segment] += part
            offset, length = offset + part, length - part

    def end(self) -> None:
        """Nothing more will come, and what came lies on the volume or in empty segments, which are never announced."""
        self._durable += sum(self._bytes.values())
        self._bytes.clear()

    def notice(self, segments: Sequence[int], _: int) -> pb.PushRawResponse:
        """The message that these segments are durable. What the storage counts are records, not raw bytes."""
        self._durable += sum(self._bytes.pop(segment, 0) for segment in segments)
        return pb.PushRawResponse(segments=segments, received_bytes=self._durable)


class _Bytes:
    """What the messages of one stream mean."""

    def __init__(self, course: Course[pb.PushRawResponse], progress: _Progress, limits: StreamLimits) -> None:
        self._course = course
        self._progress = progress
        self._limits = limits
        self._stream = RawStream(course.stream)
        self._begun = False
        self._size: int | None = None

    async def take(self, request: pb.PushRawRequest) -> None:
        """Begin to store the bytes of a message."""
        if self._size is not None:
            raise ProtocolViolated("size_bytes is in the last message of a stream, and another came")
        if self._begun and request.session:
            raise ProtocolViolated("session is in the first message of a stream only")
        if len(request.data) > self._limits.max_raw_bytes:
            raise LimitExceeded("max_raw_bytes", len(request.data), self._limits.max_raw_bytes)
        self._begun = True
        self._size = request.size_bytes or None
        if request.data or request.offset:
            self._progress.received(request.offset, len(request.data))
            await self._course.work(self._stream.write, request.offset, request.data)

    async def finish(self) -> None:
        """The client has ended: store the rest and make everything durable."""
        await self._course.work(self._stream.finish, self._size)
        await self._course.settle()
        self._progress.end()
        self._course.announce()


async def _chained(
    first: pb.PushRawRequest, others: AsyncIterator[pb.PushRawRequest]
) -> AsyncIterator[pb.PushRawRequest]:
    yield first
    async for other in others:
        yield other
