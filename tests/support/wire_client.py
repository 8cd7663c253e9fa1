"""A client made of the generated stubs and the pure parts of the storage: what protos/README.md says, step by step."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

import grpc
from google.longrunning.operations_pb2 import GetOperationRequest, Operation, WaitOperationRequest
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.duration_pb2 import Duration

from galleria.v1 import (
    contents_pb2,
    disks_pb2,
    galleries_pb2,
    image_definitions_pb2,
    image_versions_pb2,
    installation_pb2,
    publishing_pb2,
)
from galleria.v1.contents_pb2_grpc import ContentsStub
from galleria.v1.disks_pb2_grpc import DisksStub
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria.v1.installation_pb2_grpc import OperatorsStub
from galleria_storage.chunking import cut_segment
from galleria_storage.compression import compress, expand
from galleria_storage.digest import name_of, names_of
from galleria_storage.layout import Layout
from galleria_storage.page import Page, encode_page
from galleria_storage.records import CHUNK, encode_unproved_header, records_in
from galleria_storage.rules import BLOCK_CDC_1, Rule

T = TypeVar("T")
FRAME = 1 << 20
SUBSCRIPTION = "c5d3a1e0-6b1f-4f0a-9a57-000000000002"


@dataclass(frozen=True)
class Segment:
    """A cut segment that is not empty."""

    number: int
    page: bytes
    name: bytes
    chunks: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Image:
    """Cut content."""

    layout: Layout
    segments: tuple[Segment, ...]


def cut_image(data: bytes, rule: Rule = BLOCK_CDC_1) -> Image:
    """Cut and name whole content."""
    found = [
        cut_one(number, data[number * rule.segment :][: rule.segment], rule)
        for number in range(rule.segments(len(data)))
    ]
    pages = tuple(None if segment is None else segment.name for segment in found)
    return Image(Layout(rule, len(data), pages), tuple(segment for segment in found if segment is not None))


def cut_one(number: int, data: bytes, rule: Rule = BLOCK_CDC_1) -> Segment | None:
    """One segment; None when it is empty."""
    lengths = cut_segment(data, rule)
    pieces, offset = [], 0
    for length in lengths:
        if length > 0:
            pieces.append(data[offset : offset + length])
        offset += abs(length)
    if not pieces:
        return None
    names = names_of(pieces)
    page = encode_page(lengths, names)
    return Segment(number, page, name_of(page), tuple(zip(names, pieces, strict=True)))


def record_of(name: bytes, raw: bytes, level: int = 1) -> bytes:
    """A record as a client sends it."""
    ((codec, payload),) = compress([memoryview(raw)], level)
    return encode_unproved_header(CHUNK, codec, len(raw), len(payload), name) + bytes(payload)


def frames(chunks: Sequence[tuple[bytes, bytes]], level: int = 1, size: int = FRAME) -> Iterator[bytes]:
    """Records of chunks in messages of at least `size` bytes, less where they would expand to more than 4 MiB."""
    batch: list[bytes] = []
    raw_bytes = 0
    for name, raw in chunks:
        batch.append(record_of(name, raw, level))
        raw_bytes += len(raw)
        if sum(map(len, batch)) >= size or raw_bytes >= 4 * FRAME:
            yield b"".join(batch)
            batch, raw_bytes = [], 0
    if batch:
        yield b"".join(batch)


def needed_chunks(segment: Segment, needed: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks whose bit is set."""
    bits = int.from_bytes(needed, "little")
    return [chunk for position, chunk in enumerate(segment.chunks) if bits >> position & 1]


class PushStream:
    """One Push stream."""

    def __init__(self, stub: DisksStub, session: str, timeout: float = 60) -> None:
        self._requests: queue.SimpleQueue[disks_pb2.PushRequest | None] = queue.SimpleQueue()
        self.call = stub.Push(iter(self._requests.get, None), timeout=timeout)
        self.durable: set[int] = set()
        self.received_bytes = 0
        self.sent_bytes = 0
        self.send(disks_pb2.PushRequest(attach=disks_pb2.Attach(session=session)))
        self.attached = self.answer().attached

    def send(self, request: disks_pb2.PushRequest) -> None:
        """One message."""
        self._requests.put(request)

    def answer(self) -> disks_pb2.PushResponse:
        """The next answer that is not a notice."""
        while True:
            response = next(self.call)
            if response.WhichOneof("message") != "durable":
                return response
            self._note(response.durable)

    def offer_pages(self, segments: Sequence[Segment]) -> list[bool]:
        """Which are known."""
        numbers = [segment.number for segment in segments]
        self.send(
            disks_pb2.PushRequest(
                offer_pages=disks_pb2.OfferPages(segments=numbers, digests=b"".join(s.name for s in segments))
            )
        )
        known = self.answer().pages_known
        assert list(known.segments) == numbers
        return [bool(known.known[i >> 3] >> (i & 7) & 1) for i in range(len(numbers))]

    def offer_segment(self, segment: Segment) -> bytes:
        """Bits of the chunks that are needed."""
        self.send(
            disks_pb2.PushRequest(offer_segment=disks_pb2.OfferSegment(segment=segment.number, page=segment.page))
        )
        needed = self.answer().chunks_needed
        assert needed.segment == segment.number
        return needed.needed

    def send_records(self, chunks: Sequence[tuple[bytes, bytes]], level: int = 1) -> None:
        """Chunks in frames."""
        for frame in frames(chunks, level):
            self.send_frame(frame)

    def send_frame(self, frame: bytes) -> None:
        """One frame of records."""
        self.sent_bytes += len(frame)
        self.send(disks_pb2.PushRequest(records=disks_pb2.Records(records=frame)))

    def flush(self) -> None:
        """Ask for all that was sent to be made durable."""
        self.send(disks_pb2.PushRequest(flush=disks_pb2.Flush()))

    def wait_durable(self, segments: Sequence[int]) -> None:
        """Take notices until the segments are durable."""
        while not self.durable.issuperset(segments):
            self._note(next(self.call).durable)

    def wait_received(self) -> None:
        """Take notices until all records that were sent are durable."""
        while self.received_bytes < self.sent_bytes:
            self._note(next(self.call).durable)

    def push(self, segments: Sequence[Segment], level: int = 1) -> int:
        """Move whole segments and wait until they are durable; returns how many chunks were sent."""
        known = self.offer_pages(segments)
        sent, waiting = 0, []
        for segment, is_known in zip(segments, known, strict=True):
            if is_known:
                continue
            chunks = needed_chunks(segment, self.offer_segment(segment))
            self.send_records(chunks, level)
            sent += len(chunks)
            waiting.append(segment.number)
        self.flush()
        self.wait_durable(waiting)
        return sent

    def close(self) -> None:
        """End the client's side and take what is left; raises the stream's error."""
        self._requests.put(None)
        for response in self.call:
            self._note(response.durable)

    def _note(self, durable: disks_pb2.Durable) -> None:
        self.durable.update(durable.segments)
        self.received_bytes = durable.received_bytes


class WireClient:
    """All calls of a test, in one resource group."""

    def __init__(self, channel: grpc.Channel, group: str) -> None:
        self.disks = DisksStub(channel)
        self.contents = ContentsStub(channel)
        self.galleries = GalleriesStub(channel)
        self.operations = OperationsStub(channel)
        self.operators = OperatorsStub(channel)
        self.group = f"subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
        # A gallery's name is free only once in a subscription, whatever its group; the same after a restart.
        self.gallery_id = f"prod.{uuid5(NAMESPACE_URL, group).hex[:12]}"
        self.gallery = f"{self.group}/galleries/{self.gallery_id}"
        self.image = f"{self.gallery}/images/debian"

    def disk_name(self, disk: str) -> str:
        return f"{self.group}/disks/{disk}"

    def version_name(self, number: str) -> str:
        return f"{self.image}/versions/{number}"

    def create_disk(self, disk: str, location: str = "eastus", size_bytes: int = 0) -> disks_pb2.Disk:
        message = disks_pb2.Disk(location=location, size_bytes=size_bytes)
        return self.disks.CreateDisk(disks_pb2.CreateDiskRequest(parent=self.group, disk_id=disk, disk=message))

    def get_disk(self, disk: str) -> disks_pb2.Disk:
        return self.disks.GetDisk(disks_pb2.GetDiskRequest(name=self.disk_name(disk)))

    def delete_disk(self, disk: str, etag: str = "") -> None:
        self.disks.DeleteDisk(disks_pb2.DeleteDiskRequest(name=self.disk_name(disk), etag=etag))

    def begin(self, disk: str) -> disks_pb2.PushSession:
        return self.disks.BeginPush(disks_pb2.BeginPushRequest(disk=self.disk_name(disk)))

    def get_push(self, session: str) -> disks_pb2.PushSession:
        return self.disks.GetPush(disks_pb2.GetPushRequest(session=session))

    def open(self, session: str, timeout: float = 60) -> PushStream:
        return PushStream(self.disks, session, timeout)

    def commit(self, session: str, layout: Layout, sha256: str = "") -> disks_pb2.Disk:
        request = disks_pb2.CommitPushRequest(session=session, layout=layout.encode(), sha256=sha256)
        return self.disks.CommitPush(request)

    def commit_raw(self, session: str, size_bytes: int) -> disks_pb2.Disk:
        return self.disks.CommitPush(disks_pb2.CommitPushRequest(session=session, size_bytes=size_bytes))

    def push(self, disk: str, image: Image, location: str = "eastus", level: int = 1) -> disks_pb2.Disk:
        """A whole push over one stream."""
        self.create_disk(disk, location)
        session = self.begin(disk).session
        stream = self.open(session)
        stream.push(image.segments, level)
        stream.close()
        return self.commit(session, image.layout)

    def push_raw(self, session: str, messages: Sequence[disks_pb2.PushRawRequest]) -> list[disks_pb2.PushRawResponse]:
        first = disks_pb2.PushRawRequest(session=session)
        return list(self.disks.PushRaw(iter([first, *messages]), timeout=60))

    def prepare_gallery(self) -> None:
        gallery = galleries_pb2.Gallery(location="eastus")
        self.galleries.CreateGallery(
            galleries_pb2.CreateGalleryRequest(parent=self.group, gallery_id=self.gallery_id, gallery=gallery)
        )
        definition = image_definitions_pb2.ImageDefinition(
            os_type=image_definitions_pb2.OS_TYPE_LINUX,
            os_state=image_definitions_pb2.OS_STATE_GENERALIZED,
            identifier=image_definitions_pb2.ImageIdentifier(publisher="debian", offer="debian", sku="12"),
        )
        self.galleries.CreateImageDefinition(
            image_definitions_pb2.CreateImageDefinitionRequest(
                parent=self.gallery, image_definition_id="debian", image_definition=definition
            )
        )

    def create_version(self, number: str, disk: str, **regions: int) -> Operation:
        targets = [publishing_pb2.TargetRegion(region=name, replica_count=count) for name, count in regions.items()]
        home = next(iter(regions))
        version = image_versions_pb2.ImageVersion(location=home, os_disk=self.disk_name(disk), target_regions=targets)
        return self.galleries.CreateImageVersion(
            image_versions_pb2.CreateImageVersionRequest(
                parent=self.image, image_version_id=number, image_version=version
            )
        )

    def publish(self, number: str, disk: str, **regions: int) -> image_versions_pb2.ImageVersion:
        """Create a version, at home in the first region, and wait until it is everywhere."""
        operation = self.wait(self.create_version(number, disk, **regions))
        assert operation.WhichOneof("result") == "response", operation
        return self.get_version(number)

    def get_version(self, number: str) -> image_versions_pb2.ImageVersion:
        return self.galleries.GetImageVersion(image_versions_pb2.GetImageVersionRequest(name=self.version_name(number)))

    def delete_version(self, number: str) -> Operation:
        return self.wait(
            self.galleries.DeleteImageVersion(
                image_versions_pb2.DeleteImageVersionRequest(name=self.version_name(number))
            )
        )

    def wait(self, operation: Operation, seconds: int = 60) -> Operation:
        request = WaitOperationRequest(name=operation.name, timeout=Duration(seconds=seconds))
        ended = self.operations.WaitOperation(request)
        assert ended.done, ended
        return ended

    def operation(self, name: str) -> Operation:
        return self.operations.GetOperation(GetOperationRequest(name=name))

    def volumes(self, region: str = "-") -> list[installation_pb2.Volume]:
        return list(self.operators.ListVolumes(installation_pb2.ListVolumesRequest(parent=f"regions/{region}")).volumes)

    def source(self, name: str, region: str = "", digest: str = "") -> contents_pb2.ContentSource:
        return contents_pb2.ContentSource(name=name, region=region, digest=digest)

    def layout(self, source: contents_pb2.ContentSource) -> contents_pb2.ContentLayout:
        return self.contents.GetLayout(contents_pb2.GetLayoutRequest(source=source))

    def read_pages(self, source: contents_pb2.ContentSource) -> dict[int, bytes]:
        found = self.contents.ReadPages(contents_pb2.ReadPagesRequest(source=source), timeout=60)
        return {page.segment: page.page for page in found}

    def read_chunks(
        self, source: contents_pb2.ContentSource, wants: Sequence[contents_pb2.WantChunks]
    ) -> list[contents_pb2.ReadChunksResponse]:
        requests = [contents_pb2.ReadChunksRequest(source=source)]
        requests += [contents_pb2.ReadChunksRequest(want=want) for want in wants]
        return list(self.contents.ReadChunks(iter(requests), timeout=60))

    def fetch(self, name: str, region: str = "") -> bytes:
        """The whole content, verified, by layout, pages and chunks."""
        answer = self.layout(self.source(name, region))
        layout = Layout.parse(answer.layout)
        assert layout.text == answer.digest
        source = self.source(answer.name, region, answer.digest)
        pages = self.read_pages(source)
        assert {number: name_of(page) for number, page in pages.items()} == {
            number: page for number, page in enumerate(layout.pages) if page is not None
        }
        answers = self.read_chunks(source, [contents_pb2.WantChunks(segment=number) for number in pages])
        assert sum(answer.segment_done for answer in answers) == len(pages)
        return assembled(layout, pages, chunks_in([answer.records for answer in answers]))

    def fetch_in_one(self, name: str, region: str = "") -> bytes:
        """The whole content by one Pull."""
        request = contents_pb2.PullRequest(source=self.source(name, region))
        found = list(self.contents.Pull(request, timeout=60))
        layout = Layout.parse(found[0].layout.layout)
        pages = {answer.page.segment: answer.page.page for answer in found if answer.WhichOneof("message") == "page"}
        return assembled(layout, pages, chunks_in([answer.records.records for answer in found]))

    def fetch_range(self, name: str, region: str = "", offset: int = 0, length: int = 0) -> bytes:
        request = contents_pb2.ReadRangeRequest(source=self.source(name, region), offset=offset, length=length)
        data, expected = bytearray(), offset
        for piece in self.contents.ReadRange(request, timeout=60):
            assert piece.offset == expected
            data += piece.data or bytes(piece.zeros)
            expected = offset + len(data)
        return bytes(data)


def chunks_in(parts: Sequence[bytes], rule: Rule = BLOCK_CDC_1) -> dict[bytes, bytes]:
    """Chunks by name from records, verified."""
    found = {}
    for part in parts:
        for record in records_in(part, rule):
            raw = expand(record.codec, record.payload, record.raw_length, rule.max_chunk)
            assert name_of(raw) == record.name
            found[record.name] = bytes(raw)
    return found


def assembled(layout: Layout, pages: dict[int, bytes], chunks: dict[bytes, bytes]) -> bytes:
    """The content that pages and chunks make up."""
    parts = []
    for number in range(len(layout.pages)):
        length = layout.rule.segment_length(layout.size, number)
        if number not in pages:
            parts.append(bytes(length))
            continue
        page = Page.parse(pages[number], layout.rule)
        names = iter(page.names)
        parts += [bytes(-entry) if entry < 0 else chunks[next(names)] for entry in page.lengths]
    return b"".join(parts)


def eventually(check: Callable[[], T], seconds: float = 30) -> T:
    """What `check` gives as soon as it is true; it should itself wait for the server, as every call does."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, "it did not come to pass"
