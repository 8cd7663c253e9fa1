"""Whatever a client sends on a push stream is taken or refused with a typed error, and the server goes on serving."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import grpc
import pytest
from grpc_status import rpc_status

from galleria.v1 import disks_pb2 as pb
from tests.support.mutations import mutated
from tests.support.server_thread import ContentServer
from tests.support.wire_client import Image, PushStream, Segment, WireClient, cut_image, record_of

CASES: Final = 60
PUSH: Final = "/galleria.v1.Disks/Push"
TYPED: Final = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@pytest.fixture(scope="module")
def small() -> Image:
    return cut_image(random.Random(11).randbytes(1 << 18))


@pytest.fixture
def session(wire: WireClient) -> str:
    wire.create_disk("disk")
    return wire.begin("disk").session


class Raw:
    """Push streams whose messages are bytes, whatever they say."""

    def __init__(self, target: str, session: str) -> None:
        self._channel = grpc.insecure_channel(target)
        self._push: Any = self._channel.stream_stream(PUSH)
        self._attach = pb.PushRequest(attach=pb.Attach(session=session)).SerializeToString()

    def outcome(self, *messages: bytes) -> Any:  # noqa: ANN401 - the call, which is its own error
        """How a stream of these messages after `attach` ends."""
        call = self._push(iter([self._attach, *messages]), timeout=60)
        with suppress(grpc.RpcError):
            list(call)
        return call

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def raw(content: ContentServer, session: str) -> Iterator[Raw]:
    raw = Raw(content.target, session)
    yield raw
    raw.close()


def offer(segment: Segment) -> bytes:
    return pb.PushRequest(offer_segment=pb.OfferSegment(segment=segment.number, page=segment.page)).SerializeToString()


def records(frame: bytes) -> bytes:
    return pb.PushRequest(records=pb.Records(records=frame)).SerializeToString()


def is_typed(call: Any) -> str:  # noqa: ANN401 - see Raw
    """The code of a call that was taken, or refused with a reason of ours."""
    code = call.code()
    assert code in TYPED, (code, call.details())
    if code is not grpc.StatusCode.OK:
        status = rpc_status.from_call(call)
        assert status is not None, (code, call.details())
        assert status.details
    return str(code.name)


def still_serves(wire: WireClient, image: Image) -> None:
    """The same session takes the whole disk, and gives it back."""
    session = wire.begin("disk").session
    stream = PushStream(wire.disks, session)
    stream.push(image.segments)
    stream.close()
    wire.commit(session, image.layout)
    assert cut_image(wire.fetch_range(wire.disk_name("disk"))).layout == image.layout


def test_records_are_taken_or_refused(raw: Raw, wire: WireClient, small: Image) -> None:
    chance = random.Random(1)
    (segment,) = small.segments
    frame = b"".join(record_of(*chunk) for chunk in segment.chunks[:3])
    codes = {is_typed(raw.outcome(offer(segment), records(mutated([frame], chance)))) for _ in range(CASES)}
    assert "INVALID_ARGUMENT" in codes
    still_serves(wire, small)


def test_offers_of_pages_and_segments_are_taken_or_refused(raw: Raw, wire: WireClient, small: Image) -> None:
    chance = random.Random(2)
    (segment,) = small.segments
    codes, asked_codes = set(), set()
    for _ in range(CASES):
        page = segment.page if chance.random() < 0.2 else mutated([segment.page], chance)
        number = chance.choice((0, 0, 1, 32_767, 32_768, (1 << 32) - 1))
        offered = pb.PushRequest(offer_segment=pb.OfferSegment(segment=number, page=page))
        codes.add(is_typed(raw.outcome(offered.SerializeToString())))
        numbers = [chance.choice((0, 1, 7, 32_768, (1 << 32) - 1)) for _ in range(chance.randrange(4))]
        numbers = sorted(set(numbers))
        digests = segment.name * len(numbers) if chance.random() < 0.5 else mutated([segment.name * 3], chance)
        asked = pb.PushRequest(offer_pages=pb.OfferPages(segments=numbers, digests=digests))
        asked_codes.add(is_typed(raw.outcome(asked.SerializeToString())))
    assert codes >= {"OK", "INVALID_ARGUMENT", "OUT_OF_RANGE"}
    assert asked_codes >= {"OK", "INVALID_ARGUMENT", "OUT_OF_RANGE"}
    still_serves(wire, small)


def test_messages_are_taken_or_refused_whatever_their_bytes(raw: Raw, wire: WireClient, small: Image) -> None:
    chance = random.Random(3)
    (segment,) = small.segments
    seeds = [
        offer(segment),
        records(record_of(*segment.chunks[0])),
        pb.PushRequest(offer_pages=pb.OfferPages(segments=[0], digests=segment.name)).SerializeToString(),
        pb.PushRequest(flush=pb.Flush()).SerializeToString(),
        pb.PushRequest(attach=pb.Attach(session="5f0c3ad2")).SerializeToString(),
    ]
    codes = {is_typed(raw.outcome(offer(segment), mutated(seeds, chance))) for _ in range(2 * CASES)}
    assert codes >= {"OK", "INVALID_ARGUMENT"}
    still_serves(wire, small)


def test_layouts_at_a_commit_are_refused(session: str, wire: WireClient, small: Image) -> None:
    chance = random.Random(4)
    stream = PushStream(wire.disks, session)
    stream.push(small.segments)
    stream.close()
    encoded = small.layout.encode()
    for _ in range(CASES):
        layout = mutated([encoded], chance)
        if layout in (encoded, b""):
            continue
        with pytest.raises(grpc.RpcError) as refusal:
            wire.disks.CommitPush(pb.CommitPushRequest(session=session, layout=layout))
        assert is_typed(refusal.value) != "OK"
    assert wire.commit(session, small.layout).state == pb.Disk.STATE_READY


@pytest.mark.parametrize("method", ["Disks/Push", "Disks/PushRaw", "Contents/ReadChunks"])
def test_a_message_that_is_none_is_refused_as_the_first_of_a_stream(content: ContentServer, method: str) -> None:
    with grpc.insecure_channel(content.target) as channel:
        stream: Any = channel.stream_stream(f"/galleria.v1.{method}")
        call = stream(iter([b"\xff\xff\xff"]), timeout=60)
        with suppress(grpc.RpcError):
            list(call)
        assert is_typed(call) == "INVALID_ARGUMENT"
