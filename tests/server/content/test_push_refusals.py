"""What a push refuses: each with a typed answer, and nothing of it stored."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from xxhash import xxh64_intdigest

from galleria.v1 import disks_pb2 as pb
from galleria_server.content import make_content
from galleria_storage.chunking import cut_segment
from galleria_storage.digest import name_of
from galleria_storage.layout import Layout
from galleria_storage.page import encode_page
from galleria_storage.records import CHUNK, encode_unproved_header
from galleria_storage.rules import BLOCK_CDC_1
from tests.server.refusals import refused
from tests.support.content import MIB
from tests.support.disks import stubborn_block
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, PushStream, Segment, WireClient, cut_image, cut_one, record_of

TIB = 1 << 40


@pytest.fixture
def small() -> Image:
    return cut_image(random.Random(7).randbytes(MIB))


@pytest.fixture
def stream(wire: WireClient) -> Iterator[PushStream]:
    wire.create_disk("disk")
    stream = wire.open(wire.begin("disk").session)
    yield stream
    stream.call.cancel()


def records(data: bytes) -> pb.PushRequest:
    return pb.PushRequest(records=pb.Records(records=data))


def drained(stream: PushStream) -> None:
    stream.close()


@pytest.mark.parametrize("size_bytes", [1, 511, 513, 2 * TIB - 1])
def test_a_size_that_is_no_multiple_of_512_is_refused(wire: WireClient, size_bytes: int) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.create_disk("disk", size_bytes=size_bytes)
    assert refusal.info.metadata["size_bytes"] == str(size_bytes)
    assert refusal.info.metadata["multiple"] == "512"


def test_2_tib_are_taken_and_one_sector_more_is_refused_with_both_numbers(wire: WireClient) -> None:
    assert wire.create_disk("most", size_bytes=2 * TIB).size_bytes == 2 * TIB
    with refused("INVALID_ARGUMENT", "DISK_TOO_LARGE") as refusal:
        wire.create_disk("over", size_bytes=2 * TIB + 512)
    assert (refusal.info.metadata["size_bytes"], refusal.info.metadata["limit_bytes"]) == (
        "2199023256064",
        "2199023255552",
    )


def test_content_of_another_size_than_promised_is_refused(wire: WireClient, small: Image) -> None:
    wire.create_disk("disk", size_bytes=2 * MIB)
    session = wire.begin("disk").session
    stream = wire.open(session)
    stream.push(small.segments)
    stream.close()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.commit(session, small.layout)
    assert (refusal.info.metadata["size_bytes"], refusal.info.metadata["promised_bytes"]) == ("1048576", "2097152")
    assert wire.get_disk("disk").state == pb.Disk.STATE_PUSHING


def test_content_whose_size_is_no_multiple_of_512_is_refused(wire: WireClient) -> None:
    image = cut_image(random.Random(3).randbytes(100_001))
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    stream.push(image.segments)
    stream.close()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.commit(session, image.layout)
    assert refusal.info.metadata["size_bytes"] == "100001"


def test_a_chunk_whose_bytes_do_not_match_its_name_ends_the_stream(
    wire: WireClient, stream: PushStream, small: Image
) -> None:
    stream.offer_segment(small.segments[0])
    name, raw = small.segments[0].chunks[0]
    stream.send(records(record_of(name, raw[:-1] + bytes([raw[-1] ^ 1]))))
    with refused("INVALID_ARGUMENT", "DIGEST_MISMATCH"):
        drained(stream)
    again = wire.open(wire.begin("disk").session)
    assert again.push(small.segments) == len(small.segments[0].chunks)
    again.close()


@pytest.mark.parametrize(
    ("codec", "stored"),
    [(1, b"no zstd at all"), (1, b""), (7, b"x" * 100), (0, b"too short")],
)
def test_a_malformed_record_ends_the_stream(stream: PushStream, small: Image, codec: int, stored: bytes) -> None:
    stream.offer_segment(small.segments[0])
    name, raw = small.segments[0].chunks[0]
    stream.send(records(encode_unproved_header(CHUNK, codec, len(raw), len(stored), name) + stored))
    with refused("INVALID_ARGUMENT", "RECORD_INVALID"):
        drained(stream)


def test_a_record_nobody_asked_for_ends_the_stream(stream: PushStream, small: Image) -> None:
    stream.send(records(record_of(*small.segments[0].chunks[0])))
    with refused("INVALID_ARGUMENT", "CHUNK_NOT_REQUESTED"):
        drained(stream)


def test_a_chunk_that_the_rule_would_have_cut_earlier_ends_the_stream(stream: PushStream) -> None:
    data = random.Random(5).randbytes(MIB)
    lengths = cut_segment(data, BLOCK_CDC_1)
    joined = data[: lengths[0] + lengths[1]]
    name = name_of(joined)
    page = encode_page([len(joined)], [name])
    assert stream.offer_segment(Segment(0, page, name_of(page), ((name, joined),))) == b"\x01"
    stream.send(records(record_of(name, joined)))
    with refused("INVALID_ARGUMENT", "CHUNK_NOT_BY_RULE"):
        drained(stream)


@pytest.mark.parametrize("page", [b"", b"x" * 35, b"x" * 36, bytes(36)])
def test_a_malformed_page_ends_the_stream(stream: PushStream, page: bytes) -> None:
    stream.send(pb.PushRequest(offer_segment=pb.OfferSegment(segment=0, page=page)))
    with refused("INVALID_ARGUMENT", "LAYOUT_INVALID"):
        drained(stream)


def test_records_over_the_limit_are_refused_with_it(stream: PushStream) -> None:
    stream.send(records(bytes((2 << 20) + 1)))
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        drained(stream)
    assert (refusal.info.metadata["value"], refusal.info.metadata["limit"]) == ("2097153", "2097152")


def test_128_segments_may_be_under_way_and_one_more_is_refused(stream: PushStream) -> None:
    source = random.Random(9)
    for number in range(129):
        segment = cut_one(number, source.randbytes(8192) + bytes(1 << 20))
        assert segment is not None
        if number < 128:
            assert stream.offer_segment(segment) == b"\x01"
        else:
            stream.send(pb.PushRequest(offer_segment=pb.OfferSegment(segment=number, page=segment.page)))
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        drained(stream)
    assert refusal.info.metadata["limit"] == "128"


@pytest.mark.parametrize(
    "request_",
    [
        pb.PushRequest(attach=pb.Attach(session="again")),
        pb.PushRequest(),
        pb.PushRequest(offer_pages=pb.OfferPages(segments=[1], digests=b"short")),
        pb.PushRequest(offer_pages=pb.OfferPages(segments=[2, 1], digests=bytes(64))),
        pb.PushRequest(offer_pages=pb.OfferPages(segments=[1, 1], digests=bytes(64))),
    ],
)
def test_a_stream_that_leaves_the_protocol_is_ended(stream: PushStream, request_: pb.PushRequest) -> None:
    stream.send(request_)
    with refused("INVALID_ARGUMENT", "PROTOCOL"):
        drained(stream)


def test_4096_pages_may_be_offered_at_once_and_one_more_is_refused(stream: PushStream) -> None:
    most = pb.OfferPages(segments=range(4096), digests=bytes(32 * 4096))
    stream.send(pb.PushRequest(offer_pages=most))
    assert stream.answer().pages_known.known == bytes(512)
    offer = pb.OfferPages(segments=range(4097), digests=bytes(32 * 4097))
    stream.send(pb.PushRequest(offer_pages=offer))
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        drained(stream)
    assert refusal.info.metadata["limit"] == "4096"


@pytest.mark.parametrize("first", [pb.PushRequest(flush=pb.Flush()), None])
def test_the_first_message_is_attach(wire: WireClient, first: pb.PushRequest | None) -> None:
    with refused("INVALID_ARGUMENT", "PROTOCOL"):
        list(wire.disks.Push(iter([] if first is None else [first])))


@pytest.mark.parametrize("session", ["", "no uuid", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_session_is_not_found(wire: WireClient, session: str) -> None:
    with refused("NOT_FOUND", "NOT_FOUND"):
        list(wire.disks.Push(iter([pb.PushRequest(attach=pb.Attach(session=session))])))
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.get_push(session)
    wire.disks.AbortPush(pb.AbortPushRequest(session=session))


def test_a_layout_whose_segments_were_never_sent_is_incomplete(wire: WireClient, image: Image) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    stream.push(image.segments[:1])
    stream.close()
    with refused("FAILED_PRECONDITION", "LAYOUT_INCOMPLETE") as refusal:
        wire.commit(session, image.layout)
    assert refusal.info.metadata["first"] == str(image.segments[1].number)
    assert wire.get_disk("disk").state == pb.Disk.STATE_PUSHING


def test_a_layout_of_another_groups_pages_gets_the_same_answer(
    wire: WireClient, content: ContentServer, image: Image
) -> None:
    wire.push("theirs", image)
    with grpc.insecure_channel(content.target) as channel:
        answers = []
        for group, wanted in (("nobody-brought", _unsent(image)), ("somebody-brought", image.layout)):
            other = WireClient(channel, group)
            other.create_disk("disk")
            with refused("FAILED_PRECONDITION", "LAYOUT_INCOMPLETE") as refusal:
                other.commit(other.begin("disk").session, wanted)
            answers.append((refusal.message, dict(refusal.info.metadata)))
    assert answers[0] == answers[1]


def _unsent(image: Image) -> Layout:
    pages = tuple(None if page is None else name_of(page) for page in image.layout.pages)
    return Layout(image.layout.rule, image.layout.size, pages)


@pytest.mark.parametrize("layout", [b"x", b"GLAY" + bytes(56)])
def test_a_malformed_layout_is_refused(wire: WireClient, layout: bytes) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    with refused("INVALID_ARGUMENT", "LAYOUT_INVALID"):
        wire.disks.CommitPush(pb.CommitPushRequest(session=session, layout=layout))


def test_a_ready_disk_takes_no_push(wire: WireClient, small: Image) -> None:
    wire.push("disk", small)
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        wire.begin("disk")


@pytest.mark.parametrize("sha256", ["x", "g" * 64, "a" * 63])
def test_a_sha256_that_is_none_is_refused(wire: WireClient, small: Image, sha256: str) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.commit(session, small.layout, sha256)
    assert refusal.fields == ["sha256"]


@pytest.mark.parametrize(
    "stages",
    [{str(i): 1.0 for i in range(17)}, {"x" * 33: 1.0}, {"cut": -1.0}, {"cut": math.inf}, {"cut": math.nan}],
)
def test_statistics_that_nobody_measured_are_refused(wire: WireClient, small: Image, stages: dict[str, float]) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    statistics = pb.PushStatistics(stage_seconds=stages)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.disks.CommitPush(
            pb.CommitPushRequest(session=session, layout=small.layout.encode(), statistics=statistics)
        )
    assert refusal.fields == ["statistics.stage_seconds"]


def test_a_client_that_sends_nothing_is_told_so(tmp_path: Path) -> None:
    config = config_in(tmp_path, idle_timeout=0.3)
    with server_thread(config, make_content) as server, grpc.insecure_channel(server.target) as channel:
        wire = WireClient(channel, "idle")
        wire.create_disk("disk")
        stream = wire.open(wire.begin("disk").session)
        with refused("DEADLINE_EXCEEDED", "IDLE") as refusal:
            next(stream.call)
        assert refusal.info.metadata["seconds"] == "0.3"
        assert wire.begin("disk").session


def test_records_that_expand_to_more_than_8_mib_are_refused_with_the_limit(stream: PushStream) -> None:
    # Chunks of the longest kind: data that no hash ends, in small variations, compress to almost nothing.
    pieces = [stubborn_block(BLOCK_CDC_1)[:-2] + number.to_bytes(2, "little") for number in range(3000)]
    stubborn = [piece for piece in pieces if xxh64_intdigest(piece) % 4][: 33 * 64]
    segment = cut_one(0, b"".join(stubborn))
    assert segment is not None
    assert len(segment.chunks) == 33
    stream.offer_segment(segment)
    stream.send(records(b"".join(record_of(name, raw) for name, raw in segment.chunks)))
    with refused("INVALID_ARGUMENT", "RECORD_INVALID") as refusal:
        drained(stream)
    assert (refusal.info.metadata["value"], refusal.info.metadata["limit"]) == (str(33 << 18), str(8 << 20))
