"""Copies between volumes: only what the target lacks, resumable, whole or absent."""

import errno
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from galleria_storage.errors import StorageError
from galleria_storage.objects import StoreFailed, StoreFull
from galleria_storage.objects.faulty import FaultyObjectStore
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.volume import CopyCancelled, LeaseLapsed, RecordsUnreadable, Root, Volume, loading
from galleria_storage.volume.leases import LEASE_SECONDS
from tests.support.rot import spoil_records
from tests.support.volumes import (
    Clock,
    Content,
    Progress,
    begin,
    content_of,
    holder,
    memory_volume,
    occupied_by,
    pushed,
    read_range,
    sample,
    unknown_segments,
)

SCOPE, OTHER = UUID(int=1), UUID(int=2)
FIRST = content_of(sample(3.5, 1) + bytes(40_000) + sample(1.2, 2))
CHANGED = content_of(FIRST.data[:20_000] + b"changed" + FIRST.data[20_007:])


def copied(
    source: Volume, root: UUID, target: Volume, scope: UUID = SCOPE, progress: Callable[[int], bool] = lambda _: True
) -> Root:
    copy = target.begin_copy(scope, uuid4(), lease_id=uuid4())
    with source.open_read(root) as reader:
        copy.run(reader, progress)
    return copy.commit(holder(scope))


def stored(store: MemoryObjectStore) -> int:
    return sum(info.size for info in store.list("packs/"))


@pytest.mark.parametrize(("here", "there"), [(a, b) for a in ("volume", "scope") for b in ("volume", "scope")])
@pytest.mark.parametrize("scope", [SCOPE, OTHER])
def test_a_copy_is_the_same_disk(here: str, there: str, scope: UUID) -> None:
    source, target = memory_volume(MemoryObjectStore(), dedup=here), memory_volume(MemoryObjectStore(), dedup=there)
    pushed(target, OTHER, CHANGED)
    root = pushed(source, SCOPE, FIRST)
    progress = Progress()
    copy = copied(source, root.id, target, scope, progress)
    assert (copy.layout, copy.occupied) == (root.layout, root.occupied)
    assert progress.seen == sorted(progress.seen)
    assert progress.seen[-1] == occupied_by(FIRST.data)
    source.close()
    assert read_range(target, copy.id) == FIRST.data


@pytest.mark.parametrize("dedup", ["volume", "scope"])
@pytest.mark.parametrize("scope", [SCOPE, OTHER])
def test_a_copy_on_the_same_volume_outlives_its_source(dedup: str, scope: UUID) -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store, dedup=dedup)
    root = pushed(volume, SCOPE, FIRST)
    before = stored(store)
    copy = copied(volume, root.id, volume, scope)
    volume.release(root.id)
    assert read_range(volume, copy.id) == FIRST.data
    assert (stored(store) == before) == (dedup == "volume" or scope == SCOPE)
    volume.close()
    assert read_range(memory_volume(store), copy.id) == FIRST.data


def test_pages_of_another_domain_are_not_known() -> None:
    volume = memory_volume(MemoryObjectStore(), dedup="scope")
    # The same lies in the other scope's domain too, but no root there keeps it.
    volume.release(pushed(volume, OTHER, FIRST).id)
    root = pushed(volume, SCOPE, FIRST)
    progress = Progress()
    copied(volume, root.id, volume, OTHER, progress)
    assert progress.seen[0] == 0
    progress = Progress()
    copied(volume, root.id, volume, SCOPE, progress)
    assert progress.seen == [root.occupied]


def test_only_what_is_missing_is_copied() -> None:
    shelf = MemoryObjectStore()
    source, target = memory_volume(MemoryObjectStore()), memory_volume(shelf)
    first, changed = pushed(source, SCOPE, FIRST), pushed(source, SCOPE, CHANGED)
    copied(source, first.id, target)
    before = stored(shelf)
    copy = copied(source, changed.id, target)
    new = CHANGED.chunks.keys() - FIRST.chunks.keys()
    assert 0 < stored(shelf) - before < sum(len(CHANGED.chunks[name]) for name in new) + 1000
    assert read_range(target, copy.id) == CHANGED.data
    push = begin(target, SCOPE)
    assert unknown_segments(push, CHANGED) == []


def test_a_copy_that_was_stopped_goes_on_where_it_was() -> None:
    store, shelf = FaultyObjectStore(MemoryObjectStore()), MemoryObjectStore()
    source, target = memory_volume(store), memory_volume(shelf)
    root = pushed(source, SCOPE, FIRST)
    lease = uuid4()
    copy = target.begin_copy(SCOPE, uuid4(), lease_id=lease)
    with source.open_read(root.id) as reader, pytest.raises(CopyCancelled):
        copy.run(reader, lambda done: done < root.occupied // 2)
    assert target.roots() == []
    with pytest.raises(RuntimeError):
        copy.commit(holder(SCOPE))
    target.maintain()
    before = store.calls["read"]
    again = target.begin_copy(SCOPE, uuid4(), lease_id=lease)
    progress = Progress()
    with source.open_read(root.id) as reader:
        again.run(reader, progress)
    assert progress.seen[0] > 0
    assert store.calls["read"] > before
    assert read_range(target, again.commit(holder(SCOPE)).id) == FIRST.data


def test_progress_counts_what_another_scope_has_like_anything_else() -> None:
    source, seen = memory_volume(MemoryObjectStore()), []
    root = pushed(source, SCOPE, FIRST)
    for others in ([], [FIRST]):
        target, progress = memory_volume(MemoryObjectStore()), Progress()
        for content in others:
            pushed(target, OTHER, content)
        copied(source, root.id, target, SCOPE, progress)
        seen.append(progress.seen)
    assert seen[0] == seen[1]
    assert (seen[0][0], seen[0][-1]) == (0, root.occupied)


@pytest.mark.parametrize("here", [True, False])
def test_a_full_volume_takes_no_copy_whether_or_not_another_scope_has_its_chunks(*, here: bool) -> None:
    source, target = memory_volume(MemoryObjectStore()), memory_volume(MemoryObjectStore(150_000))
    root = pushed(source, SCOPE, FIRST)
    if here:
        pushed(target, OTHER, FIRST)
    with pytest.raises(StoreFull):
        pushed(target, OTHER, content_of(sample(10, 3)))
    with pytest.raises(StoreFull):
        copied(source, root.id, target)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("operation", ["create", "append", "commit"])
def test_a_target_that_fails_at_any_call(operation: str, code: int) -> None:
    source = memory_volume(MemoryObjectStore())
    root = pushed(source, SCOPE, FIRST)
    kinds = (StoreFull,) if code == errno.ENOSPC else (StoreFailed,)
    failed = [_fails_at(source, root.id, kinds, operation, code, call) for call in range(40)]
    assert failed == sorted(failed, reverse=True)
    assert (failed[0], failed[-1]) == (True, False)


def _fails_at(
    source: Volume, root: UUID, kinds: tuple[type[StorageError], ...], operation: str, code: int, call: int
) -> bool:
    inner = MemoryObjectStore()
    store = FaultyObjectStore(inner)
    target = memory_volume(store)
    store.plan(operation).fail(OSError(code, "planned")).after(call).times(1)
    copy = target.begin_copy(SCOPE, uuid4(), lease_id=uuid4())
    with source.open_read(root) as reader:
        try:
            copy.run(reader, Progress())
            pinned, failed = copy.commit(holder(SCOPE)), False
        except kinds:
            assert target.roots() == []
            copy.run(reader, Progress())
            pinned, failed = copy.commit(holder(SCOPE)), True
    assert read_range(target, pinned.id) == FIRST.data
    space = inner.space()
    assert space.total - space.free == sum(info.size for info in inner.list(""))
    target.close()
    return failed


def test_a_source_that_cannot_be_read_pins_nothing() -> None:
    store = MemoryObjectStore()
    source, target = memory_volume(store), memory_volume(MemoryObjectStore())
    root = pushed(source, SCOPE, FIRST)
    name = next(iter(store.list("packs/"))).name
    data = bytearray(store.read(name) or b"")
    data[48 + 72] ^= 1
    store.replace(name, bytes(data))
    with pytest.raises(RecordsUnreadable) as unreadable:
        copied(source, root.id, target)
    assert unreadable.value.names == (FIRST.names[0][0],)
    assert target.roots() == []


def test_a_copy_whose_lease_has_lapsed() -> None:
    clock = Clock()
    source, target = memory_volume(MemoryObjectStore()), memory_volume(MemoryObjectStore(), clock=clock)
    root = pushed(source, SCOPE, FIRST)
    copy = target.begin_copy(SCOPE, uuid4(), lease_id=uuid4())
    with source.open_read(root.id) as reader:
        copy.run(reader, lambda _: True)
    clock.now += LEASE_SECONDS
    with pytest.raises(LeaseLapsed):
        copy.commit(holder(SCOPE))
    assert target.roots() == []
    aborted = target.begin_copy(SCOPE, uuid4(), lease_id=uuid4())
    aborted.abort()
    with source.open_read(root.id) as reader, pytest.raises(LeaseLapsed):
        aborted.run(reader, lambda _: True)


def repeating() -> Content:
    """Chunks that come again in later segments."""
    one = sample(0.9, 4)
    return content_of((one + bytes(16384 - len(one))) * 4 + FIRST.data)


@pytest.mark.parametrize("largest", [20_000, 27_000, 36_000, 1 << 20])
def test_no_pack_outgrows_the_format(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_SIZE", largest)
    content, shelf = repeating(), MemoryObjectStore()
    source, target = memory_volume(MemoryObjectStore()), memory_volume(shelf)
    copy = copied(source, pushed(source, SCOPE, content).id, target)
    assert read_range(target, copy.id) == content.data
    assert max(info.size for info in shelf.list("packs/")) <= largest


def rotten(*names: bytes) -> tuple[Volume, UUID]:
    """A volume with FIRST, whose records of these names are bad."""
    store = MemoryObjectStore()
    volume = memory_volume(store)
    root = pushed(volume, SCOPE, FIRST)
    assert spoil_records(store, *names) == len(names)
    return volume, root.id


def test_sources_that_lack_different_chunks_of_one_segment_make_one_copy() -> None:
    page = FIRST.layout.pages[1]
    assert page is not None
    sources = rotten(FIRST.names[0][0], FIRST.names[3][0], page), rotten(FIRST.names[0][1])
    target = memory_volume(MemoryObjectStore())
    copy = target.begin_copy(SCOPE, uuid4(), lease_id=uuid4())
    with sources[0][0].open_read(sources[0][1]) as reader, pytest.raises(RecordsUnreadable) as error:
        copy.run(reader, lambda _: True)
    assert error.value.names == (FIRST.names[0][0],)
    assert target.roots() == []
    progress = Progress()
    with sources[1][0].open_read(sources[1][1]) as reader:
        copy.run(reader, progress)
    assert 0 < progress.seen[0] < progress.seen[-1] == occupied_by(FIRST.data)
    assert read_range(target, copy.commit(holder(SCOPE)).id) == FIRST.data


def test_only_what_the_first_source_lacks_comes_from_the_second() -> None:
    lost = [names[0] for names in FIRST.names.values()]
    (first, root), (second, other), shelf = rotten(*lost), rotten(), MemoryObjectStore()
    target = memory_volume(shelf)
    copy = target.begin_copy(SCOPE, uuid4(), lease_id=uuid4())
    with first.open_read(root) as reader, pytest.raises(RecordsUnreadable):
        copy.run(reader, lambda _: True)
    # What came already is held, whatever is collected meanwhile.
    target.release(pushed(target, OTHER, content_of(b"garbage")).id)
    assert target.collect().condemned > 0
    before = stored(shelf)
    with second.open_read(other) as reader:
        copy.run(reader, lambda _: True)
    assert 0 < stored(shelf) - before < sum(len(FIRST.chunks[name]) for name in lost) + 1000
    assert read_range(target, copy.commit(holder(SCOPE)).id) == FIRST.data
