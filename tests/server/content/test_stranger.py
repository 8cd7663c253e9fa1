"""What a resource group is told does not depend on what others have pushed to the same volumes.

Two servers run the same script; on one of them a stranger has pushed first. All that they tell is compared.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from galleria.v1 import contents_pb2, disks_pb2, image_versions_pb2, installation_pb2
from galleria_server.config import Config, VolumeConfig
from galleria_server.content import LocalContent
from galleria_server.foundation import Foundation
from galleria_server.volumes.registry import Volumes
from galleria_storage.index import RocksShared
from galleria_storage.packs.format import DATA, HEADER_SIZE, PAGES
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.records import records_in
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume import Policy, Volume, open_local_volume
from tests.support.content import MIB, SEGMENT
from tests.support.server_thread import config_in, server_thread
from tests.support.transcript import Transcript, shown
from tests.support.wire_client import (
    Image,
    PushStream,
    WireClient,
    cut_image,
    eventually,
    frames,
    needed_chunks,
    record_of,
)

PACK = 64 << 10
"""Bytes at which packs are sealed: at every second message."""
REGIONS = ("eastus", "westeurope")


def text(seed: int, size: int) -> bytes:
    """Bytes that a higher level compresses better."""
    source = random.Random(seed)
    words = [source.randbytes(5).hex() for _ in range(2000)]
    return " ".join(source.choices(words, k=size // 11 + 1)).encode()[:size]


@lru_cache
def contents() -> dict[str, Image]:
    """What the group pushes, and `theirs`: the stranger's disks. `unknown` is pushed by nobody."""
    same, part, own = (text(seed, MIB // 2) for seed in (1, 2, 3))
    made = {
        "same": same,
        "partly": part[: MIB // 4] + own[MIB // 4 :],
        "pages": own[: MIB // 8] + bytes(SEGMENT - MIB // 8) + part,
        "theirs": part + bytes(SEGMENT - MIB // 2) + part,
        "stolen": text(4, MIB // 4),
        "unknown": text(5, MIB // 4),
    }
    return {name: cut_image(data) for name, data in made.items()}


def two_volumes(folder: Path, dedup: str) -> Config:
    """Two regions with one volume each."""
    config = config_in(folder)
    regions = [region for region in config.regions if region.name in REGIONS]
    return replace(
        config,
        regions=tuple(
            replace(region, volumes=(VolumeConfig("only", "1", folder / region.name, dedup=dedup),))
            for region in regions
        ),
        limits=replace(config.limits, collect_every=3600.0),
    )


def make_small_packs(foundation: Foundation) -> LocalContent:
    """The content plane with packs so small that each message fills one."""
    shared = RocksShared()

    def open_volume(volume: VolumeConfig, *, rebuild: bool) -> Volume:
        policy = Policy(volume.dedup, {DATA: PACK, PAGES: PACK}, condemned_seconds=0.0)
        return open_local_volume(volume.path, shared, policy=policy, rebuild=rebuild)

    return LocalContent(foundation, Volumes(foundation.config.regions, open_volume, foundation.config.limits.upkeep))


@contextmanager
def serving(folder: Path, dedup: str) -> Iterator[str]:
    with server_thread(two_volumes(folder, dedup), make_small_packs) as server:
        yield server.target


def strangers_work(wire: WireClient) -> None:
    """All that the group will push is here before, at another level, and is published, and some is given up."""
    wire.prepare_gallery()
    for name, image in contents().items():
        if name != "unknown":
            wire.push(name, image, level=19)
    wire.publish("1.0.0", "same", eastus=1, westeurope=1)
    wire.publish("1.0.1", "theirs", eastus=1, westeurope=1)


def without_records(message: Message) -> Any:  # noqa: ANN401
    """All of an answer, unless it brings records: those are of whoever sent them first."""
    return None if records_of(message) else in_turn(message)


def in_turn(message: Message) -> Any:  # noqa: ANN401
    """All of an answer; of those of a raw push the one that names the segment, as no other need come alone."""
    return None if isinstance(message, disks_pb2.PushRawResponse) and not message.segments else shown(message)


def with_records(message: Message) -> Any:  # noqa: ANN401
    """All of an answer. Of records everything but the number of the domain, which is drawn, and the check over it."""
    brought = records_of(message)
    if not brought:
        return in_turn(message)
    found = [record._replace(domain=0, payload=memoryview(b"")) for record in records_in(brought, BLOCK_CDC_1)]
    payloads = [blake2b(record.payload).hexdigest() for record in records_in(brought, BLOCK_CDC_1)]
    done = getattr(message, "segment_done", None)
    return [str(record[:-1]) for record in found], payloads, done


def records_of(message: Message) -> bytes:
    """The records that an answer of a pull brings."""
    if isinstance(message, contents_pb2.ReadChunksResponse):
        return message.records
    return message.records.records if isinstance(message, contents_pb2.PullResponse) else b""


def tried(call: Callable[[], object]) -> None:
    """A call that is refused; how it was is in the transcript."""
    with pytest.raises(grpc.RpcError):
        call()


def send_each(stream: PushStream, image: Image, *, halves: bool) -> None:
    """Offer and send whole segments, pack by pack; by `halves`, which fill one only together, in either order."""
    known = stream.offer_pages(image.segments)
    for segment, is_known in zip(image.segments, known, strict=True):
        if not is_known:
            for frame in frames(needed_chunks(segment, stream.offer_segment(segment)), size=PACK - HEADER_SIZE):
                *before, _ = records_in(frame, BLOCK_CDC_1)
                half = sum(RECORD_HEADER + record.stored_length for record in before)
                for message in (frame[:half], frame[half:]) if halves and half else (frame,):
                    stream.send_frame(message)
                if len(frame) < PACK - HEADER_SIZE:
                    stream.flush()
                stream.wait_received()
            stream.wait_durable([segment.number])


def push(wire: WireClient, disk: str, *, halves: bool) -> None:
    """Push step by step, with the refusals on the way."""
    image = contents()[disk]
    wire.create_disk(disk)
    session = wire.begin(disk).session
    tried(lambda: wire.commit(session, image.layout))
    stream = wire.open(session)
    send_each(stream, image, halves=halves)
    wire.get_push(session)
    wire.get_disk(disk)
    tried(lambda: wire.commit(session, contents()["unknown"].layout))
    stream.close()
    wire.commit(session, image.layout)
    wire.get_disk(disk)


def give_up_half_way(wire: WireClient) -> None:
    """Send one of a segment's messages, go; another stream sees what there is, and the push is aborted."""
    image = contents()["stolen"]
    (segment,) = image.segments
    wire.create_disk("left")
    session = wire.begin("left").session
    stream = wire.open(session)
    chunks = needed_chunks(segment, stream.offer_segment(segment))
    first = next(frames(chunks, size=PACK))
    stream.send_frame(first)
    stream.wait_received()
    again = wire.open(session)
    again.offer_segment(segment)
    tried(lambda: wire.commit(session, image.layout))
    wire.disks.AbortPush(disks_pb2.AbortPushRequest(session=session))
    tried(lambda: wire.commit(session, image.layout))
    wire.get_disk("left")
    for one in (stream, again):
        tried(partial(one.offer_pages, image.segments))


def send_wrong(wire: WireClient) -> None:
    """Chunks that nobody asked for, that are not what their name says, that are cut short."""
    (stolen,), (unknown,) = contents()["stolen"].segments, contents()["unknown"].segments
    wire.create_disk("wrong")
    session = wire.begin("wrong").session
    for segment in (stolen, unknown):
        name, raw = segment.chunks[-1]
        frame, other = record_of(name, raw), record_of(name, bytes(len(raw)))
        for message in (frame, other, frame[:-1]):
            stream = wire.open(session)
            if message is not frame:
                stream.offer_segment(segment)
            stream.send_frame(message)
            tried(stream.wait_received)


def push_raw(wire: WireClient) -> None:
    """Let the server cut and compress what it has already."""
    wire.create_disk("raw")
    data = b"".join(raw for _, raw in contents()["stolen"].segments[0].chunks)
    session = wire.begin("raw").session
    wire.push_raw(session, [disks_pb2.PushRawRequest(data=data), disks_pb2.PushRawRequest(size_bytes=len(data))])
    wire.commit_raw(session, len(data))


def publish_and_pull(wire: WireClient) -> None:
    """Publish to both regions; show, and read in every way."""
    for number, disk in (("1.0.0", "same"), ("1.0.1", "pages")):
        wire.publish(number, disk, eastus=1, westeurope=1)
    wire.galleries.ListImageVersions(image_versions_pb2.ListImageVersionsRequest(parent=wire.image))
    tried(lambda: wire.wait(wire.create_version("1.0.2", "same", eastus=2)))
    tried(lambda: wire.wait(wire.create_version("1.0.3", "theirs", eastus=1)))
    for region, number in (("eastus", "1.0.0"), ("westeurope", "1.0.0"), ("westeurope", "1.0.1")):
        data = wire.fetch(wire.version_name(number), region)
        assert data == wire.fetch_in_one(wire.version_name(number), region)
        assert data[100_000:500_000] == wire.fetch_range(wire.version_name(number), region, 100_000, 400_000)


def delete_all(wire: WireClient, operator: WireClient, strangers: int) -> None:
    """Delete all that the group has, until at most the stranger's is left, and collect; what is known then."""
    for number in ("1.0.0", "1.0.1"):
        wire.delete_version(number)
    for disk in wire.disks.ListDisks(disks_pb2.ListDisksRequest(parent=wire.group)).disks:
        wire.delete_disk(disk.name.rpartition("/")[2])
    left = {"eastus": 7 * strangers, "westeurope": 2 * strangers}
    eventually(lambda: {name: operator.volumes(name)[0].roots for name in REGIONS} == left)
    for region in REGIONS:
        volume = f"regions/{region}/volumes/only"
        operator.operators.CollectVolume(installation_pb2.CollectVolumeRequest(name=volume))
    wire.create_disk("again")
    stream = wire.open(wire.begin("again").session)
    segments = contents()["pages"].segments
    assert stream.offer_pages(segments) == [False] * len(segments)
    for segment in segments:
        assert needed_chunks(segment, stream.offer_segment(segment)) == list(segment.chunks)
    stream.close()


def script(wire: WireClient, operator: WireClient, strangers: int, *, halves: bool) -> None:
    """All that the group does."""
    wire.prepare_gallery()
    for disk in ("same", "partly", "pages"):
        push(wire, disk, halves=halves)
    give_up_half_way(wire)
    send_wrong(wire)
    push_raw(wire)
    wire.push("once-more", contents()["same"])
    wire.disks.ListDisks(disks_pb2.ListDisksRequest(parent=wire.group, page_size=2))
    publish_and_pull(wire)
    delete_all(wire, operator, strangers)


def told(target: str, dedup: str, strangers: int) -> list[list[str]]:
    """What the group is told by a server, on which so many others (at most one) are first."""
    transcript = Transcript(with_records if dedup == "scope" else without_records)
    with grpc.insecure_channel(target) as channel:
        if strangers:
            strangers_work(WireClient(channel, "stranger"))
        wire = WireClient(grpc.intercept_channel(channel, transcript), "group")
        # Halves may land in either order, and so may their records be pulled.
        script(wire, WireClient(channel, "operator"), strangers, halves=dedup == "volume")
    return transcript.calls


@pytest.mark.parametrize("dedup", ["volume", "scope"])
def test_a_group_is_told_the_same_whether_or_not_a_stranger_pushed_first(tmp_path: Path, dedup: str) -> None:
    """On a volume that is shared the records of a pull are left out: they are those of whoever sent them first.

    So are the order in which they lie and the borders of messages, which follow from where they lie.
    """
    with serving(tmp_path / "0", dedup) as one, serving(tmp_path / "1", dedup) as other, ThreadPoolExecutor(2) as pool:
        alone, beside = pool.map(told, (one, other), (dedup, dedup), (0, 1))
    assert len(alone) > 100
    for call, same in zip(alone, beside, strict=True):
        assert call == same


@pytest.mark.parametrize("dedup", ["volume", "scope"])
def test_a_digest_of_others_is_refused_as_one_that_nobody_pushed(tmp_path: Path, dedup: str) -> None:
    """A page, a chunk or a whole disk by its digest alone: nothing tells which the stranger has."""
    stolen, unknown = (cut_image(random.Random(seed).randbytes(3 * BLOCK_CDC_1.block)) for seed in (1, 2))
    transcripts = []
    with serving(tmp_path, dedup) as target, grpc.insecure_channel(target) as channel:
        WireClient(channel, "stranger").push("stolen", stolen, level=19)
        for number, image in enumerate((stolen, unknown)):
            transcripts.append(Transcript())
            steal(WireClient(grpc.intercept_channel(channel, transcripts[-1]), f"thief-{number}"), image)
    (first, second) = (
        re.sub(r"(?i)prod\.[0-9a-f]{12}", "prod", str(transcript.calls).replace(f"thief-{i}", "thief"))
        for i, transcript in enumerate(transcripts)
    )
    assert first == second
    assert '"known": "AA==", "segments": [0]' in first


def steal(wire: WireClient, image: Image) -> None:
    """Try to get content by knowing its digests; then by sending some other chunk under its name."""
    (segment,) = image.segments
    ((name, raw),) = segment.chunks
    wire.create_disk("disk")
    session = wire.begin("disk").session
    tried(lambda: wire.commit(session, image.layout))
    stream = wire.open(session)
    stream.offer_pages(image.segments)
    tried(lambda: wire.commit(session, image.layout))
    assert stream.offer_segment(segment) == b"\1"
    tried(lambda: wire.commit(session, image.layout))
    stream.flush()
    stream.offer_pages(image.segments)
    again = wire.open(session)
    again.offer_segment(segment)
    again.send_frame(record_of(name, raw[::-1]))
    tried(again.wait_received)
    wire.get_push(session)
    tried(lambda: wire.commit_raw(session, len(raw)))
    tried(lambda: wire.layout(wire.source(wire.disk_name("disk"))))
    wire.prepare_gallery()
    tried(lambda: wire.create_version("1.0.0", "disk", eastus=1))
    wire.get_disk("disk")
