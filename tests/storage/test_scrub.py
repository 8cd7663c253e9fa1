"""Scrub and quarantine: what is bad is found, counts as missing at once, and the next push of it brings it again."""

from collections.abc import Callable
from uuid import UUID

import pytest

from galleria_storage.index.store import Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.packs import bad
from galleria_storage.packs.format import Entry
from galleria_storage.records import encode_header
from galleria_storage.volume import (
    CollectionStopped,
    LayoutIncomplete,
    RecordsUnreadable,
    Root,
    Scrubbed,
    Volume,
    VolumeClosed,
)
from tests.support.collected_volume import Place
from tests.support.rot import spoil
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import begin, content_of, holder, pushed, read_range, sample, send, unknown_segments

SCOPE, OTHER = UUID(int=1), UUID(int=2)
FIRST = content_of(sample(3, 1))
SECOND = content_of(FIRST.data[: 2 * SMALL_RULE.segment] + sample(1, 2))
EIO = StoreFailed("packs/x", "reading", 5)


@pytest.fixture(params=["volume", "scope"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


def scrub(place: Place, **how: bool) -> Scrubbed:
    found = place.volume.scrub(lambda _: None, **how)
    place.volume.assess()
    return found


def record_at(place: Place, name: bytes, folder: str = "packs/") -> tuple[str, Entry]:
    return next((pack, e) for pack, found in place.entries(folder).items() for e in found if e.name == name)


def spoil_chunks(place: Place, *names: bytes) -> None:
    for name in names:
        pack, entry = record_at(place, name)
        spoil(place.store, pack, entry.offset + 75)


def chunk(segment: int, position: int = 0) -> bytes:
    return FIRST.names[segment][position]


def test_a_good_volume_is_read_once_and_found_good(place: Place) -> None:
    pushed(place.volume, SCOPE, FIRST)
    steps: list[Scrubbed] = []
    found = place.volume.scrub(steps.append)
    packs = place.packs()
    assert found == Scrubbed(packs=len(packs), total_packs=len(packs), size=found.size)
    footers = sum(96 + 56 * len(entries) for f in ("packs/", "pages/") for entries in place.entries(f).values())
    roots = sum(info.size for info in place.store.list("roots/"))
    assert found.size == place.bytes_of() - footers + roots
    assert steps[-1] == found
    assert [step.size for step in steps] == sorted(step.size for step in steps)
    assert not place.volume.doubtful


@pytest.mark.parametrize("at", [0, 5, 21, 33, 45, 75], ids=["magic", "check", "codec", "length", "name", "payload"])
def test_a_bad_record_is_missing_at_once_and_healed_by_the_next_push(place: Place, at: int) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1))
    spoil(place.store, pack, entry.offset + at)
    assert scrub(place).bad == 1
    assert place.volume.lacking() == {root.id: 1}
    assert place.asked(SCOPE, FIRST) == 1
    again = pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, root.id) == read_range(place.volume, again.id) == FIRST.data
    assert place.volume.doubtful
    place.volume.assess()
    assert place.volume.lacking() == {}
    assert place.asked(SCOPE, FIRST) == 0
    assert scrub(place).bad == 0


def test_a_known_page_is_not_known_as_long_as_it_is_not_known_what_lacks_something(place: Place) -> None:
    pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(1))
    place.volume.scrub(lambda _: None)
    push = begin(place.volume, SCOPE)
    assert unknown_segments(push, FIRST) == [0, 1, 2]
    place.volume.assess()
    assert unknown_segments(begin(place.volume, SCOPE), FIRST) == [1]
    push.abort()


def test_only_roots_that_need_it_lack_it(place: Place) -> None:
    both = [pushed(place.volume, SCOPE, content) for content in (FIRST, SECOND)]
    third = pushed(place.volume, OTHER, content_of(sample(1, 9)))
    spoil_chunks(place, chunk(0), chunk(2), chunk(2, 1))
    scrub(place)
    assert place.volume.lacking() == {both[0].id: 3, both[1].id: 1}
    place.volume.release(both[0].id)
    place.volume.collect()
    place.volume.assess()
    assert read_range(place.volume, third.id) == sample(1, 9)
    place.reopen()
    assert place.volume.lacking()[both[1].id] == 1


@pytest.mark.parametrize("assessed", [False, True])
def test_no_root_is_pinned_that_is_known_to_lack_something(place: Place, *, assessed: bool) -> None:
    pushed(place.volume, SCOPE, FIRST)
    push = begin(place.volume, SCOPE)
    assert unknown_segments(push, FIRST) == []
    spoil_chunks(place, chunk(1))
    place.volume.scrub(lambda _: None)
    if assessed:
        place.volume.assess()
    with pytest.raises(LayoutIncomplete) as error:
        push.commit(FIRST.layout, holder(SCOPE))
    assert (error.value.first, error.value.missing) == (1, 1)
    assert push.durable_segments() == {0, 2}
    send(push, FIRST, unknown_segments(push, FIRST))
    root = push.commit(FIRST.layout, holder(SCOPE))
    assert read_range(place.volume, root.id) == FIRST.data
    place.volume.assess()
    assert place.volume.lacking() == {}


def test_a_push_that_goes_on_is_asked_again_for_what_it_had_sent(place: Place) -> None:
    push = begin(place.volume, SCOPE)
    send(push, FIRST, unknown_segments(push, FIRST))
    spoil_chunks(place, chunk(1))
    scrub(place)
    assert unknown_segments(push, FIRST) == [1]
    assert send(push, FIRST, [1]).asked == {1: [chunk(1)]}
    root = push.commit(FIRST.layout, holder(SCOPE))
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_reader_puts_aside_what_it_cannot_read(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(2))
    with place.volume.open_read(root.id) as reader, pytest.raises(RecordsUnreadable) as error:
        list(reader.records(2))
    assert error.value.names == (chunk(2),)
    place.volume.assess()
    assert place.volume.lacking() == {root.id: 1}
    pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_bad_page_is_healed_too(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    name = root.layout.pages[1]
    assert name is not None
    pack, entry = record_at(place, name, "pages/")
    spoil(place.store, pack, entry.offset + 80)
    pushed(place.volume, OTHER, content_of(b"garbage"))
    place.volume.release(pushed(place.volume, OTHER, content_of(b"more")).id)
    with pytest.raises(CollectionStopped):
        place.volume.collect()
    assert scrub(place).bad == 1
    assert place.volume.lacking() == {root.id: 1}
    with pytest.raises(CollectionStopped):
        place.volume.collect()
    pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, root.id) == FIRST.data
    assert place.volume.collect().condemned > 0


def test_what_is_put_aside_stays_so_when_the_index_is_made_again(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(0), chunk(1))
    scrub(place)
    place.reopen(index=False)
    assert place.asked(SCOPE, FIRST) == 2
    place.volume.assess()
    assert place.volume.lacking() == {root.id: 2}
    pushed(place.volume, SCOPE, FIRST)
    place.reopen(index=False)
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_crash_before_anybody_knows_what_lacks_it_is_made_good(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(0))
    place.volume.scrub(lambda _: None)
    place.reopen()
    assert place.volume.doubtful
    assert unknown_segments(begin(place.volume, SCOPE), FIRST) == [0, 1, 2]
    place.volume.assess()
    assert place.volume.lacking() == {root.id: 1}


def test_forged_bytes_are_found_by_their_name_only(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1))
    data = bytearray(place.store.read(pack) or b"")
    begin_at, end = entry.offset, entry.offset + 72 + entry.stored_length
    data[begin_at + 75] ^= 1
    forged = memoryview(bytes(data[begin_at + 72 : end]))
    stated = (1, entry.codec, entry.flags, entry.zeros, entry.domain, entry.raw_length, entry.name)
    data[begin_at : begin_at + 72] = encode_header(*stated, forged)
    place.store.replace(pack, bytes(data))
    assert scrub(place).bad == 0
    assert scrub(place, names=True).bad == 1
    assert place.volume.lacking() == {root.id: 1}


def test_oldest_first_and_resumed_where_it_stopped(place: Place) -> None:
    pushed(place.volume, SCOPE, FIRST)
    packs = len(place.packs())

    def stop(found: Scrubbed) -> None:
        if found.packs == 2:
            raise VolumeClosed

    place.clock.now += 100
    with pytest.raises(VolumeClosed):
        place.volume.scrub(stop)
    assert place.volume.usage().scrubbed == 0
    started = place.clock.now
    place.clock.now += 100
    # The one it stopped at was looked at, but not noted.
    assert place.volume.scrub(lambda _: None, before=started).packs == packs - 1
    assert place.volume.usage().scrubbed == started
    place.clock.now += 100
    assert place.volume.scrub(lambda _: None, before=started).packs == 0
    assert place.volume.scrub(lambda _: None).packs == packs


@pytest.mark.parametrize("at", [-1, -40, 10], ids=["trailer", "count", "header"])
def test_a_pack_with_a_damaged_end_or_head_is_rewritten(place: Place, at: int) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, _ = record_at(place, chunk(1))
    spoil(place.store, pack, at)
    assert scrub(place).damaged == 1
    assert place.volume.lacking() == {}
    assert place.volume.collect().rewritten > 0
    place.wait()
    place.volume.collect()
    assert pack not in place.packs()
    assert read_range(place.volume, root.id) == FIRST.data
    assert scrub(place).damaged == 0


def test_collection_alone_rewrites_it_too(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1))
    spoil(place.store, pack, -1, entry.offset + 75)
    place.volume.release(pushed(place.volume, OTHER, content_of(b"x")).id)
    place.settle()
    place.volume.assess()
    assert place.volume.lacking() == {root.id: 1}
    pushed(place.volume, SCOPE, FIRST)
    place.settle()
    assert pack in place.packs()
    place.volume.assess()
    place.settle()
    assert pack not in place.packs()
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_pack_that_is_gone(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, _ = record_at(place, chunk(1))
    lost = {entry.name for entry in place.entries()[pack]}
    place.store.delete(pack)
    assert scrub(place).lost == 1
    assert place.volume.lacking() == {root.id: len(lost)}
    assert place.asked(SCOPE, FIRST) == len(lost)
    pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, root.id) == FIRST.data
    assert scrub(place).lost == 0


@pytest.mark.parametrize("footer", [False, True])
def test_what_is_good_after_all_is_taken_back(place: Place, *, footer: bool) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1))
    before = place.store.read(pack) or b""
    spoil(place.store, pack, entry.offset + 75, *([-1] if footer else []))
    assert scrub(place).healed == 0
    assert place.volume.lacking() == {root.id: 1}
    place.store.replace(pack, before)
    assert scrub(place).healed == 1
    assert place.volume.lacking() == {}
    assert read_range(place.volume, root.id) == FIRST.data
    assert place.asked(SCOPE, FIRST) == 0
    place.reopen(index=False)
    assert read_range(place.volume, root.id) == FIRST.data
    assert scrub(place).healed == 0


def test_what_came_again_meanwhile_stays_where_it_is(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1))
    before = place.store.read(pack) or b""
    spoil(place.store, pack, entry.offset + 75)
    scrub(place)
    pushed(place.volume, SCOPE, FIRST)
    place.store.replace(pack, before)
    assert scrub(place).healed == 0
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_medium_that_is_not_there_has_lost_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    reader = place.volume.open_read(root.id)
    with monkeypatch.context() as away:
        away.setattr(place.store, "read", lambda *_: None)
        with pytest.raises(StoreFailed):
            place.volume.scrub(lambda _: None)
        with pytest.raises(RecordsUnreadable):
            reader.page(0)
    assert not place.volume.doubtful
    assert read_range(place.volume, root.id) == FIRST.data


def failing_reads(
    place: Place, fails: Callable[[str, int, int], bool]
) -> Callable[[str, int, int | None], bytes | None]:
    read = place.store.read

    def reading(name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        if fails(name, offset, offset + (length or 1 << 30)):
            raise EIO
        return read(name, offset, length)

    return reading


def test_a_record_on_a_bad_sector_is_put_aside_and_its_neighbours_are_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(1))
    sector = entry.offset + 80
    fails = failing_reads(place, lambda name, start, end: name == pack and start <= sector < end)
    monkeypatch.setattr(place.store, "read", fails)
    assert scrub(place).bad == 1
    assert place.volume.lacking() == {root.id: 1}
    pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_place_that_fails_altogether_loses_no_record(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed(place.volume, SCOPE, FIRST)
    with monkeypatch.context() as away:
        away.setattr(place.store, "read", failing_reads(place, lambda name, *_: name.startswith("packs/")))
        with pytest.raises(StoreFailed):
            place.volume.scrub(lambda _: None)
    assert not place.volume.doubtful
    assert scrub(place).bad == 0


def test_a_damaged_root_file_is_told(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil(place.store, f"roots/{root.id.hex}", 200)
    assert scrub(place).roots == (root.id,)


def test_a_scrub_beside_a_collection_that_removes_packs(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    kept = pushed(place.volume, OTHER, SECOND)
    place.volume.release(root.id)
    removed: list[int] = []

    def collect(_: Scrubbed) -> None:
        place.volume.collect()
        place.wait()
        removed.append(place.volume.collect().removed)

    found = place.volume.scrub(collect)
    assert sum(removed) > 0
    assert (found.bad, found.damaged, found.lost) == (0, 0, 0)
    assert read_range(place.volume, kept.id) == SECOND.data
    scrubbed = {key for key in place.index.rows[Table.META] if key.startswith(b"scrubbed")}
    assert {key.removeprefix(b"scrubbed") for key in scrubbed} <= place.index.rows[Table.PACKS].keys()


def test_a_push_under_way_does_not_see_what_it_was_told_vanish(place: Place) -> None:
    pushed(place.volume, SCOPE, FIRST)
    push = begin(place.volume, SCOPE)
    stream = push.attach(lambda *_: None, lambda _: None)
    assert not any(stream.offer_segment(1, FIRST.pages[1]))
    spoil_chunks(place, chunk(1))
    scrub(place)
    send(push, FIRST, unknown_segments(push, FIRST))
    root: Root = push.commit(FIRST.layout, holder(SCOPE))
    assert read_range(place.volume, root.id) == FIRST.data


@pytest.mark.parametrize("offsets", [set(), {48}, set(range(48, 4000, 80))])
def test_a_marker_says_which(offsets: set[int]) -> None:
    assert bad.decode(bad.encode(offsets)) == offsets


def test_a_marker_that_is_not_whole_says_nothing() -> None:
    data = bad.encode({48, 200})
    assert bad.decode(None) == bad.decode(b"") == frozenset()
    for at in range(len(data)):
        assert bad.decode(data[:at]) == frozenset()
        assert bad.decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) == frozenset()
    assert bad.decode(data + b"\0") == frozenset()


@pytest.mark.parametrize("footer", [True, False])
def test_records_of_a_pack_that_was_made_out_without_its_footer_are_taken_back(place: Place, footer: bool) -> None:  # noqa: FBT001
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(0))
    rows = dict(place.index.rows[Table.PACKS])
    spoil(place.store, pack, entry.offset + 75, -1)
    place.reopen(index=False)
    spoil(place.store, pack, entry.offset + 75, *([-1] if footer else []))
    assert scrub(place).healed == 1
    assert read_range(place.volume, root.id) == FIRST.data
    assert place.index.rows[Table.PACKS] == rows


def test_a_bad_record_is_kept_also_by_an_index_that_was_made_again(place: Place) -> None:
    content = content_of(sample(0.1, 4))
    root = pushed(place.volume, SCOPE, content)
    pack, _ = record_at(place, content.names[0][0])
    spoil(place.store, pack, *(e.offset + 75 for e in place.entries()[pack]))
    scrub(place)
    place.reopen(index=False)
    place.volume.assess()
    place.settle()
    spoil(place.store, pack, *(e.offset + 75 for e in place.entries()[pack]))
    scrub(place)
    assert read_range(place.volume, root.id) == content.data


def test_a_pack_that_may_have_what_is_missing_is_kept_also_where_nobody_knows_what_it_had(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(0))
    spoil(place.store, pack, entry.offset + 75, -1)
    place.reopen(index=False)
    scrub(place)
    place.settle()
    spoil(place.store, pack, entry.offset + 75, -1)
    scrub(place)
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_pack_without_a_footer_gives_back_what_is_bad_where_it_was_moved(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pack, entry = record_at(place, chunk(0))
    moved = next(name for name in FIRST.names[0] if record_at(place, name)[0] == pack and name != chunk(0))
    spoil(place.store, pack, entry.offset + 75, -1)
    scrub(place)
    place.volume.collect()
    # Only a footer that is whole tells what lies where.
    spoil(place.store, pack, -1)
    found = {name: entries for name, entries in place.entries().items() if name != pack}
    spoil(place.store, pack, -1)
    name, other = next((name, e) for name, entries in found.items() for e in entries if e.name == moved)
    spoil(place.store, name, other.offset + 75)
    assert scrub(place).bad == 1
    scrub(place)
    assert place.volume.lacking() == {root.id: 1}


@pytest.mark.parametrize("give_up", [Volume.release, Volume.abandon])
def test_what_only_a_root_lacked_that_is_gone_is_missed_by_nobody(
    place: Place, give_up: Callable[[Volume, UUID], object]
) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    spoil_chunks(place, chunk(0), chunk(2))
    scrub(place)
    give_up(place.volume, root.id)
    assert place.volume.lacking() == {}
    assert place.volume.doubtful
    place.volume.assess()
    place.settle()
    assert place.packs() == []
