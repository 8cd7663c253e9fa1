"""What lies among the packs by accident is neither read nor removed, and no pack is named after it."""

from uuid import UUID

import pytest

from galleria_storage.packs.format import DATA, FOLDERS, PAGES, PackId, encode_footer, encode_header
from galleria_storage.volume import VolumeUnreadable
from tests.support.collected_volume import Place
from tests.support.volumes import content_of, pushed, read_range, sample

SCOPE = UUID(int=1)
FIRST, SECOND = content_of(sample(2, 1)), content_of(sample(1, 2))
STRAYS = [PackId(1, 0xFFFFFFFF), PackId(0xFFFFFFFF, 0xFFFFFFFF), PackId(0, 1), PackId(1, 0), PackId(77, 1)]


@pytest.mark.parametrize("index", [True, False], ids=["opened", "rebuilt"])
@pytest.mark.parametrize("marker", ["", ".condemned", ".bad"])
@pytest.mark.parametrize("kind", [DATA, PAGES])
@pytest.mark.parametrize("stray", STRAYS, ids=str)
def test_an_object_that_no_owner_can_have_named_is_left_alone(
    stray: PackId, kind: int, marker: str, *, index: bool
) -> None:
    place = Place()
    first = pushed(place.volume, SCOPE, FIRST)
    before = place.volume.usage().records
    name = stray.object_name(kind)
    # It looks like a pack, but of another volume.
    data = encode_header(kind, bytes(16), stray) + b"GREC" * 100
    place.store.replace(name, data)
    if marker:
        place.store.replace(name + marker, bytes(4))
    for _ in range(2):
        place.reopen(index=index)
        assert place.volume.usage().records == before
        place.settle()
        assert place.store.read(name) == data
    kept = set(place.packs())
    second = pushed(place.volume, SCOPE, SECOND)
    assert max(number_of(pack) for pack in set(place.packs()) - kept) < 100
    assert read_range(place.volume, first.id) == FIRST.data
    assert read_range(place.volume, second.id) == SECOND.data


def test_a_pack_of_a_later_owner_than_the_volume_knows_is_read() -> None:
    place = Place()
    description = place.store.read("meta/volume.json") or b""
    for _ in range(3):
        place.reopen()
    root = pushed(place.volume, SCOPE, FIRST)
    place.volume.close()
    # Somebody brought an old description back.
    place.store.replace("meta/volume.json", description)
    place.reopen(index=False)
    assert read_range(place.volume, root.id) == FIRST.data
    again = pushed(place.volume, SCOPE, SECOND)
    assert read_range(place.volume, again.id) == SECOND.data


def test_a_volume_whose_numbers_are_used_up_is_not_opened() -> None:
    place = Place()
    last = PackId(1, 0xFFFFFFFF)
    header = encode_header(DATA, place.volume.id.bytes, last)
    place.store.replace(last.object_name(DATA), header + encode_footer(last, b"", len(header)))
    with pytest.raises(VolumeUnreadable, match="4294967295"):
        place.reopen()


@pytest.mark.parametrize("index", [True, False], ids=["opened", "rebuilt"])
def test_numbers_go_on_after_those_of_condemned_packs(*, index: bool) -> None:
    place = Place()
    pushed(place.volume, SCOPE, FIRST)
    root = pushed(place.volume, SCOPE, SECOND)
    highest = max(number_of(name) for folder in FOLDERS.values() for name in place.entries(f"{folder}/"))
    place.volume.release(root.id)
    place.volume.collect()
    place.reopen(index=index)
    kept = set(place.packs())
    pushed(place.volume, SCOPE, SECOND)
    assert min(number_of(name) for name in set(place.packs()) - kept) == highest + 1


def number_of(name: str) -> int:
    return int(name.rpartition("-")[2], 16)
