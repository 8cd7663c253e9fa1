"""Leases, concurrent pushes, domains: who may count on what, and for how long."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from galleria_storage.index.memory import MemoryIndex
from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.records import PAGE
from galleria_storage.volume import LayoutIncomplete, LeaseLapsed, PushCounts, RecordsUnreadable
from galleria_storage.volume.leases import LEASE_SECONDS, LONGEST_SECONDS
from galleria_storage.volume.rows import chunk_key
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    Clock,
    Told,
    begin,
    content_of,
    holder,
    memory_volume,
    occupied_by,
    pushed,
    read_range,
    record_of,
    sample,
    send,
    unknown_segments,
)

SCOPE, OTHER = UUID(int=1), UUID(int=2)
FIRST = content_of(sample(2.5, 1))
SMALL = content_of(sample(1 / 8, 2))


def test_a_push_goes_on_after_a_restart() -> None:
    store, index = MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index)
    push = begin(volume, SCOPE)
    told = send(push, FIRST, [0, 2])
    counts = push.statistics()
    sizes = sum(len(FIRST.pages[i]) for i in (0, 2))
    assert counts == PushCounts(len({*FIRST.names[0], *FIRST.names[2]}), told.sent + sizes)
    volume.close()
    volume = memory_volume(store, MemoryIndex(index.rows))
    again = volume.resume_push(push.id, SMALL_RULE)
    assert again is not None
    assert (again.durable_segments(), again.statistics()) == ({0, 2}, counts)
    assert unknown_segments(again, FIRST) == [1]
    send(again, FIRST, [1])
    root = again.commit(FIRST.layout, holder(SCOPE))
    assert read_range(volume, root.id) == FIRST.data
    assert volume.resume_push(push.id, SMALL_RULE) is None


def test_traffic_renews_a_lease_for_a_week_at_most() -> None:
    clock = Clock()
    volume = memory_volume(MemoryObjectStore(), clock=clock)
    push, begun = begin(volume, SCOPE), clock.now
    while clock.now + LEASE_SECONDS * 2 / 3 < begun + LONGEST_SECONDS:
        clock.now += LEASE_SECONDS * 2 / 3
        push.known_pages([])
    clock.now = begun + LONGEST_SECONDS
    with pytest.raises(LeaseLapsed):
        push.known_pages([])
    volume.maintain()
    assert volume.resume_push(push.id, SMALL_RULE) is None


def test_a_lease_counts_anew_when_the_volume_is_opened() -> None:
    clock, store, index = Clock(), MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index, clock)
    push = begin(volume, SCOPE)
    send(push, FIRST, [0])
    volume.close()
    clock.now += 10 * LEASE_SECONDS
    volume = memory_volume(store, MemoryIndex(index.rows), clock)
    again = volume.resume_push(push.id, SMALL_RULE)
    assert again is not None
    clock.now += LEASE_SECONDS - 1
    assert again.known_pages([]) == []


def test_ended_leases_leave_no_rows() -> None:
    clock, index = Clock(), MemoryIndex()
    volume = memory_volume(MemoryObjectStore(), index, clock)
    root = pushed(volume, SCOPE, FIRST)
    aborted, lapsed = begin(volume, SCOPE), begin(volume, OTHER)
    for push in (aborted, lapsed):
        send(push, FIRST, unknown_segments(push, FIRST))
    aborted.abort()
    aborted.abort()
    with volume.open_read(root.id) as reader:
        reader.page(0)
    clock.now += LEASE_SECONDS
    volume.maintain()
    assert index.rows[Table.LEASES] == {}
    assert read_range(volume, root.id) == FIRST.data


def test_a_push_that_was_told_of_a_root_keeps_it() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    first = pushed(volume, SCOPE, FIRST)
    push = begin(volume, SCOPE)
    assert unknown_segments(push, FIRST) == []
    volume.release(first.id)
    volume.maintain()
    assert f"roots/{first.id.hex}" in [info.name for info in store.list("roots/")]
    root = push.commit(FIRST.layout, holder(SCOPE))
    volume.maintain()
    assert [info.name for info in store.list("roots/")] == [f"roots/{root.id.hex}"]
    assert read_range(volume, root.id) == FIRST.data
    assert root.occupied == occupied_by(FIRST.data)


@pytest.mark.parametrize("dedup", ["volume", "scope"])
def test_scopes_that_send_the_same_at_once(dedup: str) -> None:
    volume = memory_volume(MemoryObjectStore(), dedup=dedup)
    scopes = [uuid4() for _ in range(8)]
    pushes = [begin(volume, scope) for scope in scopes]
    # Eight streams on four packs: the same chunk lies twice in one, for two scopes.
    told = [Told() for _ in pushes]
    streams = [push.attach(one.note, one.failures.append) for push, one in zip(pushes, told, strict=True)]
    for stream in streams:
        assert stream.offer_segment(0, SMALL.pages[0])
    for stream in streams:
        stream.receive(b"".join(map(record_of, SMALL.chunks.values())))
    for stream in streams:
        stream.flush()
    assert [one.durable for one in told] == [[0]] * 8
    for push, scope in zip(pushes, scopes, strict=True):
        root = push.commit(SMALL.layout, holder(scope))
        assert read_range(volume, root.id) == SMALL.data
        again = begin(volume, scope)
        assert unknown_segments(again, SMALL) == []


def test_a_chunk_asked_for_once_completes_every_segment_that_has_it() -> None:
    one = sample(0.5, 3)
    content = content_of((one + bytes(16384 - len(one))) * 3)
    volume = memory_volume(MemoryObjectStore())
    push = begin(volume, SCOPE)
    told = send(push, content, [2, 0, 1])
    assert (told.asked[2], told.asked[0], told.asked[1]) == (content.names[0], [], [])
    assert sorted(told.durable) == [0, 1, 2]
    assert read_range(volume, push.commit(content.layout, holder(SCOPE)).id) == content.data


def test_many_threads_push_and_read_at_once() -> None:
    volume = memory_volume(MemoryObjectStore())
    contents = [content_of(FIRST.data[: 16384 + 3000 * i] + sample(0.5, i % 3)) for i in range(6)]
    start = threading.Barrier(6)

    def work(number: int) -> None:
        start.wait()
        for step in range(4):
            content = contents[(number + step) % 6]
            root = pushed(volume, [SCOPE, OTHER][number % 2], content)
            assert read_range(volume, root.id) == content.data
            volume.maintain()
            if step % 2:
                assert volume.release(root.id)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, number) for number in range(6)]:
            done.result()
    assert len(volume.roots()) == 12
    for root in volume.roots():
        assert len(read_range(volume, root.id)) == root.size
    volume.close()


def test_segments_that_are_not_flushed_are_not_durable_but_age_makes_them_so() -> None:
    volume = memory_volume(MemoryObjectStore())
    push = begin(volume, SCOPE)
    told = send(push, SMALL, [0], flush=False)
    with pytest.raises(LayoutIncomplete) as missing:
        push.commit(SMALL.layout, holder(SCOPE))
    assert (missing.value.first, missing.value.missing) == (0, 1)
    volume.close()
    assert told.durable == [0]


def test_a_page_that_is_gone_since_it_was_known_is_not_pinned() -> None:
    index = MemoryIndex()
    volume = memory_volume(MemoryObjectStore(), index)
    first = pushed(volume, SCOPE, FIRST)
    push = begin(volume, SCOPE)
    assert unknown_segments(push, FIRST) == []
    batch = Batch()
    batch.delete(Table.CHUNKS, chunk_key(PAGE, 0, FIRST.layout.pages[1] or b""))
    index.apply(batch)
    with pytest.raises(RecordsUnreadable) as gone:
        push.commit(FIRST.layout, holder(SCOPE))
    assert gone.value.names == (FIRST.layout.pages[1],)
    assert [root.id for root in volume.roots()] == [first.id]


def test_the_number_of_a_domain_does_not_tell_how_many_scopes_came_before() -> None:
    first, other = (begin(memory_volume(MemoryObjectStore(), dedup="scope"), uuid4()).lease.domain for _ in range(2))
    assert first != other
