"""Verify: what roots need and is not there is told, and every byte of a volume is accounted for."""

import struct
from collections.abc import Callable
from uuid import UUID

import pytest

from galleria_storage.index import Batch, Table
from galleria_storage.packs.format import CONDEMNED, Entry
from galleria_storage.records import CHUNK
from galleria_storage.volume import Account, Copy, Root, Verified, VolumeClosed
from galleria_storage.volume.rows import ChunkRow, chunk_key
from tests.support.collected_volume import Place
from tests.support.rot import spoil
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    Content,
    Progress,
    begin,
    content_of,
    holder,
    occupied_by,
    pushed,
    read_range,
    sample,
    send,
    unknown_segments,
)

SCOPE, OTHER = UUID(int=1), UUID(int=2)
FIRST = content_of(sample(3, 1))
SECOND = content_of(FIRST.data[: 2 * SMALL_RULE.segment] + bytes(40_000) + sample(1, 2))
TWICE = content_of(sample(0.5, 3) * 2)


@pytest.fixture(params=["volume", "scope"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


def verify(place: Place) -> Verified:
    return place.volume.verify(lambda _: None)


def accounted(place: Place, pinned: dict[UUID, tuple[Root, Content]]) -> Account:
    """The account of a whole volume, held against the objects as they lie and what the roots need."""
    found = verify(place)
    assert (found.missing, found.unreadable) == (0, [])
    account = found.account
    assert account is not None
    objects = {info.name: info.size for info in place.store.list("")}
    assert account.stored == sum(objects.values()) == account.total - account.free
    assert account.stored == account.live + account.garbage + account.condemned + account.framing
    packs = {name for name in objects if name.startswith(("packs/", "pages/")) and "." not in name}
    condemned = {name for name in packs if name + CONDEMNED in objects}
    assert account.condemned == sum(objects[name] for name in condemned)
    assert account.framing == 96 * len(packs - condemned) + sum(objects[name] for name in objects.keys() - packs)
    needed = {(root.domain, name) for root, content in pinned.values() for name in content.chunks}
    needed |= {(root.domain, name) for root, _ in pinned.values() for name in root.layout.pages if name}
    entries = [e for folder in ("packs/", "pages/") for found in place.entries(folder).values() for e in found]
    lengths = {(e.domain, e.name): 128 + e.stored_length for e in entries}
    assert account.live == sum(lengths[key] for key in needed)
    assert account.logical == sum(len(content.data) for _, content in pinned.values())
    assert account.occupied == sum(occupied_by(content.data) for _, content in pinned.values())
    return account


def test_every_byte_is_accounted_for_after_every_step_of_a_life(place: Place) -> None:
    pinned: dict[UUID, tuple[Root, Content]] = {}

    def push(scope: UUID, content: Content) -> Root:
        root = pushed(place.volume, scope, content)
        pinned[root.id] = root, content
        return root

    def release(root: Root) -> None:
        place.volume.release(root.id)
        del pinned[root.id]

    assert accounted(place, pinned).live == 0
    first = push(SCOPE, FIRST)
    assert accounted(place, pinned).garbage == 0
    second = push(OTHER, SECOND)
    again = push(SCOPE, FIRST)
    third = push(SCOPE, TWICE)
    accounted(place, pinned)
    under = begin(place.volume, SCOPE)
    send(under, content_of(sample(2, 7)), [0, 1])
    assert accounted(place, pinned).garbage > SMALL_RULE.segment
    under.abort()
    release(first)
    accounted(place, pinned)
    release(again)
    before = accounted(place, pinned)
    place.volume.collect()
    assert accounted(place, pinned).condemned > 0
    place.reopen()
    accounted(place, pinned)
    place.settle()
    after = accounted(place, pinned)
    assert (after.condemned, after.live) == (0, before.live)
    assert after.garbage < before.garbage
    place.reopen(index=False)
    assert accounted(place, pinned) == Account(**{**_values(after), **_moved(after, place)})
    for root, content in ((second, SECOND), (third, TWICE)):
        assert read_range(place.volume, root.id) == content.data


def _values(account: Account) -> dict[str, int]:
    return {name: getattr(account, name) for name in Account.__slots__}


def _moved(before: Account, place: Place) -> dict[str, int]:
    """What opening changes: volume.json has another epoch, which may be a digit longer."""
    stored = sum(info.size for info in place.store.list(""))
    more = stored - before.stored
    assert 0 <= more <= 1
    return {"stored": stored, "framing": before.framing + more, "free": before.free - more}


def test_records_that_lie_twice_and_bad_ones_are_garbage(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pinned = {root.id: (root, FIRST)}
    name, entries = next(iter(place.entries().items()))
    spoil(place.store, name, entries[0].offset + 75)
    place.volume.scrub(lambda _: None)
    again = pushed(place.volume, SCOPE, FIRST)
    pinned[again.id] = again, FIRST
    found = verify(place).account
    assert found is not None
    assert found.garbage == 128 + entries[0].stored_length
    assert found.live == sum(128 + e.stored_length for e in _all(place)) - found.garbage


def _all(place: Place) -> list[Entry]:
    return [e for folder in ("packs/", "pages/") for found in place.entries(folder).values() for e in found]


def test_a_whole_volume(place: Place) -> None:
    for _ in range(2):
        pushed(place.volume, SCOPE, FIRST)
    pushed(place.volume, SCOPE, SECOND)
    steps: list[tuple[int, int]] = []
    found = place.volume.verify(lambda found: steps.append((found.roots, found.pages)))
    distinct = _distinct(FIRST, SECOND)
    assert (found.roots, found.total_roots, found.missing) == (3, 3, 0)
    assert (found.pages, found.chunks) == (len(distinct), sum(len(content.names[i]) for content, i in distinct))
    assert steps == sorted(steps)


def _distinct(*contents: Content) -> list[tuple[Content, int]]:
    seen: dict[bytes, tuple[Content, int]] = {}
    for content in contents:
        for segment, page in content.pages.items():
            seen.setdefault(page, (content, segment))
    return list(seen.values())


def lose_row(place: Place, name: bytes) -> None:
    rows = place.index.rows[next(table for table in place.index.rows if table.value == "chunks")]
    for key in [key for key in rows if key.endswith(name)]:
        del rows[key]


@pytest.mark.parametrize("lose", [lambda c: c.names[1][0], lambda c: c.layout.pages[2]], ids=["chunk", "page"])
def test_what_is_missing_is_told_and_healed_by_the_next_push(place: Place, lose: Callable[[Content], bytes]) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    lose_row(place, lose(FIRST))
    found = verify(place)
    assert (found.missing, found.account) == (1, None)
    assert place.volume.lacking() == {root.id: 1}
    again = pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, root.id) == read_range(place.volume, again.id) == FIRST.data
    found = verify(place)
    assert found.missing == 0
    assert found.account is not None
    assert place.volume.lacking() == {}


def test_a_page_that_cannot_be_read_is_told(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    name, entries = next(iter(place.entries("pages/").items()))
    spoil(place.store, name, entries[1].offset + 80)
    assert verify(place).missing == 1
    assert place.volume.lacking() == {root.id: 1}
    pushed(place.volume, SCOPE, FIRST)
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_row_of_another_length_than_the_page_says_counts_as_missing_from_then_on(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    key = chunk_key(CHUNK, root.domain, FIRST.names[0][0])
    (value,) = place.index.get(Table.CHUNKS, [key])
    assert value is not None
    row = ChunkRow.decode(value)
    batch = Batch()
    batch.put(Table.CHUNKS, key, struct.pack("<5I3B", *row._replace(raw_length=row.raw_length - 1)))
    place.index.apply(batch)
    assert verify(place).missing == 1
    assert place.volume.lacking() == {root.id: 1}
    # The record itself is good.
    assert place.volume.scrub(lambda _: None).healed == 1
    place.volume.assess()
    assert (verify(place).missing, place.volume.lacking()) == (0, {})
    assert read_range(place.volume, root.id) == FIRST.data


def test_a_root_that_cannot_be_read_is_told(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    pushed(place.volume, OTHER, SECOND)
    spoil(place.store, f"roots/{root.id.hex}", 100)
    found = verify(place)
    assert found.unreadable == [root.id]
    assert (found.roots, found.total_roots, found.missing) == (2, 2, 0)
    assert found.account is None


def test_released_roots_do_not_count(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    with place.volume.open_read(root.id):
        place.volume.release(root.id)
        assert verify(place).total_roots == 0


def test_it_may_be_stopped(place: Place) -> None:
    pushed(place.volume, SCOPE, FIRST)

    def stop(_: Verified) -> None:
        raise VolumeClosed

    with pytest.raises(VolumeClosed):
        place.volume.verify(stop)


def test_a_copy_of_what_lacks_something_does_not_lack_it(place: Place) -> None:
    root = pushed(place.volume, SCOPE, FIRST)
    away = Place()
    whole = pushed(away.volume, OTHER, FIRST)
    lose_row(place, FIRST.names[0][0])
    verify(place)
    copy: Copy = place.volume.begin_copy(SCOPE, UUID(int=9), lease_id=UUID(int=10))
    with away.volume.open_read(whole.id) as reader:
        copy.run(reader, Progress())
    copied = copy.commit(holder(SCOPE))
    assert read_range(place.volume, copied.id) == read_range(place.volume, root.id) == FIRST.data


def test_a_push_under_way_is_no_root(place: Place) -> None:
    push = begin(place.volume, SCOPE)
    send(push, FIRST, unknown_segments(push, FIRST))
    assert verify(place).total_roots == 0
