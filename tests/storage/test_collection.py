"""Collection: what nothing needs goes, what anything needs stays, whoever works beside it."""

import itertools
from functools import partial
from uuid import UUID, uuid4

import pytest

from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.page import Page
from galleria_storage.records import PAGE
from galleria_storage.volume import CollectionStopped, LeaseLapsed, RecordsUnreadable, Root
from galleria_storage.volume.leases import GARBAGE, LEASE_SECONDS
from galleria_storage.volume.rows import chunk_key
from tests.support.collected_volume import Place, at_step
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    CONDEMNED_SECONDS,
    Content,
    Progress,
    begin,
    content_of,
    holder,
    pushed,
    read_range,
    record_of,
    sample,
    send,
    unknown_segments,
)

SCOPE, OTHER = UUID(int=1), UUID(int=2)
FIRST = content_of(sample(3, 1))
SECOND = content_of(sample(2, 2))
CHANGED = content_of(bytes([FIRST.data[0] ^ 1]) + FIRST.data[1:-1] + bytes([FIRST.data[-1] ^ 1]))
ELSEWHERE = content_of(FIRST.data[:-1] + bytes([FIRST.data[-1] ^ 2]))
_HALF = sum(map(abs, Page.parse(FIRST.pages[2], SMALL_RULE).lengths[:5]))
CUT = content_of(FIRST.data[: 2 * SMALL_RULE.segment + _HALF])
SHORT = content_of(FIRST.data[: SMALL_RULE.segment])
SMALL = content_of(sample(1 / 8, 3))
BOTH = content_of(FIRST.data[: 2 * SMALL_RULE.segment] + SECOND.data)


class Stopped(Exception):
    pass


def stop() -> None:
    raise Stopped


@pytest.fixture(params=["volume", "scope"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


def test_a_released_disk_gives_its_bytes_back(place: Place) -> None:
    kept = pushed(place.volume, SCOPE, SECOND)
    before = place.bytes_of()
    root = pushed(place.volume, SCOPE, FIRST)
    dead = place.bytes_of() - before
    place.volume.release(root.id)
    found = place.volume.collect()
    assert (found.garbage, found.condemned, found.removed, found.left) == (0, dead, 0, 0)
    assert (place.volume.usage().condemned, place.volume.usage().oldest_condemned) == (dead, place.clock.now)
    place.wait()
    assert place.volume.collect().removed == dead
    assert place.bytes_of() == before
    assert (place.volume.usage().condemned, place.volume.usage().oldest_condemned) == (0, None)
    assert read_range(place.volume, kept.id) == SECOND.data


def test_what_is_condemned_is_missing_at_once_and_comes_back_as_new(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    old = set(place.packs())
    place.volume.release(root.id)
    assert place.asked(SCOPE, FIRST) == 0
    place.volume.collect()
    assert place.asked(SCOPE, FIRST) == sum(map(len, FIRST.names.values()))
    again = pushed(place.volume, SCOPE, FIRST)
    place.wait()
    place.volume.collect()
    assert old.isdisjoint(place.packs())
    assert read_range(place.volume, again.id) == FIRST.data


def test_with_nothing_released_nothing_is_looked_at() -> None:
    place = Place()
    pushed(place.volume, SCOPE, FIRST)
    place.volume.collect()
    reads = itertools.count()
    read = place.store.read
    place.store.read = lambda *args: (next(reads), read(*args))[1]  # type: ignore[method-assign]
    assert place.volume.collect().condemned == 0
    assert next(reads) == 0


def test_a_condemned_pack_stays_a_while() -> None:
    place = Place()
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)
    place.volume.collect()
    place.clock.now += CONDEMNED_SECONDS - 1
    assert place.volume.collect().removed == 0
    place.clock.now += 1
    assert place.volume.collect().removed > 0


def test_removing_may_be_ended_at_any_pack_and_gone_on_with() -> None:
    place = Place()
    for root in [pushed(place.volume, SCOPE, content) for content in (FIRST, SECOND)]:
        place.volume.release(root.id)
    place.volume.collect()
    place.wait()
    before = len(place.packs())
    with pytest.raises(Stopped):
        place.volume.collect(at_step(1, stop))
    # A pack and its marker.
    assert len(place.packs()) == before - 2
    place.volume.collect()
    assert place.packs() == []


def test_what_leases_prevented_is_tried_again_when_one_has_ended() -> None:
    place = Place()
    push, other = begin(place.volume, SCOPE), begin(place.volume, OTHER)
    root = pushed(place.volume, SCOPE, FIRST)
    send(push, CHANGED, CHANGED.pages)
    place.volume.release(root.id)
    left = place.volume.collect().left
    listed = place.store.list
    place.store.list = lambda prefix: pytest.fail(f"{prefix} was listed")  # type: ignore[method-assign]
    assert place.volume.collect().left == left > 0
    other.abort()
    assert place.volume.collect().left == left
    place.store.list = listed  # type: ignore[method-assign]
    push.abort()
    assert place.volume.collect().left == 0


def test_a_push_that_found_chunks_keeps_them(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    push = begin(place.volume, SCOPE)
    told = send(push, CHANGED, CHANGED.pages)
    assert 0 < sum(map(len, told.asked.values())) < len(CHANGED.chunks)
    place.volume.release(root.id)
    assert place.volume.collect().left > 0
    place.wait()
    place.volume.collect()
    again = push.commit(CHANGED.layout, holder(SCOPE))
    assert read_range(place.volume, again.id) == CHANGED.data


def test_a_push_that_held_a_root_keeps_it(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    push = begin(place.volume, SCOPE)
    assert unknown_segments(push, FIRST) == []
    place.volume.release(root.id)
    place.volume.collect()
    place.wait()
    place.volume.collect()
    again = push.commit(FIRST.layout, holder(SCOPE))
    assert read_range(place.volume, again.id) == FIRST.data


def test_a_push_that_lapsed_keeps_nothing(place: Place) -> None:
    push = begin(place.volume, SCOPE)
    send(push, FIRST, FIRST.pages)
    assert place.volume.collect().condemned == 0
    place.clock.now += LEASE_SECONDS
    place.volume.maintain()
    assert place.volume.collect().condemned > 0
    place.wait()
    place.volume.collect()
    assert place.packs() == []
    with pytest.raises(LeaseLapsed):
        push.commit(FIRST.layout, holder(SCOPE))


def test_an_aborted_push_and_copy_leave_nothing(place: Place) -> None:
    away = Place()
    root = pushed(away.volume, SCOPE, SECOND)
    push = begin(place.volume, SCOPE)
    send(push, FIRST, FIRST.pages)
    push.abort()
    copy = place.volume.begin_copy(SCOPE, uuid4(), lease_id=uuid4())
    with away.volume.open_read(root.id) as source:
        copy.run(source, Progress())
    copy.abort()
    place.volume.collect()
    place.wait()
    place.volume.collect()
    assert place.packs() == []


def test_what_becomes_durable_after_its_push_has_ended_is_garbage(place: Place) -> None:
    push = begin(place.volume, SCOPE)
    stream = push.attach(lambda *_: None, lambda _: None)
    stream.offer_segment(0, SMALL.pages[0])
    stream.receive(b"".join(map(record_of, SMALL.chunks.values())))
    push.abort()
    place.volume.collect()
    with pytest.raises(LeaseLapsed):
        stream.flush()
    assert place.packs()
    place.settle()
    assert place.packs() == []


def test_a_reader_reads_what_was_released_and_condemned(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    with place.volume.open_read(root.id) as reader:
        place.volume.release(root.id)
        place.volume.collect()
        place.wait()
        assert place.volume.collect().removed == 0
        found = b"".join(piece.data or bytes(piece.length) for piece in reader.range(0, len(FIRST.data)))
        assert found == FIRST.data
    place.volume.maintain()
    place.volume.collect()
    place.wait()
    place.volume.collect()
    assert place.packs() == []


def test_a_reader_past_its_lease_gets_no_wrong_bytes(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    with place.volume.open_read(root.id) as reader:
        pieces = reader.range(0, len(FIRST.data))
        read = next(pieces).data
        place.clock.now += LEASE_SECONDS
        place.volume.release(root.id)
        place.volume.maintain()
        place.volume.collect()
        place.wait()
        place.volume.collect()
        assert place.packs() == []
        with pytest.raises((LeaseLapsed, RecordsUnreadable)):
            list(pieces)
    assert read is not None
    assert FIRST.data.startswith(read)


def test_what_another_scope_keeps_is_to_this_one_as_if_never_sent(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    kept = pushed(place.volume, OTHER, FIRST)
    place.volume.release(root.id)
    place.volume.collect()
    everything = sum(map(len, FIRST.names.values()))
    assert place.asked(SCOPE, FIRST) == everything
    assert place.asked(OTHER, FIRST) == 0
    assert read_range(place.volume, kept.id) == FIRST.data


def test_what_other_roots_of_a_scope_have_stays_known(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pushed(place.volume, SCOPE, BOTH)
    place.volume.release(root.id)
    place.volume.collect()
    last = FIRST.names[2]
    assert place.asked(SCOPE, BOTH) == 0
    assert place.asked(SCOPE, FIRST) == len(set(last))


@pytest.mark.parametrize("index", [True, False])
def test_condemned_packs_stay_condemned_over_a_restart(place: Place, index: bool) -> None:  # noqa: FBT001
    kept = pushed(place.volume, SCOPE, SECOND)
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)
    condemned = place.volume.collect().condemned
    rows = {table: dict(rows) for table, rows in place.index.rows.items() if table in (Table.CHUNKS, Table.PACKS)}
    place.reopen(index=index)
    assert {table: place.index.rows[table] for table in rows} == rows
    assert place.asked(SCOPE, FIRST) == sum(map(len, FIRST.names.values()))
    place.wait()
    assert place.volume.collect().removed > 0
    assert sum(name.endswith(".condemned") for name in place.packs()) == 0
    assert condemned > 0
    assert read_range(place.volume, kept.id) == SECOND.data


def test_a_condemnation_cut_off_before_its_marker_is_ended_when_the_volume_opens(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)
    replace = place.store.replace

    def failing(name: str, data: bytes) -> None:
        if name.endswith(".condemned"):
            raise StoreFailed(name, "replace", 5)
        replace(name, data)

    place.store.replace = failing  # type: ignore[method-assign]
    with pytest.raises(StoreFailed):
        place.volume.collect()
    place.store.replace = replace  # type: ignore[method-assign]
    assert not any(name.endswith(".condemned") for name in place.packs())
    place.reopen()
    assert sum(name.endswith(".condemned") for name in place.packs()) == 1
    assert place.asked(SCOPE, FIRST) > 0
    for _ in range(2):
        place.volume.collect()
        place.wait()
    place.volume.collect()
    assert place.packs() == []


def test_an_index_from_before_a_condemnation_is_made_again(place: Place) -> None:
    kept = pushed(place.volume, SCOPE, SECOND)
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)
    old = {table: dict(rows) for table, rows in place.index.rows.items()}
    place.volume.collect()
    place.volume.close()
    place.index.rows.update(old)
    place.reopen()
    assert place.asked(SCOPE, FIRST) == sum(map(len, FIRST.names.values()))
    assert read_range(place.volume, kept.id) == SECOND.data


def test_a_marker_without_its_pack_goes(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)
    place.volume.collect()
    marked = [name.removesuffix(".condemned") for name in place.packs() if name.endswith(".condemned")]
    place.volume.close()
    place.store.delete(marked[0])
    place.reopen()
    assert f"{marked[0]}.condemned" not in place.packs()
    assert len(place.index.rows[Table.PACKS]) == len(marked) - 1


def test_a_root_that_cannot_be_read_stops_collection(place: Place) -> None:
    kept = pushed(place.volume, SCOPE, SECOND)
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)
    name = f"roots/{kept.id.hex}"
    data = place.store.read(name) or b""
    before = place.packs()
    place.store.replace(name, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CollectionStopped, match=kept.id.hex):
        place.volume.collect()
    assert place.packs() == before
    place.store.replace(name, data)
    assert place.volume.collect().condemned > 0


def test_a_page_that_cannot_be_read_stops_collection(place: Place) -> None:
    kept = pushed(place.volume, SCOPE, SECOND)
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)
    before = place.packs()
    key = chunk_key(PAGE, kept.domain, next(iter(kept.layout.pages)) or b"")
    batch = Batch()
    batch.delete(Table.CHUNKS, key)
    place.index.apply(batch)
    with pytest.raises(CollectionStopped):
        place.volume.collect()
    assert place.packs() == before


def test_a_collection_may_be_ended_at_any_step_and_done_again(place: Place) -> None:
    kept = pushed(place.volume, SCOPE, SECOND)
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)

    for steps in itertools.count():
        try:
            place.volume.collect(at_step(steps, stop))
            break
        except Stopped:
            assert read_range(place.volume, kept.id) == SECOND.data
    assert steps > 3
    place.wait()
    place.volume.collect()
    assert read_range(place.volume, kept.id) == SECOND.data
    assert place.asked(SCOPE, FIRST) == sum(map(len, FIRST.names.values()))


def test_chunks_that_arrive_are_held_before_they_are_sealed() -> None:
    place = Place()
    root = pushed(place.volume, OTHER, FIRST)
    push = begin(place.volume, SCOPE)
    stream = push.attach(lambda *_: None, lambda _: None)
    for segment, page in FIRST.pages.items():
        stream.offer_segment(segment, page)
        stream.receive(b"".join(record_of(FIRST.chunks[name]) for name in FIRST.names[segment]))
    place.volume.release(root.id)
    place.volume.collect()
    place.wait()
    place.volume.collect()
    stream.flush()
    again = push.commit(FIRST.layout, holder(SCOPE))
    assert read_range(place.volume, again.id) == FIRST.data


def test_what_a_push_finds_and_pins_while_a_collection_runs_stays(place: Place) -> None:
    found: list[Root] = []
    for step in itertools.count():
        root = pushed(place.volume, SCOPE, FIRST)
        place.volume.release(root.id)
        found.clear()
        place.volume.collect(at_step(step, lambda: found.append(pushed(place.volume, SCOPE, CHANGED))))
        if not found:
            break
        place.wait()
        place.volume.collect()
        assert read_range(place.volume, found[0].id) == CHANGED.data
        place.volume.release(found[0].id)
        place.volume.collect()
    assert step > 3


def test_what_a_lease_prevented_that_ended_meanwhile_is_tried_again(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(root.id)
    found = place.volume.collect(at_step(0, partial(push_and_pin, place, CHANGED)))
    assert found.left > 0
    assert any(key.startswith(GARBAGE) for key in place.index.rows[Table.META])
    assert place.volume.collect().left == 0
    assert not any(key.startswith(GARBAGE) for key in place.index.rows[Table.META])


def push_and_pin(place: Place, content: Content) -> None:
    pushed(place.volume, SCOPE, content)


def test_a_lease_that_may_have_looked_packs_up_keeps_their_bytes(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    size = place.bytes_of()
    push = begin(place.volume, OTHER)
    place.volume.release(root.id)
    assert place.volume.collect().condemned > 0
    place.wait()
    assert place.volume.collect().removed == 0
    later = begin(place.volume, OTHER)
    push.abort()
    assert place.volume.collect().removed == size
    later.abort()


def test_a_second_record_of_a_chunk_goes_without_the_first() -> None:
    place = Place()
    one, two = begin(place.volume, SCOPE), begin(place.volume, OTHER)
    streams = [push.attach(lambda *_: None, lambda _: None) for push in (one, two)]
    for stream in streams:
        stream.offer_segment(0, SMALL.pages[0])
        stream.receive(b"".join(record_of(SMALL.chunks[name]) for name in SMALL.names[0]))
    for stream in streams:
        stream.flush()
    one.abort()
    found = place.volume.collect()
    assert found.condemned > 0
    assert found.left == 1
    place.wait()
    place.volume.collect()
    root = two.commit(SMALL.layout, holder(OTHER))
    assert read_range(place.volume, root.id) == SMALL.data


def test_names_that_a_push_keeps_in_its_scope_go_once_it_is_through() -> None:
    place = Place()
    root = pushed(place.volume, SCOPE, FIRST)
    pushed(place.volume, OTHER, FIRST)
    push = begin(place.volume, SCOPE)
    assert send(push, CUT, CUT.pages).sent == 0
    place.volume.release(root.id)
    assert place.volume.collect().left == 0
    push.commit(CUT.layout, holder(SCOPE))
    place.volume.collect()
    assert place.asked(SCOPE, ELSEWHERE) == len(ELSEWHERE.chunks.keys() - CUT.chunks.keys())


def test_segments_that_a_push_leaves_out_are_garbage(place: Place) -> None:
    push = begin(place.volume, SCOPE)
    send(push, FIRST, FIRST.pages)
    root = push.commit(SHORT.layout, holder(SCOPE))
    assert place.volume.collect().condemned > 0
    assert read_range(place.volume, root.id) == SHORT.data
