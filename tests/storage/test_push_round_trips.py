"""Any bytes in, the same bytes out: sparseness, order of arrival, number of streams and way make no difference."""

import random
import threading
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.volume import OffsetRefused, TooManySegments
from galleria_storage.volume.raw import RawStream
from tests.support.disks import build, recipes
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    Told,
    begin,
    content_of,
    holder,
    memory_volume,
    occupied_by,
    pushed,
    read_range,
    read_records,
    sample,
    send,
    send_raw,
    unknown_segments,
)

disks = st.builds(
    lambda recipe, seed, cut_off: build(recipe, SMALL_RULE, seed, cut_off),
    recipes(700),
    st.integers(0, 5),
    st.integers(0, 200),
)


@settings(max_examples=60, deadline=None)
@given(disks, st.integers(0, 99), st.integers(1, 4), st.integers(1, 9))
def test_any_order_on_any_number_of_streams(data: bytes, seed: int, streams: int, frame: int) -> None:
    content = content_of(data)
    volume = memory_volume(MemoryObjectStore())
    scope = uuid4()
    push = begin(volume, scope)
    order = list(content.pages)
    random.Random(seed).shuffle(order)
    for first in range(streams):
        told = send(push, content, order[first::streams], frame)
        assert (sorted(told.durable), told.failures) == (sorted(order[first::streams]), [])
        assert told.received == told.sent
    root = push.commit(content.layout, holder(scope))
    assert root.occupied == occupied_by(data)
    assert read_range(volume, root.id) == data
    assert read_records(volume, root.id).data == data
    volume.close()


@settings(max_examples=60, deadline=None)
@given(disks, st.lists(st.integers(0, 50_000), max_size=8))
def test_raw_and_offered_pushes_agree(data: bytes, cuts: list[int]) -> None:
    content = content_of(data)
    volume = memory_volume(MemoryObjectStore())
    scope = uuid4()
    push = begin(volume, scope)
    told = send_raw(push, data, cuts)
    assert (sorted(told.durable), told.failures) == (sorted(content.pages), [])
    layout = push.assemble(len(data))
    assert layout.text == content.layout.text
    root = push.commit(layout, holder(scope))
    assert root.occupied == occupied_by(data)
    assert read_range(volume, root.id) == data
    again = begin(volume, scope)
    assert unknown_segments(again, content) == []
    assert again.commit(content.layout, holder(scope)).layout == layout
    volume.close()


@settings(max_examples=40, deadline=None)
@given(disks, st.data())
def test_any_range_is_the_slice_of_the_disk(data: bytes, draw: st.DataObject) -> None:
    volume = memory_volume(MemoryObjectStore())
    root = pushed(volume, uuid4(), content_of(data))
    for _ in range(5):
        offset = draw.draw(st.integers(0, len(data)))
        length = draw.draw(st.integers(0, len(data) - offset))
        assert read_range(volume, root.id, offset, length) == data[offset : offset + length]
    volume.close()


def test_raw_streams_of_one_push_bring_whole_segments_each() -> None:
    data = sample(5.3, 1)
    volume = memory_volume(MemoryObjectStore())
    scope = uuid4()
    push = begin(volume, scope)
    half = 3 * SMALL_RULE.segment
    send_raw(push, data[half:], first=half)
    told = Told()
    stream = RawStream(push.attach(told.note, told.failures.append))
    stream.write(0, data[:half])
    stream.finish(None)
    assert push.durable_segments() == set(range(6))
    root = push.commit(push.assemble(len(data)), holder(scope))
    assert root.layout == content_of(data).layout
    assert read_range(volume, root.id) == data


class HeldStore(MemoryObjectStore):
    """Commits nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def publish(self, name: str, data: bytes) -> None:
        assert self.let_go.wait(60)
        super().publish(name, data)


def test_raw_push_of_more_segments_than_a_stream_may_have_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    # All segments wait for one chunk, which is not durable before somebody waits for it.
    data = (sample(1 / 256, 1) + bytes(SMALL_RULE.segment - SMALL_RULE.block)) * 200
    store = HeldStore()
    volume = memory_volume(store)
    scope = uuid4()
    push, told = begin(volume, scope), Told()
    inner = push.attach(told.note, told.failures.append)
    flush = inner.flush

    def flush_and_let_go() -> None:
        store.let_go.set()
        flush()

    monkeypatch.setattr(inner, "flush", flush_and_let_go)
    stream = RawStream(inner)
    stream.write(0, data)
    stream.finish(len(data))
    root = push.commit(push.assemble(len(data)), holder(scope))
    assert root.layout == content_of(data).layout
    assert read_range(volume, root.id) == data


@pytest.mark.parametrize("size", [1, 63, 64, 15 * 64, 15 * 64 + 1, 16 * 64, 16384, 16385, 16384 + 960, 16384 + 961])
def test_zeros_of_any_size(size: int) -> None:
    volume = memory_volume(MemoryObjectStore())
    scope = uuid4()
    push = begin(volume, scope)
    assert send_raw(push, bytes(size)).failures == []
    root = push.commit(push.assemble(size), holder(scope))
    assert root.layout == content_of(bytes(size)).layout
    assert root.occupied == occupied_by(bytes(size))
    assert read_range(volume, root.id) == bytes(size)


def test_raw_bytes_out_of_order_are_refused() -> None:
    push = begin(memory_volume(MemoryObjectStore()), uuid4())
    told = Told()
    unaligned = RawStream(push.attach(told.note, told.failures.append))
    with pytest.raises(OffsetRefused):
        unaligned.write(64, b"x")
    backwards = RawStream(push.attach(told.note, told.failures.append))
    backwards.write(0, bytes(100))
    with pytest.raises(OffsetRefused) as refused:
        backwards.write(99, b"x")
    assert refused.value.offset == 99
    with pytest.raises(OffsetRefused):
        backwards.finish(99)
    with pytest.raises(OffsetRefused):
        backwards.finish(None)
    with pytest.raises(OffsetRefused):
        backwards.write(SMALL_RULE.max_disk, b"x")


def test_a_client_that_waits_for_nothing_may_have_128_segments_under_way() -> None:
    segment = SMALL_RULE.segment
    data = b"".join(sample(1 / 256, i) + bytes(segment - 64) for i in range(129))
    content = content_of(data)
    push = begin(memory_volume(MemoryObjectStore()), uuid4())
    told = Told()
    stream = push.attach(told.note, told.failures.append)
    for i in range(128):
        stream.offer_segment(i, content.pages[i])
    assert stream.in_flight == 128
    with pytest.raises(TooManySegments) as refused:
        stream.offer_segment(128, content.pages[128])
    assert refused.value.limit == 128
