"""What a push refuses, each with its type; nothing of the message is stored, and a new stream goes on."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from zstandard import ZstdCompressor

from galleria_storage.compression import ZSTD
from galleria_storage.digest import name_of
from galleria_storage.errors import (
    ChunkNotByRule,
    DigestMismatch,
    FormatRefused,
    FrameRefused,
    LayoutInvalid,
    PageInvalid,
    RecordInvalid,
    StorageError,
    UnknownRule,
)
from galleria_storage.layout import Layout, encode_page
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs.format import DATA, PAGES
from galleria_storage.records import CHUNK, PAGE, encode_unproved_header
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume import (
    ChunkNotRequested,
    Holder,
    LayoutIncomplete,
    LeaseLapsed,
    Push,
    RootTaken,
    SegmentOutside,
    SegmentUnderWay,
    Volume,
)
from galleria_storage.volume.leases import LEASE_SECONDS
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    Clock,
    Content,
    Told,
    begin,
    content_of,
    holder,
    memory_volume,
    pushed,
    read_range,
    record_of,
    sample,
    send,
    unknown_segments,
)

BLOCK = SMALL_RULE.block
GOOD = content_of(sample(1.5, 7))
FIRST, SECOND = GOOD.names[0][:2]
A, B = GOOD.chunks[FIRST], GOOD.chunks[SECOND]


def header(kind: int, codec: int, raw: int, payload: bytes, name: bytes = SECOND) -> bytes:
    return encode_unproved_header(kind, codec, raw, len(payload), name) + payload


def frame(data: bytes) -> bytes:
    return ZstdCompressor(level=1).compress(data)


def flawed(record: bytes, offset: int, value: int) -> bytes:
    return record[:offset] + bytes([value]) + record[offset + 1 :]


PLAIN = record_of(B, level=None)
SHRUNK = frame(bytes(len(B)))
BAD_RECORDS: dict[str, tuple[bytes, type[StorageError], str]] = {
    "never asked for": (record_of(b"something else"), ChunkNotRequested, ""),
    "sent twice": (PLAIN + PLAIN, ChunkNotRequested, ""),
    "another raw length": (header(CHUNK, 0, len(B) - 1, B[:-1]), ChunkNotRequested, ""),
    "other bytes": (record_of(bytes(len(B)), name=SECOND), DigestMismatch, ""),
    "no zstd": (header(CHUNK, ZSTD, len(B), b"\0" * 20), FrameRefused, "not a zstd frame"),
    "a frame cut short": (header(CHUNK, ZSTD, len(B), SHRUNK[:-1]), FrameRefused, "not one whole frame"),
    "bytes behind the frame": (header(CHUNK, ZSTD, len(B), SHRUNK + b"\0"), FrameRefused, "not one whole frame"),
    "two frames": (header(CHUNK, ZSTD, len(B), SHRUNK + SHRUNK), FrameRefused, "not one whole frame"),
    "a bomb": (header(CHUNK, ZSTD, len(B), frame(bytes(1 << 24))[: len(B) - 1]), FrameRefused, "another content size"),
    "a page": (header(PAGE, 0, 36, bytes(36)), RecordInvalid, "not a chunk"),
    "an unknown kind": (header(9, 0, 36, bytes(36)), RecordInvalid, "wrong size for kind 9"),
    "an unknown codec": (header(CHUNK, 2, len(B), B), RecordInvalid, f"wrong codec or size for {len(B)} raw bytes"),
    "too long a chunk": (header(CHUNK, 0, 4097, bytes(4097)), RecordInvalid, "wrong size for kind 1"),
    "an unknown flag": (flawed(PLAIN, 22, 2), RecordInvalid, "unknown feature"),
    "a key id": (flawed(PLAIN, 28, 1), RecordInvalid, "unknown feature"),
    "half a header": (PLAIN[:50], RecordInvalid, "cut short"),
    "half a payload": (PLAIN[:-1], RecordInvalid, "cut short"),
    "something before the record": (b"x" + PLAIN, RecordInvalid, "no record begins here"),
    "more than 8 MiB": (record_of(bytes(4096), name=SECOND) * 2049, RecordInvalid, "too much in one message"),
}


@pytest.mark.parametrize("bad", BAD_RECORDS)
def test_a_bad_record_refuses_its_whole_message(bad: str) -> None:
    record, kind, reason = BAD_RECORDS[bad]
    volume = memory_volume(MemoryObjectStore())
    push, told = begin(volume, uuid4()), Told()
    stream = push.attach(told.note, told.failures.append)
    stream.offer_segment(0, GOOD.pages[0])
    with pytest.raises(kind) as refused:
        stream.receive(record_of(A) + record)
    assert reason in ("", getattr(refused.value, "reason", ""))
    assert A not in str(refused.value).encode()
    push.attach(told.note, told.failures.append).flush()
    assert (volume.usage().records, told.durable) == (0, [])
    finish(volume, push, GOOD)


def finish(volume: Volume, push: Push, content: Content) -> None:
    """A new stream brings everything, the good record of the refused message as well."""
    told = send(push, content, content.pages)
    assert told.asked == content.names
    root = push.commit(content.layout, holder(uuid4()))
    assert read_range(volume, root.id) == content.data


def test_the_position_of_a_record_that_was_not_asked_for_is_told() -> None:
    push, told = begin(memory_volume(MemoryObjectStore()), uuid4()), Told()
    stream = push.attach(told.note, told.failures.append)
    stream.offer_segment(0, GOOD.pages[0])
    with pytest.raises(ChunkNotRequested) as refused:
        stream.receive(record_of(A) + record_of(B) + record_of(b"other"))
    assert refused.value.position == 2


def one_chunk(data: bytes) -> bytes:
    return encode_page([len(data)], [name_of(data)])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (A + B, "an earlier cut"),
        (b"x" * BLOCK + bytes(16 * BLOCK), "a hole inside"),
        (bytes(16 * BLOCK), "a hole inside"),
    ],
)
def test_a_chunk_that_the_rule_would_not_make(data: bytes, reason: str) -> None:
    volume = memory_volume(MemoryObjectStore())
    push, told = begin(volume, uuid4()), Told()
    stream = push.attach(told.note, told.failures.append)
    assert stream.offer_segment(0, one_chunk(data)) == b"\1"
    with pytest.raises(ChunkNotByRule) as refused:
        stream.receive(record_of(data))
    assert refused.value.reason == reason
    finish(volume, push, GOOD)


WRONG_CUT = sample(3 / 256, 1)
BESIDE_A_HOLE = sample(1 / 256, 2) + bytes(BLOCK)


@pytest.mark.parametrize(
    ("lengths", "chunks", "reason"),
    [
        ([BLOCK, 2 * BLOCK], [WRONG_CUT[:BLOCK], WRONG_CUT[BLOCK:]], "a cut that is not the rule's"),
        ([2 * BLOCK, -16 * BLOCK], [BESIDE_A_HOLE], "zeros beside a hole"),
        ([-16 * BLOCK, 8 * BLOCK], [bytes(8 * BLOCK)], "zeros beside a hole"),
    ],
)
def test_a_page_that_the_rule_would_not_make_fails_the_stream(
    lengths: list[int], chunks: list[bytes], reason: str
) -> None:
    volume = memory_volume(MemoryObjectStore())
    push, told = begin(volume, uuid4()), Told()
    stream = push.attach(told.note, told.failures.append)
    stream.offer_segment(3, encode_page(lengths, [name_of(chunk) for chunk in chunks]))
    stream.receive(b"".join(map(record_of, chunks)))
    with pytest.raises(PageInvalid) as refused:
        stream.flush()
    (failure,) = told.failures
    assert refused.value is failure
    assert (refused.value.segment, refused.value.reason, told.durable) == (3, reason, [])
    with pytest.raises(PageInvalid):
        stream.receive(record_of(A))
    finish(volume, push, GOOD)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (b"", "wrong size"),
        (GOOD.pages[0][:-1], "wrong size"),
        (encode_page([100, BLOCK], [FIRST, SECOND]), "wrong length"),
        (encode_page([-16 * BLOCK], []), "no chunk"),
        (encode_page([BLOCK, -16 * BLOCK, -16 * BLOCK], [FIRST]), "two holes in a row"),
        (encode_page([4096] * 5, [FIRST] * 5), "wrong total"),
        (encode_page([BLOCK, 2 * BLOCK], [FIRST, FIRST]), "one name with two lengths"),
    ],
)
def test_a_page_that_no_segment_has_is_refused_at_once(page: bytes, reason: str) -> None:
    volume = memory_volume(MemoryObjectStore())
    push, told = begin(volume, uuid4()), Told()
    stream = push.attach(told.note, told.failures.append)
    with pytest.raises(PageInvalid) as refused:
        stream.offer_segment(1, page)
    assert (refused.value.segment, refused.value.reason) == (1, reason)
    finish(volume, push, GOOD)


@pytest.mark.parametrize("segment", [-1, SMALL_RULE.max_segments, 1 << 40])
def test_a_segment_that_no_disk_has(segment: int) -> None:
    push, told = begin(memory_volume(MemoryObjectStore()), uuid4()), Told()
    stream = push.attach(told.note, told.failures.append)
    with pytest.raises(SegmentOutside) as refused:
        stream.offer_segment(segment, GOOD.pages[0])
    assert (refused.value.value, refused.value.limit) == (segment, SMALL_RULE.max_segments)
    with pytest.raises(SegmentOutside):
        push.known_pages([(segment, name_of(GOOD.pages[0]))])


def test_a_segment_is_offered_once_at_a_time() -> None:
    volume = memory_volume(MemoryObjectStore())
    push, told = begin(volume, uuid4()), Told()
    stream = push.attach(told.note, told.failures.append)
    stream.offer_segment(0, GOOD.pages[0])
    with pytest.raises(SegmentUnderWay) as refused:
        stream.offer_segment(0, GOOD.pages[0])
    assert refused.value.segment == 0
    finish(volume, push, GOOD)


def test_a_page_of_known_chunks_in_another_length_is_refused() -> None:
    volume, scope = memory_volume(MemoryObjectStore()), uuid4()
    pushed(volume, scope, GOOD)
    push, told = begin(volume, scope), Told()
    stream = push.attach(told.note, told.failures.append)
    stream.offer_segment(0, encode_page([len(A) + BLOCK], [FIRST]))
    (failure,) = told.failures
    assert isinstance(failure, PageInvalid)
    assert failure.reason == "not the chunk's length"


def layouts() -> dict[str, tuple[Layout, type[StorageError]]]:
    first, second = GOOD.layout.pages
    foreign = name_of(b"a page of another scope, or of nobody")
    return {
        "a page never offered": (replace(GOOD.layout, pages=(first, foreign)), LayoutIncomplete),
        "pages in another order": (replace(GOOD.layout, pages=(second, first)), LayoutIncomplete),
        "a page twice": (replace(GOOD.layout, pages=(first, first)), LayoutIncomplete),
        "another size": (replace(GOOD.layout, size=GOOD.layout.size + BLOCK), LayoutInvalid),
        "one segment more": (replace(GOOD.layout, size=3 * 16384, pages=(first, second, None)), LayoutInvalid),
        "another rule": (Layout(BLOCK_CDC_1, 64 << 20, (first,)), LayoutInvalid),
    }


@pytest.mark.parametrize("wrong", layouts())
def test_a_layout_that_is_not_durable_is_not_pinned(wrong: str) -> None:
    layout, kind = layouts()[wrong]
    volume = memory_volume(MemoryObjectStore())
    push = begin(volume, uuid4())
    send(push, GOOD, GOOD.pages)
    with pytest.raises(kind):
        push.commit(layout, holder(uuid4()))
    assert volume.roots() == []
    root = push.commit(GOOD.layout, holder(uuid4()))
    assert read_range(volume, root.id) == GOOD.data


def test_what_another_scope_brought_is_answered_as_what_nobody_brought() -> None:
    answers = []
    for others in ([], [GOOD]):
        volume, scope = memory_volume(MemoryObjectStore()), uuid4()
        for content in others:
            pushed(volume, uuid4(), content)
        push, told = begin(volume, scope), Told()
        stream = push.attach(told.note, told.failures.append)
        known = push.known_pages([(i, name_of(page)) for i, page in GOOD.pages.items()])
        with pytest.raises(LayoutIncomplete) as refused:
            push.commit(GOOD.layout, holder(scope))
        with pytest.raises(ChunkNotRequested) as unasked:
            push.attach(told.note, told.failures.append).receive(record_of(A))
        bits = stream.offer_segment(0, GOOD.pages[0])
        for name in GOOD.names[0]:
            stream.receive(record_of(GOOD.chunks[name]))
        stream.flush()
        # The same bytes must also be told durable at the same points.
        found = (known, str(refused.value), str(unasked.value), bits, told.steps, told.durable, push.statistics())
        assert len(told.steps) == 2
        answers.append(found)
    assert answers[0] == answers[1]


def test_what_is_there_already_fills_a_pack_as_much_as_what_is_not() -> None:
    chunks = list(content_of(sample(0.5, 11)).chunks.values())
    content = content_of(sample(0.5, 11))
    records = [record_of(chunk) for chunk in chunks]
    # At the third record a pack is full to the byte.
    sizes = {DATA: 48 + sum(map(len, records[:3])), PAGES: 1 << 20}
    steps = []
    for others in ([], [content]):
        volume = memory_volume(MemoryObjectStore(), pack_sizes=sizes)
        for other in others:
            pushed(volume, uuid4(), other)
        push, told = begin(volume, uuid4()), Told()
        stream = push.attach(told.note, told.failures.append)
        stream.offer_segment(0, content.pages[0])
        for record in records:
            stream.receive(record)
        stream.flush()
        steps.append(sorted(told.steps))
    assert steps[0] == steps[1]
    assert steps[0][0] == sum(map(len, records[:3]))


def test_the_name_of_a_chunk_lengthens_nobodys_reach() -> None:
    volume, scope = memory_volume(MemoryObjectStore()), uuid4()
    pushed(volume, uuid4(), GOOD)
    push, told = begin(volume, scope), Told()
    stream = push.attach(told.note, told.failures.append)
    stream.offer_segment(0, GOOD.pages[0])
    stream.flush()
    assert told.durable == []
    with pytest.raises(LayoutIncomplete):
        push.commit(GOOD.layout, holder(scope))


Step = Callable[[Push], object]


def steps() -> dict[str, Step]:
    return {
        "attach": lambda push: push.attach(Told().note, print),
        "known_pages": lambda push: push.known_pages([]),
        "commit": lambda push: push.commit(GOOD.layout, holder(uuid4())),
    }


@pytest.mark.parametrize("step", steps())
def test_a_lapsed_lease_is_told_at_every_step(step: str) -> None:
    clock = Clock()
    volume = memory_volume(MemoryObjectStore(), clock=clock)
    push, told = begin(volume, uuid4()), Told()
    stream = push.attach(told.note, told.failures.append)
    stream.offer_segment(0, GOOD.pages[0])
    clock.now += LEASE_SECONDS - 1
    stream.receive(record_of(A))
    clock.now += LEASE_SECONDS
    with pytest.raises(LeaseLapsed) as lapsed:
        steps()[step](push)
    assert lapsed.value.lease == push.id
    with pytest.raises(LeaseLapsed):
        stream.receive(record_of(B))
    with pytest.raises(LeaseLapsed):
        stream.offer_segment(1, GOOD.pages[1])
    with pytest.raises(LeaseLapsed):
        stream.flush()
    assert [type(failure) for failure in told.failures] == [LeaseLapsed]
    assert volume.resume_push(push.id, SMALL_RULE) is None
    again = volume.begin_push(uuid4(), uuid4(), lease_id=push.id, rule=SMALL_RULE)
    finish(volume, again, GOOD)


def test_a_root_id_is_used_once() -> None:
    volume, scope, root = memory_volume(MemoryObjectStore()), uuid4(), uuid4()
    pushed(volume, scope, GOOD, root)
    refused_again(volume, scope, root)
    assert read_range(volume, root) == GOOD.data
    # Released, but still read, it is taken as well.
    with volume.open_read(root) as reader:
        volume.release(root)
        refused_again(volume, scope, root)
        assert reader.page(0) == GOOD.pages[0]
    assert volume.root(root) is None


def refused_again(volume: Volume, scope: UUID, root: UUID) -> None:
    other = content_of(sample(1, 8))
    push = begin(volume, scope, root)
    send(push, other, unknown_segments(push, other))
    with pytest.raises(RootTaken) as taken:
        push.commit(other.layout, holder(scope))
    assert taken.value.root == root


def test_a_second_commit_answers_as_the_first() -> None:
    volume, scope = memory_volume(MemoryObjectStore()), uuid4()
    push = begin(volume, scope)
    send(push, GOOD, GOOD.pages)
    first = push.commit(GOOD.layout, holder(scope))
    assert push.commit(GOOD.layout, holder(scope)) == first
    volume.maintain()
    assert push.commit(GOOD.layout, holder(scope)) == first


def test_a_holder_whose_name_is_too_long_pins_nothing() -> None:
    store = MemoryObjectStore()
    volume, scope = memory_volume(store), uuid4()
    push = begin(volume, scope)
    send(push, GOOD, GOOD.pages)
    with pytest.raises(FormatRefused) as refused:
        push.commit(GOOD.layout, Holder(scope, uuid4(), "ä" * 1025))
    assert (refused.value.value, refused.value.limit) == (2050, 2048)
    assert list(store.list("roots/")) == []
    root = push.commit(GOOD.layout, Holder(scope, uuid4(), "ä" * 1024))
    assert read_range(volume, root.id) == GOOD.data


def test_segments_that_the_layout_leaves_out_are_not_known_afterwards() -> None:
    volume, scope = memory_volume(MemoryObjectStore()), uuid4()
    long, short = content_of(sample(3, 5)), content_of(sample(2, 5))
    # The page left out lies on the volume, but nothing keeps it there.
    volume.release(pushed(volume, scope, long).id)
    push = begin(volume, scope)
    send(push, long, long.pages)
    push.commit(short.layout, holder(scope))
    again = begin(volume, scope)
    assert unknown_segments(again, long) == [2]
    send(again, long, [2])
    root = again.commit(long.layout, holder(scope))
    assert read_range(volume, root.id) == long.data


def test_a_rule_that_the_volume_does_not_have() -> None:
    volume = memory_volume(MemoryObjectStore())
    with pytest.raises(UnknownRule):
        volume.begin_push(UUID(int=1), UUID(int=2), lease_id=uuid4(), rule=BLOCK_CDC_1)
