"""Root files are scrubbed too, each when its time has come."""

from uuid import UUID

import pytest

from galleria_storage.index.store import Table
from galleria_storage.volume import Scrubbed, VolumeClosed
from galleria_storage.volume.root_scrubbing import ROOT_SCRUBBED
from tests.support.collected_volume import Place
from tests.support.rot import spoil
from tests.support.volumes import content_of, pushed, sample

SCOPE = UUID(int=1)
FIRST = content_of(sample(3, 1))


@pytest.fixture
def place() -> Place:
    return Place()


def test_a_root_is_read_again_when_its_time_has_come_and_not_before(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = [pushed(place.volume, SCOPE, FIRST).id for _ in range(3)]
    place.volume.scrub(lambda _: None)
    spoil(place.store, f"roots/{roots[0].hex}", 100)
    looked: list[str] = []
    read = place.store.read

    def looking(name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        looked.append(name)
        return read(name, offset, length)

    monkeypatch.setattr(place.store, "read", looking)
    assert place.volume.scrub(lambda _: None, before=place.clock.now).roots == ()
    assert looked == []
    place.clock.now += 10
    assert place.volume.scrub(lambda _: None, before=place.clock.now).roots == (roots[0],)
    assert place.volume.scrub(lambda _: None, before=place.clock.now).roots == ()
    assert place.volume.scrub(lambda _: None).roots == (roots[0],)


def test_a_scrub_that_was_stopped_goes_on_with_the_next_root(place: Place) -> None:
    for _ in range(3):
        pushed(place.volume, SCOPE, FIRST)
    sizes = [info.size for info in place.store.list("roots/")][1:]
    calls = 0

    def stop(_: Scrubbed) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise VolumeClosed

    place.clock.now += 10
    with pytest.raises(VolumeClosed):
        place.volume.scrub(stop)
    rest: list[Scrubbed] = []
    place.clock.now += 10
    place.volume.scrub(rest.append, before=place.clock.now - 5)
    assert rest[-1].total_packs == len(place.packs())
    assert [step.size for step in rest[:2]] == [sizes[0], sum(sizes[:2])]
    assert rest[2].size > sum(sizes)


def test_of_a_root_that_is_gone_nothing_stays_noted(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.scrub(lambda _: None)
    assert [key for key, _ in place.index.scan(Table.META, ROOT_SCRUBBED)] == [ROOT_SCRUBBED + root.id.bytes]
    place.volume.release(root.id)
    place.volume.scrub(lambda _: None)
    assert list(place.index.scan(Table.META, ROOT_SCRUBBED)) == []
