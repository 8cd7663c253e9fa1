"""One Push stream: offers, records and the answers to them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from itertools import pairwise

from galleria.v1 import disks_pb2 as pb
from galleria.v1.record_messages import PushedRecords
from galleria_server.domain.errors_content import LimitExceeded, ProtocolViolated
from galleria_server.pushes.bits import bits_of
from galleria_server.pushes.course import Course
from galleria_server.pushes.limits import StreamLimits
from galleria_server.pushes.live import LivePush
from galleria_storage.digest import DIGEST_SIZE

MAX_OFFERED_PAGES = 4096


async def offered(
    live: LivePush, requests: AsyncIterator[pb.PushRequest | PushedRecords], limits: StreamLimits
) -> AsyncGenerator[pb.PushResponse, None]:
    """The answers to the messages after `attach`.

    Raises ProtocolViolated, LimitExceeded, StreamIdle, VolumeUnavailable, and what the storage refuses.
    """
    attached = pb.Attached(
        max_segments_in_flight=limits.max_segments_in_flight, max_records_bytes=limits.max_records_bytes
    )
    async with Course(live, limits, _durable) as course:
        yield pb.PushResponse(attached=attached)
        answers = course.answers(requests, _Offers(live, course, limits).take, course.flush)
        async with aclosing(answers):
            async for answer in answers:
                yield answer


def _durable(segments: Sequence[int], received: int) -> pb.PushResponse:
    return pb.PushResponse(durable=pb.Durable(segments=segments, received_bytes=received))


class _Offers:
    """What the messages of one stream mean."""

    def __init__(self, live: LivePush, course: Course[pb.PushResponse], limits: StreamLimits) -> None:
        self._live = live
        self._course = course
        self._limits = limits

    async def take(self, request: pb.PushRequest | PushedRecords) -> None:
        """Begin the work that a message asks for."""
        if isinstance(request, PushedRecords):
            await self._records(request.records)
            return
        match request.WhichOneof("message"):
            case "records":
                await self._records(request.records.records)
            case "offer_segment":
                await self._course.ask(partial(self._segment, request.offer_segment))
            case "offer_pages":
                await self._course.ask(partial(self._pages, request.offer_pages))
            case "flush":
                await self._course.flush()
            case "attach":
                raise ProtocolViolated("attach is the first message of a stream and never comes again")
            case _:
                raise ProtocolViolated("a message must be one that this server knows")

    async def _records(self, records: bytes | memoryview) -> None:
        limit = self._limits.max_records_bytes
        if len(records) > limit:
            raise LimitExceeded("max_records_bytes", len(records), limit)
        await self._course.work(self._course.stream.receive, records)

    async def _segment(self, offer: pb.OfferSegment) -> pb.PushResponse:
        needed = await self._live.mount.run(self._course.stream.offer_segment, offer.segment, offer.page)
        return pb.PushResponse(chunks_needed=pb.ChunksNeeded(segment=offer.segment, needed=needed))

    async def _pages(self, offer: pb.OfferPages) -> pb.PushResponse:
        known = await self._live.mount.run(self._live.push.known_pages, _named_pages(offer))
        return pb.PushResponse(pages_known=pb.PagesKnown(segments=offer.segments, known=bits_of(known)))


def _named_pages(offer: pb.OfferPages) -> list[tuple[int, bytes]]:
    segments, digests = list(offer.segments), offer.digests
    if len(segments) > MAX_OFFERED_PAGES:
        raise LimitExceeded("segments in offer_pages", len(segments), MAX_OFFERED_PAGES)
    if len(digests) != len(segments) * DIGEST_SIZE:
        raise ProtocolViolated(f"offer_pages names {len(segments)} segments with {len(digests)} bytes of digests")
    if any(first >= second for first, second in pairwise(segments)):
        raise ProtocolViolated("the segments of offer_pages must ascend")
    names = (digests[at : at + DIGEST_SIZE] for at in range(0, len(digests), DIGEST_SIZE))
    return list(zip(segments, names, strict=True))
