"""What the reading calls give: layout, pages, records, raw bytes, or everything."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from galleria.v1 import contents_pb2 as pb
from galleria.v1 import disks_pb2
from galleria.v1.record_messages import ReadRecords
from galleria_server.domain.errors_content import OutsideContent
from galleria_server.reads import failover
from galleria_server.reads.copies import Copies
from galleria_server.reads.memory import SentNames
from galleria_storage.layout import Layout
from galleria_storage.page import Page
from galleria_storage.rules import Rule
from galleria_storage.volume import Piece, Reader
from galleria_storage.volume.reading import chosen


async def layout(copies: Copies) -> Layout:
    """The content's layout. Raises ContentLost, VolumeUnavailable, as all functions here."""
    return (await copies.first()).reader.root.layout


async def content_layout(copies: Copies) -> pb.ContentLayout:
    """The message that tells layout, sizes, exact name and digest."""
    content = copies.content
    return pb.ContentLayout(
        name=content.name,
        region=content.region,
        size_bytes=content.size,
        occupied_bytes=content.occupied,
        digest=content.digest,
        layout=(await layout(copies)).encode(),
        warnings=content.warnings,
    )


async def pages(copies: Copies, first: int, count: int) -> AsyncGenerator[pb.SegmentPage, None]:
    """The pages of `count` segments from `first` on, 0 for all. Raises OutsideContent."""
    segments = len((await layout(copies)).pages)
    end = first + count if count else segments
    if first >= segments or end > segments:
        raise OutsideContent("segment", max(first, end - 1), segments)
    found = failover.ranged(copies, first, lambda reader, at: reader.pages(at, end - at), lambda item: item[0] + 1, 1)
    async with aclosing(found):
        async for segment, page in found:
            yield pb.SegmentPage(segment=segment, page=page)


async def chunks(copies: Copies, wants: AsyncIterator[pb.WantChunks]) -> AsyncGenerator[ReadRecords, None]:
    """The records that are asked for, segment by segment. Raises OutsideContent."""
    async for want in wants:
        names = await failover.first_of(copies, want.segment, _wanted_names(want.segment, want.wanted))
        answers = _last_marked(want.segment, failover.records(copies, want.segment, names))
        async with aclosing(answers):
            async for answer in answers:
                yield answer


async def byte_range(copies: Copies, offset: int, length: int) -> AsyncGenerator[pb.RangeData, None]:
    """The bytes of a range, a length of 0 for all from `offset` on. Raises OutsideContent."""
    size = (await layout(copies)).size
    end = offset + length if length else size
    if offset > size or end > size:
        raise OutsideContent("byte", max(offset, end), size)
    segment = (await layout(copies)).rule.segment
    found = failover.ranged(
        copies,
        offset,
        lambda reader, at: reader.range(at, end - at),
        lambda piece: piece.offset + piece.length,
        segment,
    )
    async with aclosing(found):
        async for piece in found:
            yield _range_data(piece)


async def everything(copies: Copies, first: int) -> AsyncGenerator[pb.PullResponse, None]:
    """Layout, then page and records of each segment from `first` on. Raises OutsideContent."""
    rule = (await layout(copies)).rule
    sent = SentNames()
    yield pb.PullResponse(layout=await content_layout(copies))
    async with aclosing(pages(copies, first, 0)) as found:
        async for page in found:
            yield pb.PullResponse(page=page)
            names = sent.new(_names(page.page, rule))
            async with aclosing(failover.records(copies, page.segment, names)) as frames:
                async for frame in frames:
                    yield pb.PullResponse(records=disks_pb2.Records(records=bytes(frame)))


def _wanted_names(segment: int, wanted: bytes) -> Callable[[Reader], list[bytes]]:
    def names(reader: Reader) -> list[bytes]:
        layout = reader.root.layout
        if segment >= len(layout.pages):
            raise OutsideContent("segment", segment, len(layout.pages))
        page = reader.page(segment)
        known = [] if page is None else _names(page, layout.rule)
        if int.from_bytes(wanted, "little").bit_length() > len(known):
            raise OutsideContent("wanted", int.from_bytes(wanted, "little").bit_length(), len(known))
        return chosen(known, wanted)

    return names


def _names(page: bytes, rule: Rule) -> list[bytes]:
    return list(Page.parse(page, rule).names)


async def _last_marked(segment: int, frames: AsyncGenerator[memoryview, None]) -> AsyncGenerator[ReadRecords, None]:
    last: bytes | memoryview = b""
    async with aclosing(frames):
        async for frame in frames:
            if last:
                yield ReadRecords(segment, last, segment_done=False)
            last = frame
    yield ReadRecords(segment, last, segment_done=True)


def _range_data(piece: Piece) -> pb.RangeData:
    if piece.data is None:
        return pb.RangeData(offset=piece.offset, zeros=piece.length)
    return pb.RangeData(offset=piece.offset, data=piece.data)
