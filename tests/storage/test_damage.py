"""What counts as missing does so until there is a good record of it, or nothing needs it, whatever else goes on."""

import random
import threading
from collections.abc import Callable

import pytest

from galleria_storage.digest import name_of
from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.records import PAGE, encode_header
from galleria_storage.volume import LayoutIncomplete, RecordsUnreadable
from galleria_storage.volume.chunks import ChunkTable
from galleria_storage.volume.rows import ChunkRow, chunk_key
from tests.storage.test_scrub import FIRST, OTHER, SCOPE, chunk, failing_reads, record_at, scrub, spoil_chunks
from tests.support.collected_volume import Place
from tests.support.rot import spoil
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import begin, content_of, holder, pushed, read_range, sample, send, unknown_segments

ONE = content_of(FIRST.data[: SMALL_RULE.segment])


@pytest.fixture(params=["volume", "scope"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


def reading(place: Place, act: Callable[[str, int], None]) -> Callable[[str, int, int | None], bytes | None]:
    """The store's `read`, but `act` is called after each with the object's name and the offset."""
    read = place.store.read

    def acting(name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        data = read(name, offset, length)
        act(name, offset)
        return data

    return acting


def doubtful(place: Place) -> bool:
    return place.volume.doubtful


def once(act: Callable[[], object]) -> Callable[[], None]:
    left = [act]

    def acting() -> None:
        if left:
            left.pop()()

    return acting


def test_nothing_is_forgotten_that_comes_to_be_missing_beside_an_assessment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(1))
    apply, scan = place.index.apply, place.index.scan
    looked = threading.Event()
    beside = threading.Thread(target=place.volume.assess)

    def scanning(table: Table, prefix: bytes = b"") -> object:
        found = list(scan(table, prefix))
        if prefix == b"missing" and threading.current_thread() is beside:
            looked.set()
        return iter(found)

    def applying(batch: Batch) -> None:
        if any(key.startswith(b"missing") for _, key, value in batch if value is not None) and not beside.ident:
            beside.start()
            # Whoever holds the lock looks only afterwards.
            looked.wait(1)
        apply(batch)

    monkeypatch.setattr(place.index, "scan", scanning)
    monkeypatch.setattr(place.index, "apply", applying)
    place.volume.scrub(lambda _: None)
    beside.join()
    place.volume.assess()
    assert place.volume.lacking() == {root.id: 1}
    again = pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, again.id) == FIRST.data


def test_what_is_good_after_all_is_not_taken_back_from_a_condemned_pack(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pushed(place.volume, SCOPE, ONE)
    pack, entry = record_at(place, chunk(0))
    before = place.store.read(pack) or b""
    spoil_chunks(place, *{found.name for found in place.entries()[pack]})
    scrub(place)
    place.volume.release(root.id)
    place.volume.assess()
    place.store.replace(pack, before)
    condemn = once(place.volume.collect)

    def act(name: str, offset: int) -> None:
        if name == pack and offset == entry.offset:
            condemn()

    with monkeypatch.context() as beside:
        beside.setattr(place.store, "read", reading(place, act))
        assert place.volume.scrub(lambda _: None).healed == 0
    assert pack + ".condemned" in place.packs()
    again = pushed(place.volume, OTHER, ONE)
    place.wait()
    place.settle()
    assert read_range(place.volume, again.id) == ONE.data


def test_no_marker_stays_of_a_pack_that_goes_while_it_is_looked_at(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, _ = record_at(place, chunk(1))
    spoil_chunks(place, chunk(1))

    def drop() -> None:
        place.volume.release(root.id)
        place.settle()

    dropping = once(drop)
    # The header is read again, as the last thing before the record is put aside.
    heads: list[int] = []

    def act(name: str, offset: int) -> None:
        if name == pack and offset == 0:
            heads.append(offset)
            if len(heads) > 1:
                dropping()

    monkeypatch.setattr(place.store, "read", reading(place, act))
    found = place.volume.scrub(lambda _: None)
    assert pack not in place.packs()
    assert (found.bad, [name for name in place.packs() if name.endswith(".bad")]) == (0, [])
    assert not place.volume.lacking()


def test_records_of_a_pack_that_goes_while_it_is_read_are_not_told_as_bad(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, _ = record_at(place, chunk(1))

    def drop() -> None:
        place.volume.release(root.id)
        place.settle()

    dropping = once(drop)

    def act(name: str, offset: int) -> None:
        if name == f"{pack}.bad" and not offset:
            dropping()

    monkeypatch.setattr(place.store, "read", reading(place, act))
    found = place.volume.scrub(lambda _: None)
    assert pack not in place.packs()
    assert (found.bad, found.lost, found.damaged) == (0, 0, 0)


@pytest.mark.parametrize("folder", ["roots/", "pages/"])
def test_what_is_missing_stays_so_while_what_may_need_it_cannot_be_read(
    place: Place, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    other = content_of(sample(1, 43))
    pushed(place.volume, OTHER, other)
    root = pushed(place.volume, SCOPE, ONE)
    pack, _ = record_at(place, chunk(0))
    place.reopen()
    names = {entry.name for entry in place.entries()[pack]}
    spoil_chunks(place, *names)
    place.volume.scrub(lambda _: None)
    with monkeypatch.context() as away:
        away.setattr(place.store, "read", failing_reads(place, lambda name, *_: name.startswith(folder)))
        place.volume.assess()
        assert not doubtful(place)
    place.volume.release(pushed(place.volume, OTHER, content_of(sample(1, 44))).id)
    place.settle()
    assert pack in place.packs()
    # It is looked at again with the next damage.
    spoil_chunks(place, other.names[0][0])
    scrub(place)
    assert place.volume.lacking()[root.id] == len(names)
    again = pushed(place.volume, SCOPE, ONE)
    assert read_range(place.volume, root.id) == read_range(place.volume, again.id) == ONE.data


def test_what_only_a_missing_page_needs_is_known_once_that_is_back(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    name = root.layout.pages[1]
    assert name is not None
    pack, entry = record_at(place, name, "pages/")
    before = place.store.read(pack) or b""
    spoil(place.store, pack, entry.offset + 80)
    spoil_chunks(place, chunk(1))
    scrub(place)
    assert place.volume.lacking() == {root.id: 1}
    place.store.replace(pack, before)
    assert scrub(place).healed == 1
    assert place.volume.lacking() == {root.id: 1}
    assert unknown_segments(begin(place.volume, SCOPE), FIRST) == [1]


def test_what_comes_to_be_missing_while_a_push_is_looked_at_is_seen_before_it_is_pinned(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = content_of(sample(1, 43))
    pushed(place.volume, OTHER, other)
    push = begin(place.volume, SCOPE)
    send(push, FIRST, FIRST.pages)
    spoil_chunks(place, other.names[0][0])
    scrub(place)

    def rot() -> None:
        spoil_chunks(place, chunk(1))
        scrub(place)

    rotting = once(rot)

    def act(name: str, _: int) -> None:
        if name.startswith("pages/"):
            rotting()

    with monkeypatch.context() as beside:
        beside.setattr(place.store, "read", reading(place, act))
        with pytest.raises(LayoutIncomplete):
            push.commit(FIRST.layout, holder(SCOPE))
    send(push, FIRST, unknown_segments(push, FIRST))
    root = push.commit(FIRST.layout, holder(SCOPE))
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_reader_that_finds_no_row_lets_the_next_push_bring_it(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    batch = Batch()
    batch.delete(Table.CHUNKS, chunk_key(1, root.domain, chunk(1)))
    place.index.apply(batch)
    for _ in range(2):
        with place.volume.open_read(root.id) as reader, pytest.raises(RecordsUnreadable):
            list(reader.records(1))
        place.volume.assess()
        assert place.volume.lacking() == {root.id: 1}
    # What is known is no news.
    assert unknown_segments(begin(place.volume, SCOPE), FIRST) == [1]
    again = pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, again.id) == FIRST.data


def test_a_damaged_root_does_not_hide_what_the_others_lack(place: Place) -> None:
    lost = pushed(place.volume, OTHER, content_of(sample(1, 44)))
    root = pushed(place.volume, SCOPE, FIRST)
    spoil(place.store, f"roots/{lost.id.hex}", 200)
    spoil_chunks(place, chunk(1))
    place.reopen()
    scrub(place)
    assert place.volume.lacking() == {root.id: 1}
    assert not doubtful(place)
    assert unknown_segments(begin(place.volume, SCOPE), FIRST) == [0, 1, 2]
    place.volume.abandon(lost.id)
    assert doubtful(place)
    place.volume.assess()
    assert unknown_segments(begin(place.volume, SCOPE), FIRST) == [1]


def test_an_assessment_ends_whatever_is_pinned_beside_it(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(1))
    place.volume.scrub(lambda _: None)
    pinned: list[int] = []

    def pin() -> None:
        assert len(pinned) < 50
        pinned.append(len(pinned))
        pushed(place.volume, OTHER, content_of(sample(0.1, 1000 + len(pinned))))

    place.volume.assess(pin)
    assert pinned
    assert place.volume.lacking() == {root.id: 1}
    assert unknown_segments(begin(place.volume, SCOPE), FIRST) == [1]


def test_to_ask_for_news_reads_nothing_however_much_is_missing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(1))
    scrub(place)
    with monkeypatch.context() as away:
        for method in ("get", "scan"):
            away.setattr(place.index, method, None)
        assert not doubtful(place)
    # A push that has nothing of it is no news, one that brings it is.
    pushed(place.volume, OTHER, content_of(sample(1, 44)))
    assert not doubtful(place)
    pushed(place.volume, SCOPE, FIRST)
    assert doubtful(place)
    place.volume.assess()
    assert not doubtful(place)
    assert not place.volume.lacking()


def test_an_assessment_ends_whatever_is_given_up_beside_it(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(1))
    place.volume.scrub(lambda _: None)
    given_up: list[int] = []

    def give_up() -> None:
        assert len(given_up) < 50
        given_up.append(len(given_up))
        place.volume.release(pushed(place.volume, OTHER, content_of(sample(0.1, 1000 + len(given_up)))).id)

    place.volume.assess(give_up)
    assert given_up
    assert place.volume.lacking() == {root.id: 1}
    # Something may need less now.
    assert doubtful(place)
    place.volume.assess()
    assert not doubtful(place)


@pytest.mark.parametrize("abandoned", [False, True])
def test_what_is_bad_goes_with_the_last_root_that_needed_it(place: Place, *, abandoned: bool) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(1))
    scrub(place)
    place.volume.abandon(root.id) if abandoned else place.volume.release(root.id)
    assert place.volume.usage().damaged_roots == 0
    assert doubtful(place)
    place.volume.assess()
    assert not doubtful(place)
    place.settle()
    assert place.packs() == []


def test_what_a_push_may_need_stays_missing_until_it_has_ended(place: Place) -> None:
    push = begin(place.volume, SCOPE)
    send(push, FIRST, FIRST.pages)
    spoil_chunks(place, chunk(1))
    scrub(place)
    assert not doubtful(place)
    with pytest.raises(LayoutIncomplete):
        push.commit(FIRST.layout, holder(SCOPE))
    push.abort()
    assert doubtful(place)
    place.volume.assess()
    place.settle()
    assert place.packs() == []


def alone_unreadable(place: Place, name: str, part: str) -> Callable[[str, int, int | None], bytes | None]:
    return failing_reads(place, lambda read, start, _: read == name and (part == "all" or start < 48))


@pytest.mark.parametrize("part", ["all", "header"])
def test_a_pack_that_cannot_be_read_does_not_keep_a_scrub_from_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, _ = record_at(place, chunk(1))
    other, _ = record_at(place, chunk(2))
    assert other > pack
    spoil_chunks(place, chunk(1), chunk(2))
    monkeypatch.setattr(place.store, "read", alone_unreadable(place, pack, part))
    found = scrub(place)
    assert (found.packs, found.damaged, found.bad) == (found.total_packs, 1, 1)
    assert place.volume.lacking()[root.id] >= 2
    again = pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, root.id) == read_range(place.volume, again.id) == FIRST.data
    place.volume.assess()
    place.settle()
    assert pack not in place.packs()


@pytest.mark.parametrize("part", ["all", "header"])
def test_a_reader_puts_aside_what_lies_in_a_pack_that_cannot_be_read(
    place: Place, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, _ = record_at(place, chunk(1))
    spoil_chunks(place, chunk(1))
    place.volume.release(pushed(place.volume, OTHER, content_of(b"x")).id)
    monkeypatch.setattr(place.store, "read", alone_unreadable(place, pack, part))
    with place.volume.open_read(root.id) as reader, pytest.raises(RecordsUnreadable):
        list(reader.records(1))
    place.volume.collect()
    place.volume.assess()
    again = pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, again.id) == FIRST.data


def test_a_bad_sector_does_not_take_along_what_is_read_with_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1, 3))
    sector = entry.offset + 80
    fails = failing_reads(place, lambda name, start, end: name == pack and start <= sector < end)
    monkeypatch.setattr(place.store, "read", fails)
    with place.volume.open_read(root.id) as reader, pytest.raises(RecordsUnreadable) as error:
        list(reader.records(1))
    assert error.value.names == (chunk(1, 3),)


def test_the_good_one_of_two_records_is_kept_and_comes_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1))
    # A damaged footer has the pack rewritten.
    spoil(place.store, pack, -1)
    place.volume.scrub(lambda _: None)
    apply = place.index.apply

    def failing(batch: Batch) -> None:
        # The new pack of a compaction is sealed, and no row comes to name it.
        if any(table is Table.CHUNKS for table, _, value in batch if value is not None):
            raise StoreFailed("index", "writing", 5)
        apply(batch)

    with monkeypatch.context() as crashing:
        crashing.setattr(place.index, "apply", failing)
        with pytest.raises(StorageError):
            place.volume.collect()
    place.reopen()
    spoil(place.store, pack, entry.offset + 75)
    with place.volume.open_read(root.id) as reader, pytest.raises(RecordsUnreadable):
        list(reader.records(1))
    place.volume.assess()
    place.settle()
    assert scrub(place).healed == 1
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_record_made_up_inside_a_chunk_does_not_stand_for_a_page(place: Place) -> None:
    target = content_of(sample(0.02, 77))
    page = target.pages[0]
    inner = encode_header(PAGE, 0, 0, 0, 0, len(page), name_of(page), memoryview(page)) + page
    evil = content_of(random.Random(6).randbytes(60) + inner + random.Random(7).randbytes(80))
    pushed(place.volume, SCOPE, evil)
    pack, entry = record_at(place, evil.names[0][0])
    spoil(place.store, pack, entry.offset + 75, -1)
    place.reopen(index=False)
    other = pushed(place.volume, OTHER, target)
    assert read_range(place.volume, other.id) == target.data


def test_what_a_rebuild_could_not_read_comes_back_when_it_can_be_read(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1))
    before = place.store.read(pack) or b""
    spoil(place.store, pack, entry.offset + 75, -1)
    place.reopen(index=False)
    place.store.replace(pack, before)
    assert scrub(place).healed == 1
    assert read_range(place.volume, root.id) == FIRST.data


def test_dead_records_that_no_row_names_are_no_news(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    key = chunk_key(1, root.domain, chunk(1))
    (value,) = place.index.get(Table.CHUNKS, [key])
    assert value is not None
    batch = Batch()
    batch.delete(Table.CHUNKS, key)
    ChunkTable(place.index).hide(batch, ChunkRow.decode(value).pack, 1)
    place.index.apply(batch)
    assert place.volume.scrub(lambda _: None).healed == 0
    assert place.index.get(Table.CHUNKS, [key]) == [value]


def test_a_pack_that_has_lost_nothing_is_salvaged_without_looking_through_the_index(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(place.volume, SCOPE, FIRST)
    pack, _ = record_at(place, chunk(1))
    spoil(place.store, pack, -1)
    scanned: list[Table] = []
    scan = place.index.scan

    def scanning(table: Table, prefix: bytes = b"") -> object:
        scanned.append(table)
        return scan(table, prefix)

    monkeypatch.setattr(place.index, "scan", scanning)
    assert place.volume.scrub(lambda _: None).damaged == 1
    assert Table.CHUNKS not in scanned
    spoil(place.store, pack, 48 + 75)
    assert place.volume.scrub(lambda _: None).damaged == 1
    assert Table.CHUNKS in scanned
