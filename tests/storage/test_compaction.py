"""Compaction: what is alive moves together, whoever works beside it, and nothing of it is lost on the way."""

import errno
import itertools
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from uuid import UUID

import pytest

from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.objects.store import ObjectWriter
from galleria_storage.packs.format import DATA, PAGES, PackId
from galleria_storage.volume import CollectionStopped, Piece, Push, Root
from galleria_storage.volume.choosing import MOST_GARBAGE, Share, chosen
from galleria_storage.volume.leases import LEASE_SECONDS
from galleria_storage.volume.rows import PackRow
from tests.support.collected_volume import Place, at_step
from tests.support.rot import spoil
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import Content, begin, content_of, holder, pushed, read_range, record_of, sample, send

SCOPE, OTHER = UUID(int=1), UUID(int=2)
SEGMENT = SMALL_RULE.segment
WHOLE = sample(4, 1)


def sparse(seed: int, share: float) -> Content:
    """Content with a share of the blocks of WHOLE in each segment, so that it shares chunks, and all of its packs."""
    chance = random.Random(seed)
    parts = []
    for start in range(0, len(WHOLE), SEGMENT):
        length = int(SEGMENT * share) // SMALL_RULE.block * SMALL_RULE.block
        begin_at = start + chance.randrange(0, SEGMENT - length + 1, SMALL_RULE.block)
        parts.append(WHOLE[begin_at : begin_at + length])
    return content_of(b"".join(parts))


FULL = content_of(WHOLE)
THIRD = sparse(1, 0.3)
TWICE = content_of(THIRD.data[: SEGMENT // 2] + THIRD.data[: SEGMENT // 4] + THIRD.data[SEGMENT // 2 :])


@pytest.fixture(params=["volume", "scope"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


def half_dead(place: Place) -> Root:
    """A root that needs a third of what lies in packs that are as large as a whole disk."""
    whole = pushed(place.volume, SCOPE, FULL)
    part = pushed(place.volume, SCOPE, THIRD)
    assert len(THIRD.chunks.keys() & FULL.chunks.keys()) > len(FULL.chunks) / 6
    place.volume.release(whole.id)
    return part


def share_of_garbage(place: Place, *live: Content) -> float:
    """By brute force, from the packs as they are."""
    names = set().union(*(content.chunks for content in live))
    lengths = [(e.name in names, e.stored_length + 128) for found in place.entries().values() for e in found]
    return sum(length for alive, length in lengths if not alive) / sum(length for _, length in lengths)


def test_packs_that_are_mostly_dead_are_rewritten(place: Place) -> None:
    part = half_dead(place)
    assert share_of_garbage(place, THIRD) > MOST_GARBAGE
    before = place.bytes_of()
    found = place.volume.collect()
    assert 0 < found.rewritten < found.condemned
    assert share_of_garbage(place, THIRD) <= MOST_GARBAGE
    assert read_range(place.volume, part.id) == THIRD.data
    place.wait()
    assert place.volume.collect().removed == found.condemned
    assert place.bytes_of() == before - found.condemned + found.rewritten
    assert read_range(place.volume, part.id) == THIRD.data
    assert place.asked(SCOPE, THIRD) == 0


def test_what_moves_lies_as_the_newest_disk_has_it() -> None:
    place = Place()
    whole = pushed(place.volume, SCOPE, FULL)
    pushed(place.volume, SCOPE, content_of(THIRD.data[SEGMENT:] + THIRD.data[:SEGMENT]))
    place.clock.now += 1
    pushed(place.volume, SCOPE, TWICE)
    place.volume.release(whole.id)
    before = place.entries()
    place.settle()
    assert len(set(TWICE.names[0])) < len(TWICE.names[0])
    order = list(dict.fromkeys(name for segment in TWICE.names for name in TWICE.names[segment]))
    made = [entries for name, entries in place.entries().items() if name not in before]
    assert made
    for entries in made:
        # What only the older disk has comes last.
        turns = [order.index(entry.name) if entry.name in order else len(order) for entry in entries]
        assert turns == sorted(turns)
        assert len({entry.name for entry in entries}) == len(entries)


@pytest.mark.parametrize("index", [True, False])
def test_moved_chunks_are_found_after_a_restart(place: Place, index: bool) -> None:  # noqa: FBT001
    part = half_dead(place)
    place.volume.collect()
    rows = dict(place.index.rows[Table.CHUNKS])
    place.reopen(index=index)
    assert place.index.rows[Table.CHUNKS] == rows
    assert read_range(place.volume, part.id) == THIRD.data
    place.settle()
    assert read_range(place.volume, part.id) == THIRD.data


def test_packs_that_a_push_holds_are_left_alone(place: Place) -> None:
    part = half_dead(place)
    push = begin(place.volume, SCOPE)
    send(push, FULL, FULL.pages)
    before = place.entries()
    assert place.volume.collect().rewritten == 0
    assert place.entries() == before
    place.settle()
    root = push.commit(FULL.layout, holder(SCOPE))
    assert read_range(place.volume, root.id) == FULL.data
    place.volume.release(root.id)
    place.settle()
    assert share_of_garbage(place, THIRD) <= MOST_GARBAGE
    assert read_range(place.volume, part.id) == THIRD.data


def test_a_push_at_any_step_keeps_what_it_finds(place: Place) -> None:
    found: list[Root] = []
    for step in itertools.count():
        part = half_dead(place)
        found.clear()
        place.volume.collect(at_step(step, lambda: found.append(pushed(place.volume, SCOPE, FULL))))
        if not found:
            break
        place.settle()
        assert read_range(place.volume, found[0].id) == FULL.data
        assert read_range(place.volume, part.id) == THIRD.data
        for root in (found[0], part):
            place.volume.release(root.id)
        place.settle()
        assert place.packs() == []
    assert step > 20


def test_a_push_that_has_found_chunks_at_any_step_may_pin_them_late(place: Place) -> None:
    pushes: list[Push] = []

    def found() -> None:
        pushes.append(begin(place.volume, SCOPE))
        send(pushes[0], FULL, FULL.pages)

    for step in itertools.count():
        part = half_dead(place)
        pushes.clear()
        place.volume.collect(at_step(step, found))
        place.volume.release(part.id)
        place.settle()
        if not pushes:
            break
        root = pushes[0].commit(FULL.layout, holder(SCOPE))
        assert read_range(place.volume, root.id) == FULL.data
        place.volume.release(root.id)
        place.settle()
    assert step > 20


def test_leases_may_lapse_at_any_step(place: Place) -> None:
    waited: list[float] = []

    def wait() -> None:
        waited.append(LEASE_SECONDS)
        place.clock.now += LEASE_SECONDS
        place.volume.maintain()

    for step in itertools.count():
        root = half_dead(place)
        waited.clear()
        assert place.volume.collect(at_step(step, wait)).rewritten
        assert read_range(place.volume, root.id) == THIRD.data
        if not waited:
            break
        place.volume.release(root.id)
        place.settle()
    assert step > 20


def test_of_two_records_of_a_chunk_one_moves() -> None:
    place = Place()
    few = [mixed(FULL.names[segment]) for segment in (0, 1)]
    one, two = begin(place.volume, SCOPE), begin(place.volume, OTHER)
    streams = [push.attach(lambda *_: None, lambda _: None) for push in (one, two)]
    for stream, sent in zip(streams, ([few[0]], few), strict=True):
        for segment, names in enumerate(sent):
            stream.offer_segment(segment, FULL.pages[segment])
            stream.receive(b"".join(record_of(FULL.chunks[name]) for name in names))
    for stream in streams:
        stream.flush()
    hidden = sorted(PackRow.decode(row).hidden for row in place.index.rows[Table.PACKS].values())
    assert hidden == [0, len(few[0])]
    part = pushed(place.volume, SCOPE, THIRD)
    one.abort()
    two.abort()
    place.settle()
    names = [entry.name for found in place.entries().values() for entry in found]
    assert len(set(names)) == len(names)
    assert read_range(place.volume, part.id) == THIRD.data


def mixed(names: list[bytes]) -> list[bytes]:
    """Two that THIRD has, and four that it has not."""
    return [n for n in names if n in THIRD.chunks][:2] + [n for n in names if n not in THIRD.chunks][:4]


def test_a_record_that_could_not_be_read_just_then_is_not_let_go() -> None:
    reads = collected_with_failing_reads(0, 0)
    assert reads > 10
    for spared in range(reads):
        # A range that cannot be read, nor once more, nor then the first half of it.
        collected_with_failing_reads(spared, 3)


def collected_with_failing_reads(spared: int, times: int) -> int:
    """Collect while some reads fail after others were spared, and find all still there; how many reads that took."""
    place = Place()
    part = half_dead(place)
    read, calls = place.store.read, itertools.count()

    def failing(name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        if spared <= next(calls) < spared + times:
            raise StoreFailed(name, "read", errno.EIO)
        return read(name, offset, length)

    place.store.read = failing  # type: ignore[method-assign]
    with suppress(CollectionStopped, StoreFailed):
        place.volume.collect()
    place.store.read = read  # type: ignore[method-assign]
    assert read_range(place.volume, part.id) == THIRD.data
    place.settle()
    assert read_range(place.volume, part.id) == THIRD.data
    assert share_of_garbage(place, THIRD) <= MOST_GARBAGE
    return next(calls)


def test_a_pack_that_does_not_read_back_is_not_used(place: Place) -> None:
    part = half_dead(place)
    create = place.store.create

    def failing(name: str) -> ObjectWriter:
        writer = create(name)
        append, records = writer.append, itertools.count()

        def flipping(data: bytes) -> None:
            # The header of the pack comes first, then records.
            append(data[:100] + bytes([data[100] ^ 1]) + data[101:] if next(records) == 1 else data)

        writer.append = flipping  # type: ignore[method-assign,assignment]
        return writer

    place.store.create = failing  # type: ignore[method-assign]
    with pytest.raises(CollectionStopped, match="read back"):
        place.volume.collect()
    place.store.create = create  # type: ignore[method-assign]
    assert read_range(place.volume, part.id) == THIRD.data
    place.reopen()
    place.settle()
    assert read_range(place.volume, part.id) == THIRD.data
    assert share_of_garbage(place, THIRD) <= MOST_GARBAGE


def test_a_pack_that_nobody_was_told_of_goes() -> None:
    place = Place()
    apply = place.index.apply

    def failing(batch: Batch) -> None:
        if any(table is Table.PACKS for table, _, _ in batch):
            raise StoreFailed("index", "apply", 5)
        apply(batch)

    place.index.apply = failing  # type: ignore[method-assign]
    with pytest.raises(StoreFailed):
        send(begin(place.volume, SCOPE), THIRD, [0])
    place.reopen()
    assert len(place.entries()) == 1
    place.clock.now += LEASE_SECONDS
    place.volume.maintain()
    place.settle()
    assert place.packs() == []


def test_a_reader_reads_on_at_any_step(place: Place) -> None:
    for step in itertools.count():
        part = half_dead(place)
        with place.volume.open_read(part.id) as reader:
            pieces = reader.range(0, len(THIRD.data))
            found = [next(pieces)]
            place.volume.collect(at_step(step, partial(read_one, pieces, found)))
            stepped = len(found) > 1
            place.wait()
            assert place.volume.collect().removed == 0
            found += pieces
        assert b"".join(piece.data or bytes(piece.length) for piece in found) == THIRD.data
        place.volume.release(part.id)
        place.settle()
        if not stepped:
            break
    assert step > 20


def read_one(pieces: Iterator[Piece], found: list[Piece]) -> None:
    found.append(next(pieces))


def test_a_crash_between_sealing_and_moving_leaves_garbage(place: Place) -> None:
    part = half_dead(place)
    apply = place.index.apply

    def failing(batch: Batch) -> None:
        if any(table is Table.PACKS and value and not PackRow.decode(value).condemned for table, _, value in batch):
            raise OSError("cut off")
        apply(batch)

    place.index.apply = failing  # type: ignore[method-assign]
    with pytest.raises(OSError, match="cut off"):
        place.volume.collect()
    place.reopen()
    hidden = [row for row in map(PackRow.decode, place.index.rows[Table.PACKS].values()) if row.hidden]
    assert [row.hidden for row in hidden] == [row.records for row in hidden] != []
    place.settle()
    assert share_of_garbage(place, THIRD) <= MOST_GARBAGE
    assert not any(PackRow.decode(row).hidden for row in place.index.rows[Table.PACKS].values())
    assert read_range(place.volume, part.id) == THIRD.data


def test_a_pack_with_a_bad_record_stays_until_there_is_a_good_one(place: Place) -> None:
    part = half_dead(place)
    name, entry = next((n, e) for n, found in place.entries().items() for e in found if e.name in THIRD.chunks)
    spoil(place.store, name, entry.offset + 80)
    place.settle()
    place.volume.assess()
    assert name in place.packs()
    assert place.volume.lacking() == {part.id: 1}
    moved = {e.name for other, found in place.entries().items() if other != name for e in found}
    left = {e.name for e in place.entries()[name]}
    assert left & THIRD.chunks.keys() == (left & moved) | {entry.name}
    place.settle()
    assert name in place.packs()
    again = pushed(place.volume, SCOPE, THIRD)
    assert read_range(place.volume, part.id) == THIRD.data
    place.volume.release(again.id)
    place.volume.assess()
    place.settle()
    assert name not in place.packs()
    assert read_range(place.volume, part.id) == THIRD.data


def test_a_budget_spreads_the_work_over_collections() -> None:
    place = Place(rewrite_bytes=6000)
    part = half_dead(place)
    rewritten = [place.volume.collect().rewritten]
    while rewritten[-1]:
        rewritten.append(place.volume.collect().rewritten)
    assert len(rewritten) > 2
    assert all(size <= 6000 + 2 * SMALL_RULE.max_chunk + 600 for size in rewritten)
    assert share_of_garbage(place, THIRD) <= MOST_GARBAGE
    assert read_range(place.volume, part.id) == THIRD.data


def test_small_packs_are_merged() -> None:
    place = Place()
    made = [pushed(place.volume, SCOPE, content_of(sample(1 / 16, seed))) for seed in range(10, 20)]
    place.volume.release(made.pop().id)
    before = len(place.entries()), len(place.entries("pages/"))
    place.settle()
    assert len(place.entries()) < before[0] - 6
    assert len(place.entries("pages/")) < before[1] - 6
    for seed, root in enumerate(made, start=10):
        assert read_range(place.volume, root.id) == sample(1 / 16, seed)


def test_small_packs_of_many_scopes_are_merged_into_one() -> None:
    place = Place("scope")
    made = [pushed(place.volume, UUID(int=seed), content_of(sample(1 / 32, seed))) for seed in range(10, 20)]
    place.volume.release(made.pop().id)
    place.settle()
    assert (len(place.entries()), len(place.entries("pages/"))) == (1, 1)
    assert {entry.domain for found in place.entries().values() for entry in found} == {root.domain for root in made}
    for seed, root in enumerate(made, start=10):
        assert read_range(place.volume, root.id) == sample(1 / 32, seed)


def share(number: int, live: int, dead: int, size: int | None = None, kind: int = DATA) -> Share:
    return Share(PackId(1, number), PackRow(kind, size or live + dead, 1), live, dead)


SIZES = {DATA: 1000, PAGES: 100}


def test_the_emptiest_are_chosen_until_little_is_garbage() -> None:
    shares = [share(1, 900, 100), share(2, 500, 500), share(3, 200, 800), share(4, 1000, 0)]
    assert [s.pack.number for s in chosen(shares, (), SIZES, 10_000)] == [3, 2]
    assert [s.pack.number for s in chosen(shares, {PackId(1, 3)}, SIZES, 10_000)] == [2]
    assert [s.pack.number for s in chosen(shares, (), SIZES, 600)] == [3]
    assert [s.pack.number for s in chosen(shares, (), SIZES, 1)] == [3]
    assert chosen([share(1, 860, 140)] * 9, (), SIZES, 10_000) == []
    assert chosen([share(1, 840, 160), *[share(2, 1000, 0)] * 9], (), SIZES, 10_000) == []


def test_small_packs_are_chosen_when_there_are_many() -> None:
    small = [share(number, 200, 0) for number in range(8)]
    assert chosen(small, (), SIZES, 10_000) == small
    assert chosen(small[1:], (), SIZES, 10_000) == []
    assert chosen(small, {PackId(1, 5)}, SIZES, 10_000) == []
    assert chosen([*small[1:], share(8, 250, 0)], (), SIZES, 10_000) == []
    assert chosen([*small[1:], share(8, 20, 0, kind=PAGES)], (), SIZES, 10_000) == []
