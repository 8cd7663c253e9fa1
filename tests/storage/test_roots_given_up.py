"""Roots that are given up while a verification or a collection looks at them."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from galleria_storage.objects.store import ObjectInfo
from galleria_storage.volume import Reader, Verified
from tests.support.collected_volume import Place
from tests.support.volumes import content_of, pushed, sample

SCOPE, OTHER = UUID(int=1), UUID(int=2)
FIRST, SECOND = content_of(sample(3, 1)), content_of(sample(2, 2))


@pytest.fixture(params=["volume", "scope"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


def test_what_is_given_up_meanwhile_is_not_missed(place: Place) -> None:
    roots = [pushed(place.volume, scope, content) for scope, content in ((SCOPE, FIRST), (OTHER, SECOND))]

    def give_up(_: Verified) -> None:
        for root in roots:
            place.volume.release(root.id)
        place.settle()

    found = place.volume.verify(give_up)
    assert (found.missing, found.unreadable) == (0, [])
    assert found.account is not None
    assert place.volume.lacking() == {}
    place.volume.maintain()
    place.settle()
    assert place.packs() == []


def test_what_is_given_up_beside_the_account_is_not_missed(place: Place) -> None:
    root, kept = pushed(place.volume, SCOPE, FIRST), pushed(place.volume, OTHER, content_of(sample(1, 9)))

    steps: list[int] = []

    def give_up(found: Verified) -> None:
        steps.append(found.roots)
        # All roots were looked at, and the account has begun.
        if steps.count(found.total_roots) == 2:
            place.volume.release(root.id)
            place.settle()

    found = place.volume.verify(give_up)
    assert found.missing == 0
    assert found.account is not None
    assert found.account.occupied == kept.occupied


def test_a_root_given_up_under_a_reader_as_a_collection_begins_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.release(pushed(place.volume, OTHER, content_of(sample(1, 5))).id)
    readers: list[Reader] = []
    listing = place.store.list

    def giving_up(prefix: str) -> Iterator[ObjectInfo]:
        if prefix == "roots/" and not readers:
            readers.append(place.volume.open_read(root.id))
            place.volume.release(root.id)
        return listing(prefix)

    monkeypatch.setattr(place.store, "list", giving_up)
    place.settle()
    (reader,) = readers
    with reader:
        assert b"".join(piece.data or bytes(piece.length) for piece in reader.range(0, len(FIRST.data))) == FIRST.data
