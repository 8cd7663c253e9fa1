"""Reading back: layout, pages, chunks by position, ranges, and all in one call."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galleria.v1 import contents_pb2 as pb
from galleria_storage.layout import Layout
from tests.server.refusals import refused
from tests.support.content import SEGMENT
from tests.support.wire_client import Image, WireClient, chunks_in


@pytest.fixture
def disk(wire: WireClient, image: Image) -> str:
    wire.push("disk", image)
    return wire.disk_name("disk")


def test_layout_tells_name_region_sizes_and_digest(wire: WireClient, disk: str, image: Image) -> None:
    layout = wire.layout(wire.source(disk.upper()))
    assert (layout.name, layout.region, layout.digest) == (disk, "eastus", image.layout.text)
    assert layout.size_bytes == image.layout.size
    assert Layout.parse(layout.layout) == image.layout


def test_only_the_wanted_chunks_come(wire: WireClient, disk: str, image: Image) -> None:
    segment = image.segments[0]
    for wanted in (b"\x05", b"", b"\x00", b"\x02\x80"):
        bits = int.from_bytes(wanted, "little")
        expected = {name for i, (name, _) in enumerate(segment.chunks) if not wanted or bits >> i & 1}
        answers = wire.read_chunks(wire.source(disk), [pb.WantChunks(segment=segment.number, wanted=wanted)])
        assert set(chunks_in([answer.records for answer in answers])) == expected
        assert [answer.segment_done for answer in answers] == [False] * (len(answers) - 1) + [True]


def test_segments_come_in_the_order_asked_for_empty_ones_too(wire: WireClient, disk: str) -> None:
    answers = wire.read_chunks(wire.source(disk), [pb.WantChunks(segment=number) for number in (2, 1, 0, 2)])
    assert [answer.segment for answer in answers if answer.segment_done] == [2, 1, 0, 2]


def test_pages_of_a_part(wire: WireClient, disk: str, image: Image) -> None:
    request = pb.ReadPagesRequest(source=wire.source(disk), first_segment=1, segment_count=2)
    (page,) = wire.contents.ReadPages(request)
    assert (page.segment, page.page) == (2, image.segments[1].page)


def test_everything_in_one_call(wire: WireClient, disk: str, data: bytes) -> None:
    assert wire.fetch_in_one(disk) == data


def test_one_call_sends_each_chunk_once(wire: WireClient, disk: str, image: Image) -> None:
    found = list(wire.contents.Pull(pb.PullRequest(source=wire.source(disk))))
    records = b"".join(answer.records.records for answer in found)
    distinct = {name for segment in image.segments for name, _ in segment.chunks}
    assert records.count(b"GREC") == len(distinct) == len(chunks_in([records]))


def test_one_call_from_a_segment_on(wire: WireClient, disk: str, image: Image) -> None:
    found = list(wire.contents.Pull(pb.PullRequest(source=wire.source(disk), first_segment=2)))
    assert [answer.page.segment for answer in found if answer.WhichOneof("message") == "page"] == [2]
    assert set(chunks_in([answer.records.records for answer in found])) == {n for n, _ in image.segments[1].chunks}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_any_range_is_the_bytes_of_the_disk(wire: WireClient, disk: str, data: bytes, seed: int) -> None:
    source = random.Random(seed)
    border = source.choice([0, 1 << 20, SEGMENT, 2 * SEGMENT, len(data) - 1])
    offset = max(0, min(len(data) - 1, border + source.randint(-5000, 5000)))
    length = source.randint(1, min(len(data) - offset, 3 << 20))
    assert wire.fetch_range(disk, offset=offset, length=length) == data[offset : offset + length]


def test_a_range_of_length_0_reaches_to_the_end(wire: WireClient, disk: str, data: bytes) -> None:
    assert wire.fetch_range(disk, offset=len(data) - 700) == data[-700:]
    assert wire.fetch_range(disk, offset=len(data)) == b""


@pytest.mark.parametrize(("offset", "length"), [(1, 0), (0, 1), (-1, 2)])
def test_a_range_outside_the_disk_is_refused(
    wire: WireClient, disk: str, data: bytes, offset: int, length: int
) -> None:
    with refused("OUT_OF_RANGE", "INVALID_FIELD") as refusal:
        wire.fetch_range(disk, offset=len(data) + offset, length=length)
    assert refusal.info.metadata["end"] == str(len(data))


@pytest.mark.parametrize(("first", "count"), [(3, 0), (3, 1), (0, 4), (2, 2)])
def test_pages_outside_the_disk_are_refused(wire: WireClient, disk: str, first: int, count: int) -> None:
    request = pb.ReadPagesRequest(source=wire.source(disk), first_segment=first, segment_count=count)
    with refused("OUT_OF_RANGE", "INVALID_FIELD"):
        list(wire.contents.ReadPages(request))


def test_chunks_outside_the_disk_are_refused(wire: WireClient, disk: str, image: Image) -> None:
    too_many = (1 << len(image.segments[0].chunks)).to_bytes(64, "little")
    for want in (pb.WantChunks(segment=3), pb.WantChunks(segment=1, wanted=b"\1"), pb.WantChunks(wanted=too_many)):
        with refused("OUT_OF_RANGE", "INVALID_FIELD"):
            wire.read_chunks(wire.source(disk), [want])


def test_another_content_than_expected_is_refused(wire: WireClient, disk: str, image: Image) -> None:
    expected = "block-cdc-1:" + "0" * 64
    with refused("FAILED_PRECONDITION", "WRONG_STATE") as refusal:
        wire.layout(wire.source(disk, digest=expected))
    assert refusal.info.metadata["expected"] == expected
    assert wire.layout(wire.source(disk, digest=image.layout.text)).digest == image.layout.text


def test_what_is_not_there_is_refused(wire: WireClient, image: Image) -> None:
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.layout(wire.source(wire.disk_name("none")))
    wire.create_disk("empty")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        wire.layout(wire.source(wire.disk_name("empty")))
    wire.push("disk", image)
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        wire.layout(wire.source(wire.disk_name("disk"), "westus"))
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        wire.layout(wire.source(wire.disk_name("disk"), "atlantis"))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        wire.layout(wire.source("no/name"))


def test_a_version_needs_a_region_and_an_exact_name(wire: WireClient, image: Image) -> None:
    wire.prepare_gallery()
    wire.push("disk", image)
    wire.publish("1.0.0", "disk", eastus=1)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.layout(wire.source(wire.version_name("1.0.0")))
    assert refusal.fields == ["source.region"]
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        wire.layout(wire.source(wire.version_name("1.0.0"), "westus"))
    assert wire.layout(wire.source(wire.version_name("latest"), "East US")).name == wire.version_name("1.0.0")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        wire.read_pages(wire.source(wire.version_name("latest"), "eastus"))


def test_a_chunk_stream_begins_with_its_source(wire: WireClient, disk: str) -> None:
    with refused("INVALID_ARGUMENT", "PROTOCOL"):
        list(wire.contents.ReadChunks(iter([pb.ReadChunksRequest(want=pb.WantChunks())])))
    with refused("INVALID_ARGUMENT", "PROTOCOL"):
        list(wire.contents.ReadChunks(iter([pb.ReadChunksRequest(source=wire.source(disk))] * 2)))


def test_deleting_does_not_disturb_a_running_read(wire: WireClient, disk: str, data: bytes) -> None:
    pieces = wire.contents.ReadRange(pb.ReadRangeRequest(source=wire.source(disk)))
    first = next(pieces)
    wire.delete_disk("disk")
    rest = b"".join(piece.data or bytes(piece.zeros) for piece in pieces)
    assert first.data + rest == data
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.layout(wire.source(disk))
