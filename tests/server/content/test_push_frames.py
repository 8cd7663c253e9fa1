"""Hostile messages of a push over the wire: frames, sizes, fields that nobody knows, a full volume."""

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message

from galleria.v1 import disks_pb2 as pb
from galleria.v1.contents_pb2 import ReadChunksRequest
from galleria.v1.installation_pb2 import GetServerInfoRequest
from galleria.v1.installation_pb2_grpc import ServersStub
from galleria_server.config import VolumeConfig
from galleria_server.content import LocalContent, make_content
from galleria_server.foundation import Foundation
from galleria_server.volumes.registry import Volumes
from galleria_storage.compression import ZSTD
from galleria_storage.digest import name_of
from galleria_storage.index import MemoryIndex
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.page import encode_page
from galleria_storage.records import CHUNK, encode_unproved_header
from galleria_storage.volume import Volume
from tests.server.refusals import refused
from tests.support.content import MIB
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, Segment, WireClient, cut_image, record_of

M = TypeVar("M", bound=Message)
REFUSED = json.loads((Path(__file__).parents[2] / "vectors" / "frames.json").read_text())["refused"]
UNKNOWN = b"\xa2\x06\x03new"
"""Field 100 of a version of tomorrow."""


@pytest.fixture
def small() -> Image:
    return cut_image(random.Random(41).randbytes(MIB))


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["name"])
def test_a_frame_that_is_not_one_plain_frame_ends_the_stream(wire: WireClient, vector: dict[str, Any]) -> None:
    stored, raw_length = bytes.fromhex(vector["frame"]), vector["raw_length"]
    name = name_of(stored)
    page = encode_page([raw_length], [name])
    wire.create_disk("disk")
    stream = wire.open(wire.begin("disk").session)
    stream.offer_segment(Segment(0, page, name_of(page), ()))
    header = encode_unproved_header(CHUNK, ZSTD, raw_length, len(stored), name)
    stream.send(pb.PushRequest(records=pb.Records(records=header + stored)))
    with refused("INVALID_ARGUMENT", "RECORD_INVALID"):
        stream.close()
    assert wire.begin("disk").durable_segments == b""


def test_a_message_above_the_limit_ends_the_stream_and_not_the_push(wire: WireClient, small: Image) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    stream.send(pb.PushRequest(records=pb.Records(records=bytes(8 << 20))))
    with pytest.raises(grpc.RpcError) as caught:
        stream.close()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    again = wire.open(session)
    assert again.push(small.segments) == len(small.segments[0].chunks)
    again.close()
    assert wire.commit(session, small.layout).state == pb.Disk.STATE_READY


def test_fields_that_the_server_does_not_know_are_no_error(wire: WireClient, small: Image) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    (segment,) = small.segments
    stream.send(newer(pb.PushRequest(offer_segment=pb.OfferSegment(segment=0, page=segment.page))))
    assert stream.answer().chunks_needed.needed
    for name, raw in segment.chunks:
        stream.send(newer(pb.PushRequest(records=pb.Records(records=record_of(name, raw)))))
    stream.send(newer(pb.PushRequest(flush=pb.Flush())))
    stream.close()
    assert stream.durable == {0}
    commit = newer(pb.CommitPushRequest(session=session, layout=small.layout.encode()))
    assert wire.disks.CommitPush(commit).digest == small.layout.text


def test_a_message_of_a_kind_that_the_server_does_not_know_is_refused(wire: WireClient) -> None:
    wire.create_disk("disk")
    stream = wire.open(wire.begin("disk").session)
    stream.send(pb.PushRequest.FromString(UNKNOWN))
    with refused("INVALID_ARGUMENT", "PROTOCOL"):
        stream.close()


def test_server_info_and_stream_tell_the_same_limits(wire: WireClient, content: ContentServer) -> None:
    with grpc.insecure_channel(content.target) as channel:
        info = ServersStub(channel).GetServerInfo(GetServerInfoRequest())
    wire.create_disk("disk")
    stream = wire.open(wire.begin("disk").session)
    stream.close()
    assert info.max_segments_in_flight == stream.attached.max_segments_in_flight
    assert info.max_records_bytes == stream.attached.max_records_bytes
    assert info.max_records_raw_bytes == 8 << 20


def test_every_stream_ends_when_its_client_sends_nothing(tmp_path: Path) -> None:
    with (
        server_thread(config_in(tmp_path, idle_timeout=1), make_content) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        wire = WireClient(channel, "idle")
        wire.create_disk("ready")
        ready = wire.begin("ready").session
        wire.push_raw(ready, [pb.PushRawRequest(size_bytes=512)])
        wire.commit_raw(ready, 512)
        wire.create_disk("disk")
        session = wire.begin("disk").session
        source = ReadChunksRequest(source=wire.source(wire.disk_name("ready")))
        kinds: list[tuple[Any, Message]] = [
            (wire.disks.Push, pb.PushRequest(attach=pb.Attach(session=session))),
            (wire.disks.PushRaw, pb.PushRawRequest(session=session)),
            (wire.contents.ReadChunks, source),
        ]
        streams = [
            (method, requests) for method, first in kinds for requests in (Silent([]), Silent([first]))
        ]  # a client that never begins, and one that begins and stops
        with ThreadPoolExecutor(len(streams)) as pool:
            list(pool.map(lambda stream: ends_as_idle(*stream), streams))


class Silent:
    """Requests of a client that says no more after `said`, and does not end its side."""

    def __init__(self, said: list[Message]) -> None:
        self._said = said
        self.over = threading.Event()

    def __iter__(self) -> Iterator[Message]:
        yield from self._said
        self.over.wait(60)


def ends_as_idle(method: Any, requests: Silent) -> None:  # noqa: ANN401 - a stub's method
    with refused("DEADLINE_EXCEEDED", "IDLE"):
        list(method(iter(requests), timeout=60))
    requests.over.set()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[WireClient]:
    """A client of a server whose volumes have less room than they keep for deletes."""

    def open_volume(volume: VolumeConfig, *, rebuild: bool) -> Volume:
        assert not rebuild, volume
        return Volume(MemoryObjectStore(64 * MIB), MemoryIndex())

    def make(foundation: Foundation) -> LocalContent:
        return LocalContent(foundation, Volumes(foundation.config.regions, open_volume))

    with server_thread(config_in(tmp_path), make) as server, grpc.insecure_channel(server.target) as channel:
        yield WireClient(channel, "full")


def test_a_full_volume_refuses_what_is_new_and_still_deletes(full: WireClient, small: Image) -> None:
    full.create_disk("disk")
    session = full.begin("disk").session
    with refused("RESOURCE_EXHAUSTED", "VOLUME_FULL"):
        full.open(session).push(small.segments)
    assert full.get_push(session).durable_segments == b""
    assert full.get_disk("disk").state == pb.Disk.STATE_PUSHING
    full.delete_disk("disk")
    with refused("NOT_FOUND", "NOT_FOUND"):
        full.get_disk("disk")


def newer(message: M) -> M:
    """The message as a client of a later version sends it."""
    made = type(message).FromString(message.SerializeToString() + UNKNOWN)
    assert made.SerializeToString().endswith(UNKNOWN)
    return made
