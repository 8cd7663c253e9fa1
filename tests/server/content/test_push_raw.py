"""Raw pushes: bytes in order, cut by the server."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from galleria.v1 import disks_pb2 as pb
from tests.server.refusals import refused
from tests.support.content import MIB, SEGMENT
from tests.support.wire_client import Image, WireClient


def messages(data: bytes, first: int = 0, size: int | None = None, step: int = 3 * MIB) -> list[pb.PushRawRequest]:
    """`data` from offset `first` on, without its pieces that are zero; the last message has the disk's size."""
    made = []
    for at in range(0, len(data), step):
        piece = data[at : at + step]
        if piece.count(0) < len(piece):
            made.append(pb.PushRawRequest(offset=first + at, data=piece))
    if size is not None:
        made.append(pb.PushRawRequest(offset=size, size_bytes=size))
    return made


def durable(answers: Sequence[pb.PushRawResponse]) -> set[int]:
    return {segment for answer in answers for segment in answer.segments}


def test_raw_and_offered_pushes_give_the_same_disk(wire: WireClient, image: Image, data: bytes) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    sent = messages(data, size=len(data))
    answers = wire.push_raw(session, sent)
    assert durable(answers) == {segment.number for segment in image.segments}
    assert answers[-1].received_bytes == sum(len(message.data) for message in sent)
    disk = wire.commit_raw(session, len(data))
    assert disk.digest == image.layout.text
    assert wire.fetch(wire.disk_name("disk")) == data


def test_streams_of_whole_segments_in_any_order(wire: WireClient, image: Image, data: bytes) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    wire.push_raw(session, messages(data[2 * SEGMENT :], first=2 * SEGMENT, size=len(data)))
    wire.push_raw(session, [*messages(data[: 2 * SEGMENT]), pb.PushRawRequest(offset=2 * SEGMENT)])
    assert wire.commit_raw(session, len(data)).digest == image.layout.text


def test_a_raw_stream_cut_in_the_middle_forgets_only_what_was_not_durable(
    wire: WireClient, image: Image, data: bytes
) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    wire.push_raw(session, [*messages(data[:SEGMENT]), pb.PushRawRequest(offset=SEGMENT)])
    last = image.segments[-1].number * SEGMENT
    taken, cut = threading.Event(), threading.Event()

    def half() -> Iterator[pb.PushRawRequest]:
        yield pb.PushRawRequest(session=session, offset=last, data=data[last : last + 4096])
        taken.set()
        cut.wait(60)

    broken = wire.disks.PushRaw(half(), timeout=60)
    assert taken.wait(60)
    broken.cancel()
    cut.set()
    assert wire.get_push(session).durable_segments == b"\1"
    wire.push_raw(session, messages(data[last:], first=last, size=len(data)))
    assert wire.commit_raw(session, len(data)).digest == image.layout.text


def test_the_first_message_may_carry_bytes(wire: WireClient) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    only = pb.PushRawRequest(session=session, data=b"x" * 512, size_bytes=512)
    assert durable(list(wire.disks.PushRaw(iter([only])))) == {0}
    assert wire.commit_raw(session, 512).occupied_bytes == 512
    assert wire.fetch(wire.disk_name("disk")) == b"x" * 512


def test_an_all_zero_disk_needs_no_bytes(wire: WireClient) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    wire.push_raw(session, [pb.PushRawRequest(size_bytes=2 * SEGMENT)])
    disk = wire.commit_raw(session, 2 * SEGMENT)
    assert (disk.size_bytes, disk.occupied_bytes) == (2 * SEGMENT, 0)
    assert wire.fetch_range(wire.disk_name("disk"), offset=SEGMENT, length=MIB) == bytes(MIB)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([pb.PushRawRequest(offset=512, data=b"x")], "PROTOCOL"),
        ([pb.PushRawRequest(data=b"x" * 1024), pb.PushRawRequest(offset=512, data=b"x")], "PROTOCOL"),
        ([pb.PushRawRequest(data=b"x" * 1024)], "PROTOCOL"),
        ([pb.PushRawRequest(data=b"x" * 1024, size_bytes=512)], "PROTOCOL"),
        ([pb.PushRawRequest(size_bytes=512), pb.PushRawRequest(data=b"x")], "PROTOCOL"),
        ([pb.PushRawRequest(session="again")], "PROTOCOL"),
    ],
)
def test_a_raw_stream_that_leaves_the_protocol_is_ended(
    wire: WireClient, sent: list[pb.PushRawRequest], reason: str
) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    with refused("INVALID_ARGUMENT", reason):
        wire.push_raw(session, sent)
    assert wire.get_push(session).durable_segments == b""


def test_4_mib_in_a_message_are_taken_and_one_more_byte_is_refused(wire: WireClient) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    most = b"x" * (4 * MIB)
    assert durable(wire.push_raw(session, [pb.PushRawRequest(data=most, size_bytes=len(most))])) == {0}
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        wire.push_raw(session, [pb.PushRawRequest(data=most + b"x")])
    assert refusal.info.metadata["limit"] == str(4 * MIB)


def test_a_stream_without_a_session_is_refused(wire: WireClient) -> None:
    with refused("INVALID_ARGUMENT", "PROTOCOL"):
        list(wire.disks.PushRaw(iter([pb.PushRawRequest(data=b"x")])))


def test_a_raw_commit_needs_a_size(wire: WireClient) -> None:
    wire.create_disk("disk")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.disks.CommitPush(pb.CommitPushRequest(session=wire.begin("disk").session))
    assert refusal.fields == ["size_bytes"]
