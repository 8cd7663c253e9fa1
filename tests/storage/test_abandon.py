"""Giving a root up for lost: collection goes on without it, and its file is kept aside."""

import random
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.volume import CollectionStopped, Database, RootMissing, Volume, VolumeUnreadable
from galleria_storage.volume.identity import OBJECT, encode, parse
from tests.support.collected_volume import Place
from tests.support.rot import spoil
from tests.support.simulated_disk import PowerCutError
from tests.support.volumes import Machine, begin, content_of, holder, pushed, read_range, sample, send, unknown_segments

SCOPE, OTHER = UUID(int=1), UUID(int=2)
FIRST, SECOND = content_of(sample(2, 1)), content_of(sample(1, 2))
NO_NUMBERS = (b"-1", b"1.5", b"true", b'"1"', b"1e400", b"1" * 20)
OURS, THEIRS = UUID(int=11), UUID(int=12)


def damaged(place: Place) -> UUID:
    """A root whose file is damaged, beside a good one and some garbage."""
    root = pushed(place.volume, SCOPE, FIRST).id
    place.volume.release(pushed(place.volume, OTHER, content_of(sample(1, 5))).id)
    spoil(place.store, roots.object_name(root), 150)
    with pytest.raises(CollectionStopped):
        place.volume.collect()
    return root


@pytest.mark.parametrize("index", [True, False])
def test_collection_goes_on_without_it(*, index: bool) -> None:
    place = Place()
    root = damaged(place)
    kept = pushed(place.volume, SCOPE, SECOND)
    data = place.store.read(roots.object_name(root))
    place.reopen(index=index)
    (file,) = [file for file in place.volume.root_files() if file.id == root]
    assert file.root is None
    assert root.hex in file.problem
    place.volume.abandon(root)
    place.settle()
    assert place.store.read(roots.abandoned_name(root)) == data
    assert [file.id for file in place.volume.root_files()] == [kept.id]
    names = {entry.name for entries in place.entries().values() for entry in entries}
    assert names == set(SECOND.chunks)
    assert read_range(place.volume, kept.id) == SECOND.data
    place.reopen(index=False)
    assert place.volume.root(root) is None
    with pytest.raises(RootMissing):
        place.volume.abandon(root)


def test_a_root_that_lacks_something_says_so() -> None:
    place = Place()
    root = pushed(place.volume, SCOPE, FIRST)
    name, entries = next(iter(place.entries().items()))
    spoil(place.store, name, *(entry.offset + 75 for entry in entries[:3]))
    place.volume.scrub(lambda _: None)
    place.volume.assess()
    (file,) = place.volume.root_files()
    assert (file.root, file.problem, file.lacks) == (root, "", 3)


def test_what_is_pinned_anew_under_its_id_stays() -> None:
    place = Place()
    root = pushed(place.volume, SCOPE, FIRST).id
    place.volume.abandon(root)
    pushed(place.volume, SCOPE, FIRST, root)
    place.reopen()
    assert read_range(place.volume, root) == FIRST.data


def test_the_power_goes_at_every_step_of_it() -> None:
    step, abandoned = 0, False
    while not abandoned:
        machine = Machine()
        root = pushed(machine.volume, SCOPE, FIRST).id
        machine.disk.cut_after(step)
        try:
            machine.volume.abandon(root)
            abandoned = True
        except (PowerCutError, StorageError):
            pass
        machine.crash(random.Random(step))
        if machine.volume.root(root) is None:
            machine.witness({})
        else:
            assert not abandoned
            machine.witness({root: FIRST.data})
            machine.volume.abandon(root)
        machine.lose_index()
        assert machine.volume.roots() == []
        machine.close()
        step += 1
    assert step > 5


def test_a_push_that_held_it_begins_again() -> None:
    place = Place()
    root = pushed(place.volume, SCOPE, FIRST).id
    push = begin(place.volume, SCOPE)
    assert unknown_segments(push, FIRST) == []
    place.volume.abandon(root)
    again = begin(place.volume, SCOPE)
    assert unknown_segments(again, FIRST) == list(FIRST.pages)
    send(again, FIRST, FIRST.pages)
    assert read_range(place.volume, again.commit(FIRST.layout, holder(SCOPE)).id) == FIRST.data


def test_the_database_is_noted_durably_and_the_highest_number_counts() -> None:
    place = Place()
    place.volume.note_database(OURS, 5)
    place.volume.note_database(OURS, 3)
    place.reopen()
    assert place.volume.database == Database(OURS, 5)
    place.volume.note_database(THEIRS, 1)
    assert place.volume.database == Database(THEIRS, 1)
    assert place.volume.owner_epoch == 2


def test_unknown_members_are_kept() -> None:
    place = Place()
    identity = parse(place.store.read(OBJECT) or b"")
    data = encode(identity).replace(b'"database": null', b'"database": {"id": "%s", "high_water": 7, "more": [1]}')
    place.store.replace(OBJECT, data.replace(b"%s", str(OURS).encode()))
    place.reopen()
    place.volume.note_database(OURS, 9)
    assert place.volume.database == Database(OURS, 9, {"more": [1]})


@pytest.mark.parametrize(
    "database",
    [b"1", b"[]", b'"x"', b"{}", b'{"id": "x", "high_water": 1}', b'{"id": "%s"}']
    + [
        b'{"id": "%s", "high_water": ' + number + b"}"
        for number in (b"-1", b"1.5", b"true", b'"1"', b"1e400", b"1" * 20)
    ],
)
def test_a_wrong_database_is_refused(database: bytes) -> None:
    place = Place()
    data = encode(parse(place.store.read(OBJECT) or b""))
    wrong = database.replace(b"%s", str(uuid4()).encode())
    with pytest.raises(VolumeUnreadable):
        parse(data.replace(b'"database": null', b'"database": ' + wrong))


def test_a_cut_while_the_database_is_noted_leaves_the_old_or_the_new() -> None:
    found = set()
    for step in range(16):
        machine = Machine()
        machine.volume.note_database(OURS, 1)
        machine.disk.cut_after(step)
        with suppress(PowerCutError, StorageError):
            machine.volume.note_database(OURS, 2)
        machine.crash(random.Random(step))
        database = machine.volume.database
        assert database is not None
        found.add(database.high_water)
        machine.close()
    assert found == {1, 2}


def test_a_root_whose_file_is_gone_stops_collection_and_is_told() -> None:
    place = Place()
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(pushed(place.volume, OTHER, SECOND).id)
    name = roots.object_name(root.id)
    data = place.store.read(name)
    assert data is not None
    place.store.delete(name)
    with pytest.raises(CollectionStopped, match=root.id.hex):
        place.volume.collect()
    (file,) = place.volume.root_files()
    assert place.volume.root_file(root.id) == file
    assert (file.id, file.root) == (root.id, None)
    assert "is gone" in file.problem
    assert place.volume.scrub(lambda _: None).roots == (root.id,)
    assert place.volume.verify(lambda _: None).unreadable == [root.id]
    place.store.replace(name, data)
    place.settle()
    assert read_range(place.volume, root.id) == FIRST.data


@pytest.mark.parametrize("give_up", [Volume.abandon, Volume.release], ids=["abandoned", "released"])
def test_a_root_whose_file_is_gone_is_given_up(give_up: Callable[[Volume, UUID], object]) -> None:
    place = Place()
    root = pushed(place.volume, SCOPE, FIRST).id
    place.store.delete(roots.object_name(root))
    give_up(place.volume, root)
    place.settle()
    assert place.packs() == []
    assert place.volume.root_files() == []
    with pytest.raises(RootMissing):
        place.volume.abandon(root)


@pytest.mark.parametrize("bad", [range(4096), range(4096, 1 << 30)], ids=["one sector", "the rest"])
def test_of_a_root_that_cannot_be_read_what_can_be_is_kept_aside(bad: range, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    content = content_of(sample(400, 8))
    root = pushed(place.volume, SCOPE, content).id
    kept = pushed(place.volume, OTHER, SECOND).id
    name = roots.object_name(root)
    data = place.store.read(name) or b""
    assert len(data) > 2 * 4096
    read = place.store.read

    def reading(of: str, offset: int = 0, length: int | None = None) -> bytes | None:
        end = offset + (len(data) if length is None else length)
        if of == name and offset < min(bad.stop, len(data)) and bad.start < end:
            raise StoreFailed(of, "read", 5)
        return read(of, offset, length)

    monkeypatch.setattr(place.store, "read", reading)
    place.volume.abandon(root)
    place.settle()
    saved = place.store.read(roots.abandoned_name(root)) or b""
    assert len(saved) == len(data)
    assert all(saved[at] == (0 if at in bad else data[at]) for at in range(len(data)))
    assert [file.id for file in place.volume.root_files()] == [kept]
    assert {entry.name for found in place.entries().values() for entry in found} == set(SECOND.chunks)


def test_roots_are_listed_in_parts() -> None:
    place = Place()
    ids = sorted(pushed(place.volume, SCOPE, SECOND).id for _ in range(5))
    assert [file.id for file in place.volume.root_files(None, 2)] == ids[:2]
    assert [file.id for file in place.volume.root_files(ids[1], 2)] == ids[2:4]
    assert [file.id for file in place.volume.root_files(ids[3])] == ids[4:]
