"""Layout and pages of the content, verified from its digest down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final

from galleria.v1 import contents_pb2 as pb
from galleria.v1.contents_pb2_grpc import ContentsStub
from galleria_client._sync.transport import Transport
from galleria_client.output_errors import ContentCorrupt
from galleria_client.pull.segment import Segment
from galleria_client.retry import persist
from galleria_storage.digest import name_of
from galleria_storage.errors import StorageError
from galleria_storage.layout import Layout, Page

BATCH: Final = 16
"""Pages fetched at once: a megabyte or two, ten at the worst."""
PAGES_SECONDS: Final = 120.0


class Content:
    """What is pulled: a disk or an exact image version in a region."""

    def __init__(
        self,
        transport: Transport,
        source: pb.ContentSource,
        give_up_seconds: float,
        stop: threading.Event,
    ) -> None:
        """`source` may name `latest`."""
        self._transport = transport
        self._stub = ContentsStub(transport.channel)
        self._give_up = give_up_seconds
        self._stop = stop
        self.answer = transport.unary(self._stub.GetLayout, pb.GetLayoutRequest(source=source), repeat=True)
        self.layout = verified_layout(self.answer)
        self._source = pb.ContentSource()
        self._source.CopyFrom(source)
        self._source.MergeFrom(
            pb.ContentSource(name=self.answer.name, region=self.answer.region, digest=self.answer.digest)
        )

    @property
    def source(self) -> pb.ContentSource:
        """How the following calls name it: exactly, and with the digest that it must have."""
        return self._source

    def segments(self, received: Callable[[int], None]) -> Iterator[Segment | tuple[int, int]]:
        """Every segment in order; stretches of empty ones as their start and end in bytes.

        Raises:
            ContentCorrupt: a page is not what the layout names.
            CallFailed, GaveUp, Interrupted.
        """
        layout = self.layout
        for empty, run in groupby(range(len(layout.pages)), key=lambda number: layout.pages[number] is None):
            numbers = list(run)
            if empty:
                yield numbers[0] * layout.rule.segment, min((numbers[-1] + 1) * layout.rule.segment, layout.size)
                continue
            for start in range(0, len(numbers), BATCH):
                yield from self._batch(numbers[start], len(numbers[start : start + BATCH]), received)

    def _batch(self, first: int, count: int, received: Callable[[int], None]) -> Iterator[Segment]:
        request = pb.ReadPagesRequest(source=self.source, first_segment=first, segment_count=count)
        pages = persist(lambda: self._read(request), self._give_up, self._stop)
        if [page.segment for page in pages] != list(range(first, first + count)):
            raise ContentCorrupt(f"pages of other segments than {first} to {first + count - 1}")
        received(sum(len(page.page) for page in pages))
        for page in pages:
            yield self._segment(page)

    def _read(self, request: pb.ReadPagesRequest) -> list[pb.SegmentPage]:
        return list(self._transport.stream(self._stub.ReadPages(request, timeout=PAGES_SECONDS)))

    def _segment(self, page: pb.SegmentPage) -> Segment:
        layout = self.layout
        if name_of(page.page) != layout.pages[page.segment]:
            raise ContentCorrupt(f"the page of segment {page.segment} is another")
        start = page.segment * layout.rule.segment
        try:
            segment = Segment(page.segment, start, Page.parse(page.page, layout.rule))
        except StorageError as error:
            raise ContentCorrupt(f"segment {page.segment}: {error}") from None
        if segment.end - start != layout.rule.segment_length(layout.size, page.segment):
            raise ContentCorrupt(f"segment {page.segment} has {segment.end - start} bytes")
        return segment


def verified_layout(answer: pb.ContentLayout) -> Layout:
    """The layout in the answer.

    Raises:
        ContentCorrupt: it does not have the digest that the answer states.
    """
    try:
        layout = Layout.parse(answer.layout)
    except StorageError as error:
        raise ContentCorrupt(str(error)) from None
    if layout.text != answer.digest:
        raise ContentCorrupt(f"the layout has the digest {layout.text}, not {answer.digest}")
    return layout
