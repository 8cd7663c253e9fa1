"""Pages and layouts over the wire that no rule gives, and chunks whose names alone are known."""

import random
from collections.abc import Callable
from itertools import accumulate

import grpc
import pytest

from galleria.v1 import disks_pb2 as pb
from galleria_storage.chunking import cut_segment
from galleria_storage.digest import name_of, names_of
from galleria_storage.layout import Layout
from galleria_storage.page import encode_page
from galleria_storage.rules import BLOCK_CDC_1
from tests.server.refusals import refused
from tests.support.content import MIB, SEGMENT
from tests.support.server_thread import ContentServer
from tests.support.wire_client import Image, Segment, WireClient, cut_image

BLOCK = BLOCK_CDC_1.block
NOISE = random.Random(24).randbytes(MIB)
LENGTHS = cut_segment(NOISE, BLOCK_CDC_1)
ENDS = list(accumulate(LENGTHS))
CHUNKS = [NOISE[end - length : end] for end, length in zip(ENDS, LENGTHS, strict=True)]

Entry = bytes | int
"""A chunk, or the length of a hole in bytes."""


def segment_of(entries: list[Entry]) -> Segment:
    """Segment 0 with these entries, whatever the rule says."""
    chunks = [entry for entry in entries if isinstance(entry, bytes)]
    names = names_of(chunks)
    page = encode_page([len(entry) if isinstance(entry, bytes) else -entry for entry in entries], names)
    return Segment(0, page, name_of(page), tuple(dict(zip(names, chunks, strict=True)).items()))


def chunk_ending_in_zeros() -> bytes:
    """A chunk whose last blocks are zero: no hash cuts there, its end is cut by nothing."""
    return CHUNKS[0][: 2 * BLOCK] + bytes(15 * BLOCK)


REFUSED: dict[str, Callable[[], list[Entry]]] = {
    "a hole that is too short": lambda: [CHUNKS[0], 15 * BLOCK, CHUNKS[1]],
    "two holes in a row": lambda: [CHUNKS[0], 16 * BLOCK, 16 * BLOCK, CHUNKS[1]],
    "more than a segment": lambda: [CHUNKS[0], SEGMENT, CHUNKS[1]],
    "nothing but a hole": lambda: [SEGMENT],
    "a chunk that is cut too early": lambda: [CHUNKS[0][:BLOCK], CHUNKS[0][BLOCK:], CHUNKS[1]],
    "the end of the disk before its middle": lambda: [CHUNKS[-1], *CHUNKS[:-1]],
    "zeros beside a hole": lambda: [chunk_ending_in_zeros(), 16 * BLOCK, CHUNKS[0]],
    "a short block in the middle": lambda: [CHUNKS[0][:-1], 16 * BLOCK, CHUNKS[1]],
}


def fill(wire: WireClient, segment: Segment) -> str:
    """Offer a segment of a new disk and send what is needed; the session."""
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    stream.offer_segment(segment)
    stream.send_records(segment.chunks)
    stream.close()
    assert stream.durable == {segment.number}
    return session


@pytest.mark.parametrize("entries", REFUSED.values(), ids=REFUSED)
def test_a_page_that_is_not_the_rules_ends_the_stream(wire: WireClient, entries: Callable[[], list[Entry]]) -> None:
    # The noise ends in a chunk too short for a cut by hash: else it could stand before others.
    assert LENGTHS[-1] < BLOCK_CDC_1.min_blocks * BLOCK <= LENGTHS[0]
    with refused("INVALID_ARGUMENT", "LAYOUT_INVALID"):
        fill(wire, segment_of(entries()))
    assert wire.begin("disk").durable_segments == b""


def test_the_page_that_is_the_rules_is_taken(wire: WireClient) -> None:
    session = fill(wire, segment_of([*CHUNKS]))
    disk = wire.commit(session, cut_image(NOISE).layout)
    assert wire.fetch(disk.name) == NOISE


def test_a_chunk_that_hides_a_hole_ends_the_stream(wire: WireClient) -> None:
    hiding = CHUNKS[0][:BLOCK] + bytes(16 * BLOCK) + CHUNKS[0][BLOCK : 2 * BLOCK]
    with refused("INVALID_ARGUMENT", "CHUNK_NOT_BY_RULE"):
        fill(wire, segment_of([hiding]))


@pytest.mark.parametrize("size", [MIB - 512, MIB + 512, 2 * MIB, SEGMENT])
def test_a_layout_of_another_total_than_its_pages_is_refused(wire: WireClient, size: int) -> None:
    segment = segment_of([*CHUNKS])
    session = fill(wire, segment)
    with refused("INVALID_ARGUMENT", "LAYOUT_INVALID"):
        wire.commit(session, Layout(BLOCK_CDC_1, size, (segment.name,)))
    assert wire.get_disk("disk").state == pb.Disk.STATE_PUSHING
    assert wire.commit(session, cut_image(NOISE).layout).size_bytes == MIB


def test_a_page_that_ends_too_soon_for_its_place_is_refused(wire: WireClient) -> None:
    segment = segment_of([*CHUNKS])
    session = fill(wire, segment)
    with refused("INVALID_ARGUMENT", "LAYOUT_INVALID"):
        wire.commit(session, Layout(BLOCK_CDC_1, 2 * SEGMENT, (segment.name, None)))


@pytest.mark.parametrize("change", [lambda layout: layout[:-1], lambda layout: layout + layout[-36:]])
def test_a_layout_with_too_few_or_too_many_pages_is_refused(
    wire: WireClient, image: Image, change: Callable[[bytes], bytes]
) -> None:
    wire.create_disk("disk")
    session = wire.begin("disk").session
    with refused("INVALID_ARGUMENT", "LAYOUT_INVALID"):
        wire.disks.CommitPush(pb.CommitPushRequest(session=session, layout=change(image.layout.encode())))


def test_a_disk_ended_with_other_content_is_told_apart(wire: WireClient) -> None:
    session = fill(wire, segment_of([*CHUNKS]))
    layout = cut_image(NOISE).layout
    made = wire.commit(session, layout)
    assert wire.commit(session, layout) == made
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        wire.commit(session, cut_image(NOISE[:-512]).layout)


def test_who_knows_only_the_names_of_chunks_gets_the_answer_of_who_made_them_up(
    wire: WireClient, content: ContentServer
) -> None:
    theirs = cut_image(random.Random(31).randbytes(MIB))
    wire.push("theirs", theirs)
    answers = []
    with grpc.insecure_channel(content.target) as channel:
        for group, image in (("knows-names", theirs), ("makes-up", cut_image(random.Random(32).randbytes(MIB)))):
            answers.append(offered_but_not_sent(WireClient(channel, group), image))
    assert answers[0] == answers[1]


def offered_but_not_sent(wire: WireClient, image: Image) -> tuple[object, ...]:
    """All that is said to a client that offers its one segment and commits without sending any of its chunks."""
    (segment,) = image.segments
    wire.create_disk("disk")
    session = wire.begin("disk").session
    stream = wire.open(session)
    known = stream.offer_pages([segment])
    needed = int.from_bytes(stream.offer_segment(segment), "little")
    stream.close()
    with refused("FAILED_PRECONDITION", "LAYOUT_INCOMPLETE") as refusal:
        wire.commit(session, image.layout)
    all_needed = needed == (1 << len(segment.chunks)) - 1
    return known, all_needed, stream.durable, refusal.message, dict(refusal.info.metadata)
