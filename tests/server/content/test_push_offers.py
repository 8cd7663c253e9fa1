"""Pushes by offer, step by step as protos/README.md has them."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import grpc
import pytest

from galleria.v1 import disks_pb2 as pb
from galleria_server.metadata import disks
from tests.server.refusals import refused
from tests.support.content import changed
from tests.support.server_thread import ContentServer
from tests.support.wire_client import Image, WireClient, cut_image, eventually


def test_a_pushed_disk_is_ready_and_reads_back(wire: WireClient, image: Image, data: bytes) -> None:
    disk = wire.push("disk", image)
    assert disk.state == pb.Disk.STATE_READY
    assert (disk.size_bytes, disk.digest) == (len(data), image.layout.text)
    chunks = [raw for segment in image.segments for _, raw in segment.chunks]
    assert disk.occupied_bytes == sum(map(len, chunks))
    assert disk.push_statistics.chunks == len(chunks)
    assert disk.HasField("ready_time")
    assert disk == wire.get_disk("disk")
    assert wire.fetch(wire.disk_name("disk")) == data


def test_what_was_sent_is_counted_by_the_server(wire: WireClient, image: Image) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    sent = stream.push(image.segments)
    stream.close()
    assert stream.received_bytes == stream.sent_bytes
    statistics = wire.commit(session, image.layout).push_statistics
    assert statistics.chunks_sent == sent == len({name for s in image.segments for name, _ in s.chunks})
    assert statistics.bytes_sent == stream.sent_bytes + sum(len(segment.page) for segment in image.segments)


def test_attached_tells_the_limits_of_the_stream(wire: WireClient) -> None:
    wire.create_disk("disk")
    stream = wire.open(wire.begin("disk").session)
    assert stream.attached.max_segments_in_flight == 128
    assert stream.attached.max_records_bytes == 2 << 20
    stream.close()


def test_the_same_content_again_sends_nothing(wire: WireClient, image: Image) -> None:
    wire.push("one", image)
    wire.create_disk("two")
    session = wire.begin("two").session
    stream = wire.open(session)
    assert stream.offer_pages(image.segments) == [True] * len(image.segments)
    stream.close()
    assert wire.commit(session, image.layout).push_statistics.chunks_sent == 0


def test_a_next_version_sends_only_what_changed(wire: WireClient, image: Image, data: bytes) -> None:
    wire.push("one", image)
    after = cut_image(changed(data))
    before = {name for segment in image.segments for name, _ in segment.chunks}
    new = {name for segment in after.segments for name, _ in segment.chunks} - before
    assert wire.push("two", after).push_statistics.chunks_sent == len(new)
    assert wire.fetch(wire.disk_name("two")) == changed(data)


def test_another_groups_content_is_asked_for_like_any_other(
    wire: WireClient, content: ContentServer, image: Image, data: bytes
) -> None:
    wire.push("disk", image)
    with grpc.insecure_channel(content.target) as channel:
        other = WireClient(channel, "stranger")
        assert other.push("disk", image).push_statistics.chunks_sent == len(
            {name for segment in image.segments for name, _ in segment.chunks}
        )
        assert other.fetch(other.disk_name("disk")) == data


def test_several_streams_carry_one_push(wire: WireClient, image: Image, data: bytes) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    streams = [wire.open(session) for _ in image.segments]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda pair: pair[0].push([pair[1]]), zip(streams, image.segments, strict=True)))
    for stream in streams:
        stream.close()
    assert wire.commit(session, image.layout).state == pb.Disk.STATE_READY
    assert wire.fetch(wire.disk_name("disk")) == data


def test_answers_come_in_the_order_of_the_questions(wire: WireClient, image: Image) -> None:
    wire.create_disk("disk")
    stream = wire.open(wire.begin("disk").session)
    for segment in image.segments:
        offer = pb.OfferSegment(segment=segment.number, page=segment.page)
        stream.send(pb.PushRequest(offer_segment=offer))
        stream.send(pb.PushRequest(offer_pages=pb.OfferPages(segments=[segment.number], digests=segment.name)))
    answers = [stream.answer() for _ in range(2 * len(image.segments))]
    kinds = [answer.WhichOneof("message") for answer in answers]
    assert kinds == ["chunks_needed", "pages_known"] * len(image.segments)
    assert [answer.chunks_needed.segment for answer in answers[::2]] == [s.number for s in image.segments]
    stream.call.cancel()


def test_begin_again_returns_the_open_push(wire: WireClient) -> None:
    wire.create_disk("disk")
    first, second = wire.begin("disk"), wire.begin("disk")
    assert (first.session, first.rule) == (second.session, "block-cdc-1")
    assert first.disk == wire.disk_name("disk")
    assert wire.get_disk("disk").state == pb.Disk.STATE_PUSHING


def test_a_broken_stream_forgets_only_what_was_not_durable(wire: WireClient, image: Image, data: bytes) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    first, second = image.segments
    broken = wire.open(session)
    broken.push([first])
    broken.offer_segment(second)
    broken.call.cancel()
    durable = wire.get_push(session).durable_segments
    assert durable == (1 << first.number).to_bytes(1, "little")
    stream = wire.open(session)
    assert stream.push(image.segments) == len({name for name, _ in second.chunks})
    stream.close()
    wire.commit(session, image.layout)
    assert wire.fetch(wire.disk_name("disk")) == data


def test_ending_a_stream_makes_everything_durable(wire: WireClient, image: Image) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    for segment in image.segments:
        stream.offer_segment(segment)
        stream.send_records([*dict(segment.chunks).items()])
    stream.close()
    assert stream.durable == {segment.number for segment in image.segments}


def test_commit_is_idempotent(wire: WireClient, image: Image) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    stream.push(image.segments)
    stream.close()
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: wire.commit(session, image.layout, "AB" * 32), range(4)))
    assert {answer.SerializeToString(deterministic=True) for answer in answers} == {
        wire.get_disk("disk").SerializeToString(deterministic=True)
    }
    assert answers[0].sha256 == "ab" * 32


def test_an_aborted_push_leaves_an_empty_disk(wire: WireClient, image: Image) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    stream.push(image.segments)
    stream.close()
    for _ in range(2):
        wire.disks.AbortPush(pb.AbortPushRequest(session=session))
    assert wire.get_disk("disk").state == pb.Disk.STATE_EMPTY
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.get_push(session)
    assert wire.begin("disk").session != session


def test_a_deleted_disk_gives_its_root_and_its_name_back(
    wire: WireClient, content: ContentServer, image: Image
) -> None:
    made = wire.push("disk", image)
    row = content.read(disks.find_by_uid, UUID(made.uid))
    assert row is not None
    volume = content.mount(row.location, row.volume).volume
    assert volume.root(row.root_id) is not None
    wire.delete_disk("disk", made.etag)
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.get_disk("disk")
    assert wire.create_disk("disk").uid != made.uid
    wait_until_gone(content, UUID(made.uid))
    assert volume.root(row.root_id) is None


def test_deleting_a_disk_ends_its_push(wire: WireClient, content: ContentServer, image: Image) -> None:
    made = wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    wire.delete_disk("disk")
    wait_until_gone(content, UUID(made.uid))
    with pytest.raises(grpc.RpcError):
        stream.push(image.segments)
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.commit(session, image.layout)


def wait_until_gone(content: ContentServer, uid: UUID) -> None:
    eventually(lambda: content.read(disks.find_by_uid, uid) is None)
