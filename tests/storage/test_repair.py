"""Repair: what one volume lacks comes from another, verified, chunk by chunk; and nothing else changes."""

import random
from collections.abc import Callable
from uuid import UUID

import pytest

from galleria_storage.errors import StorageError
from galleria_storage.index.store import Table
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.packs.format import Entry
from galleria_storage.records import encode_header
from galleria_storage.volume import LayoutDiffers, RecordsUnreadable, Root, RootMissing, Volume, VolumeClosed
from tests.support.collected_volume import Place
from tests.support.rot import spoil_records
from tests.support.simulated_disk import PowerCutError
from tests.support.volumes import Machine, content_of, pushed, read_range, sample

SCOPE, OTHER = UUID(int=1), UUID(int=2)
FIRST = content_of(sample(3, 1))
ROOT = UUID(int=11)


@pytest.fixture(params=[(a, b) for a in ("volume", "scope") for b in ("volume", "scope")], ids="-".join)
def places(request: pytest.FixtureRequest) -> tuple[Place, Place]:
    """Two volumes with the same content, each by dedup of its own."""
    here, there = Place(request.param[0]), Place(request.param[1])
    for place in (here, there):
        # So that domains differ too.
        pushed(place.volume, OTHER, content_of(b"x"))
        pushed(place.volume, SCOPE, FIRST, ROOT)
    return here, there


def record_at(place: Place, name: bytes) -> tuple[str, Entry]:
    return next((pack, e) for pack, found in place.entries().items() for e in found if e.name == name)


def rot(place: Place, *names: bytes) -> None:
    """Spoil the records of names, and let the volume find that out."""
    assert spoil_records(place.store, *names) == len(names)
    place.volume.scrub(lambda _: None)
    place.volume.assess()


def page(segment: int) -> bytes:
    name = FIRST.layout.pages[segment]
    assert name is not None
    return name


def repaired(here: Volume, there: Volume, going: Callable[[], None] = lambda: None) -> int:
    with there.open_read(ROOT) as source:
        found = here.repair(ROOT, source, going)
    here.assess()
    return found


def test_rot_in_one_copy_is_repaired_from_the_other(places: tuple[Place, Place]) -> None:
    here, there = places
    lost = [FIRST.names[0][0], FIRST.names[1][3], FIRST.names[2][-1]]
    rot(here, *lost)
    assert here.volume.lacking() == {ROOT: 3}
    assert repaired(here.volume, there.volume) == 3
    assert here.volume.lacking() == {}
    assert not here.volume.doubtful
    assert read_range(here.volume, ROOT) == FIRST.data
    assert here.asked(SCOPE, FIRST) == 0
    assert repaired(here.volume, there.volume) == 0
    here.reopen(index=False)
    assert read_range(here.volume, ROOT) == FIRST.data
    here.settle()
    assert read_range(here.volume, ROOT) == FIRST.data


def test_rot_at_different_chunks_heals_both(places: tuple[Place, Place]) -> None:
    here, there = places
    rot(here, FIRST.names[0][0], FIRST.names[2][1])
    rot(there, FIRST.names[0][1])
    assert repaired(here.volume, there.volume) == 2
    assert repaired(there.volume, here.volume) == 1
    for place in places:
        assert read_range(place.volume, ROOT) == FIRST.data


def test_a_chunk_that_no_copy_has_stays_missing_and_the_others_come(places: tuple[Place, Place]) -> None:
    here, there = places
    rot(here, FIRST.names[0][0], FIRST.names[0][1])
    rot(there, FIRST.names[0][0])
    assert repaired(here.volume, there.volume) == 1
    assert here.volume.lacking() == {ROOT: 1}
    with here.volume.open_read(ROOT) as reader, pytest.raises(RecordsUnreadable) as error:
        list(reader.records(0))
    assert error.value.names == (FIRST.names[0][0],)
    pushed(here.volume, SCOPE, FIRST)
    here.volume.assess()
    assert repaired(there.volume, here.volume) == 1
    for place in places:
        assert place.volume.lacking() == {}
        assert read_range(place.volume, ROOT) == FIRST.data


def test_pages_are_repaired_with_the_chunks_that_only_they_name(places: tuple[Place, Place]) -> None:
    here, there = places
    # Of what a page that cannot be read names, nobody knows that the root needs it.
    rot(here, page(1), page(2))
    rot(here, FIRST.names[1][0], FIRST.names[1][1], FIRST.names[0][0])
    rot(there, FIRST.names[1][1])
    assert repaired(here.volume, there.volume) == 4
    assert here.volume.lacking() == {ROOT: 1}
    assert here.asked(SCOPE, FIRST) == 1
    pushed(here.volume, SCOPE, FIRST)
    here.volume.assess()
    assert here.volume.lacking() == {}
    assert read_range(here.volume, ROOT) == FIRST.data


def test_a_chunk_nobody_knew_of_is_missing_once_its_page_is_back(places: tuple[Place, Place]) -> None:
    here, there = places
    pack, _ = record_at(here, FIRST.names[1][0])
    lost = {entry.name for entry in here.entries()[pack]}
    # The index that is made again sees neither the chunks nor the pages that name them.
    assert spoil_records(here.store, *(page(segment) for segment in range(3))) == 3
    here.store.delete(pack)
    here.reopen(index=False)
    here.volume.verify(lambda _: None)
    rot(there, *lost)
    assert repaired(here.volume, there.volume) == 3
    assert here.volume.lacking() == {ROOT: len(lost)}
    pushed(here.volume, SCOPE, FIRST)
    here.volume.assess()
    assert here.volume.lacking() == {}
    assert read_range(here.volume, ROOT) == FIRST.data


def test_a_page_that_no_copy_has_stays_missing(places: tuple[Place, Place]) -> None:
    here, there = places
    rot(here, page(1), page(2))
    rot(there, page(1))
    assert repaired(here.volume, there.volume) == 1
    assert here.volume.lacking() == {ROOT: 1}


def test_forged_bytes_of_a_source_are_left_out(places: tuple[Place, Place]) -> None:
    here, there = places
    lost = FIRST.names[0][:2]
    rot(here, *lost)
    pack, entry = record_at(there, lost[0])
    data = bytearray(there.store.read(pack) or b"")
    begin, end = entry.offset, entry.offset + 72 + entry.stored_length
    data[begin + 75] ^= 1
    forged = memoryview(bytes(data[begin + 72 : end]))
    stated = (1, entry.codec, entry.flags, entry.zeros, entry.domain, entry.raw_length, entry.name)
    data[begin : begin + 72] = encode_header(*stated, forged)
    there.store.replace(pack, bytes(data))
    assert repaired(here.volume, there.volume) == 1
    assert here.volume.lacking() == {ROOT: 1}


def test_nothing_that_is_there_is_changed(places: tuple[Place, Place]) -> None:
    here, there = places
    rot(here, FIRST.names[0][0])
    before = {info.name: here.store.read(info.name) for info in here.store.list("")}
    rows = dict(here.index.rows[Table.CHUNKS])
    repaired(here.volume, there.volume)
    after = {info.name: here.store.read(info.name) for info in here.store.list("")}
    assert before.items() <= after.items()
    assert rows.items() <= here.index.rows[Table.CHUNKS].items()
    assert len(after) == len(before) + 1


def test_other_content_repairs_nothing(places: tuple[Place, Place]) -> None:
    here, there = places
    rot(here, FIRST.names[0][0])
    other: Root = pushed(there.volume, SCOPE, content_of(FIRST.data + b"more"))
    with there.volume.open_read(other.id) as source, pytest.raises(LayoutDiffers):
        here.volume.repair(ROOT, source)
    with there.volume.open_read(ROOT) as source, pytest.raises(RootMissing):
        here.volume.repair(other.id, source)


def test_a_repair_that_is_stopped_leaves_nothing_half_done(places: tuple[Place, Place]) -> None:
    here, there = places
    rot(here, *FIRST.names[0], *FIRST.names[1], *FIRST.names[2])
    calls = iter(range(1000))

    def stop() -> None:
        if next(calls) == 20:
            raise VolumeClosed

    with pytest.raises(VolumeClosed):
        repaired(here.volume, there.volume, stop)
    here.volume.assess()
    assert here.volume.lacking()[ROOT] > 0
    repaired(here.volume, there.volume)
    assert read_range(here.volume, ROOT) == FIRST.data


def damaged_machine() -> tuple[Machine, Machine]:
    """Two machines with one root; the first lacks a page, two chunks of that and one of another."""
    here, there = Machine(), Machine()
    for machine in (here, there):
        pushed(machine.volume, SCOPE, FIRST, ROOT)
    wanted = {page(1), FIRST.names[1][0], FIRST.names[1][1], FIRST.names[0][0]}
    assert spoil_records(LocalObjectStore(here.PATH, here.disk), *wanted) == len(wanted)
    here.volume.scrub(lambda _: None)
    here.volume.assess()
    return here, there


@pytest.mark.parametrize("call", range(4))
def test_a_repair_that_is_stopped_leaves_no_file(call: int) -> None:
    here, there = damaged_machine()
    calls = iter(range(1000))

    def stop() -> None:
        if next(calls) == call:
            raise VolumeClosed

    with pytest.raises(VolumeClosed):
        repaired(here.volume, there.volume, stop)
    assert here.temporaries() == []
    here.close()
    there.close()


def steps_of_a_repair() -> int:
    here, there = damaged_machine()
    before = here.disk.changes
    assert repaired(here.volume, there.volume) == 4
    found = here.disk.changes - before
    here.close()
    there.close()
    return found


@pytest.mark.parametrize("lost_index", [False, True])
@pytest.mark.parametrize("share", range(4))
def test_power_cut_at_every_step_of_a_repair(share: int, *, lost_index: bool) -> None:
    for step in range(share, steps_of_a_repair() + 1, 4):
        here, there = damaged_machine()
        here.disk.cut_after(step)
        try:
            repaired(here.volume, there.volume)
        except PowerCutError:
            pass
        except StorageError:
            with pytest.raises(PowerCutError):
                here.disk.change("any")
        here.crash(random.Random(step))
        if lost_index:
            here.lose_index()
        here.volume.scrub(lambda _: None)
        assert here.temporaries() == []
        here.volume.assess()
        # Whatever is lacking still is known, so that a push brings it; and the next repair does.
        whole = not here.volume.lacking()
        if whole:
            assert read_range(here.volume, ROOT) == FIRST.data
        repaired(here.volume, there.volume)
        assert here.volume.lacking() == {}
        assert read_range(here.volume, ROOT) == FIRST.data
        here.witness({ROOT: FIRST.data})
        here.close()
        there.close()
