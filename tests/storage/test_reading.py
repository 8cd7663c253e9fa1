"""Reading: ranges, pages, records by position; damage is told by name and never passed on."""

import errno
from uuid import UUID, uuid4

import pytest

from galleria_storage.errors import StorageError
from galleria_storage.index.memory import MemoryIndex
from galleria_storage.objects import StoreFailed
from galleria_storage.objects.faulty import FaultyObjectStore
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.records import good_check, records_in
from galleria_storage.roots import RootDamaged, object_name
from galleria_storage.volume import (
    LeaseLapsed,
    Reader,
    RecordsUnreadable,
    RootMissing,
    SegmentOutside,
    Volume,
    VolumeClosed,
)
from galleria_storage.volume.leases import LEASE_SECONDS
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import Clock, begin, content_of, memory_volume, pushed, read_range, sample, send

SCOPE = UUID(int=1)
SEGMENT = SMALL_RULE.segment
FIRST = content_of(sample(1.5, 1) + bytes(SEGMENT * 2) + sample(0.4, 2))


@pytest.fixture
def store() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def volume(store: MemoryObjectStore) -> Volume:
    return memory_volume(store)


@pytest.fixture
def root(volume: Volume) -> UUID:
    return pushed(volume, SCOPE, FIRST).id


def sent(reader: Reader, segment: int, wanted: bytes = b"") -> list[bytes]:
    found = []
    for frame in map(bytes, reader.records(segment, wanted)):
        for record in records_in(frame, SMALL_RULE):
            assert good_check(memoryview(frame), frame.index(record.name) - 40, 72 + record.stored_length)
            found.append(record.name)
    return found


def test_records_by_position(volume: Volume, root: UUID) -> None:
    with volume.open_read(root) as reader:
        names = FIRST.names[0]
        assert sent(reader, 0) == names
        assert sent(reader, 0, b"\1") == names[:1]
        assert sent(reader, 0, b"\x06\x01") == [names[1], names[2], names[8]]
        assert sent(reader, 0, b"\xff" * 4000) == names
        assert sent(reader, 0, b"\0\0") == []
        assert sent(reader, 2) == []


def test_a_chunk_that_comes_again_is_sent_once(volume: Volume) -> None:
    one = sample(1 / 16, 3)
    gap = bytes(16 * SMALL_RULE.block)
    content = content_of((one + gap) * 3 + one)
    root = pushed(volume, SCOPE, content).id
    assert len(content.names[0]) == 4 * len(set(content.names[0]))
    with volume.open_read(root) as reader:
        assert sent(reader, 0) == list(dict.fromkeys(content.names[0]))
    assert read_range(volume, root) == content.data


def test_pages(volume: Volume, root: UUID) -> None:
    with volume.open_read(root) as reader:
        assert dict(reader.pages()) == FIRST.pages
        assert list(reader.segments()) == list(FIRST.pages)
        assert dict(reader.pages(1, 2)) == {1: FIRST.pages[1]}
        assert reader.page(2) is None


@pytest.mark.parametrize("segment", [-1, 5, 1 << 40])
def test_segments_outside_the_disk(volume: Volume, root: UUID, segment: int) -> None:
    with volume.open_read(root) as reader:
        with pytest.raises(SegmentOutside) as outside:
            reader.page(segment)
        assert (outside.value.value, outside.value.limit) == (segment, len(FIRST.layout.pages))
        with pytest.raises(SegmentOutside):
            list(reader.records(segment))


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1), (0, len(FIRST.data) + 1), (len(FIRST.data), 1)])
def test_ranges_outside_the_disk(volume: Volume, root: UUID, offset: int, length: int) -> None:
    with volume.open_read(root) as reader, pytest.raises(SegmentOutside) as outside:
        list(reader.range(offset, length))
    assert outside.value.limit == len(FIRST.data)


def test_roots_that_are_not_there(volume: Volume, root: UUID) -> None:
    with pytest.raises(RootMissing) as missing:
        volume.open_read(uuid4())
    assert missing.value.root != root
    assert volume.root(uuid4()) is None
    assert not volume.release(uuid4())
    volume.release(root)
    with pytest.raises(RootMissing):
        volume.open_read(root)


def test_what_is_read_outlives_its_release(store: MemoryObjectStore) -> None:
    clock = Clock()
    volume = memory_volume(store, clock=clock)
    root = pushed(volume, SCOPE, FIRST).id
    readers = [volume.open_read(root) for _ in range(2)]
    volume.release(root)
    for reader in readers:
        volume.maintain()
        assert store.read(object_name(root)) is not None
        assert b"".join(piece.data or b"" for piece in reader.range(0, 100)) == FIRST.data[:100]
        reader.close()
    volume.maintain()
    assert list(store.list("roots/")) == []


def test_an_idle_reader_lapses_and_one_in_use_does_not(store: MemoryObjectStore) -> None:
    clock = Clock()
    volume = memory_volume(store, clock=clock)
    root = pushed(volume, SCOPE, FIRST).id
    with volume.open_read(root) as used, volume.open_read(root) as idle:
        for _ in range(3):
            clock.now += LEASE_SECONDS - 1
            assert used.page(0) == FIRST.pages[0]
            volume.maintain()
        with pytest.raises(LeaseLapsed):
            idle.page(0)
        with pytest.raises(LeaseLapsed):
            list(idle.records_named(FIRST.names[0]))


def hurt(store: MemoryObjectStore, name: str, offset: int) -> None:
    data = bytearray(store.read(name) or b"")
    data[offset] ^= 1
    store.replace(name, bytes(data))


def collect(reader: Reader, got: list[bytes]) -> None:
    for frame in reader.records(0):
        got.extend(record.name for record in records_in(frame, SMALL_RULE))


@pytest.mark.parametrize("offset", [0, 5, 21, 33, 45, 72, 100])
def test_a_damaged_record_is_named_and_the_others_are_sent(
    store: MemoryObjectStore, volume: Volume, root: UUID, offset: int
) -> None:
    hurt(store, next(iter(store.list("packs/"))).name, 48 + offset)
    lost, *rest = FIRST.names[0]
    got: list[bytes] = []
    with volume.open_read(root) as reader:
        with pytest.raises(RecordsUnreadable) as unreadable:
            collect(reader, got)
        assert (unreadable.value.names, got) == ((lost,), rest)
        assert lost.hex() not in str(unreadable.value)
        with pytest.raises(RecordsUnreadable):
            list(reader.range(0, 1))
        whole = b"".join(piece.data or b"" for piece in reader.range(SEGMENT, 1000))
    assert whole == FIRST.data[SEGMENT:][:1000]


def test_a_damaged_page_is_named(store: MemoryObjectStore, volume: Volume, root: UUID) -> None:
    hurt(store, next(iter(store.list("pages/"))).name, 48 + 80)
    with volume.open_read(root) as reader:
        with pytest.raises(RecordsUnreadable) as unreadable:
            reader.page(0)
        assert unreadable.value.names == (FIRST.layout.pages[0],)
        assert reader.page(1) == FIRST.pages[1]


def test_a_damaged_root(store: MemoryObjectStore) -> None:
    index = MemoryIndex()
    volume = memory_volume(store, index)
    root = pushed(volume, SCOPE, FIRST).id
    volume.close()
    hurt(store, object_name(root), 70)
    volume = memory_volume(store, MemoryIndex(index.rows))
    with pytest.raises(RootDamaged) as damaged:
        volume.root(root)
    assert damaged.value.root == root.hex
    store.delete(object_name(root))
    with pytest.raises(RootDamaged):
        volume.open_read(root)


def test_a_store_that_fails_once_is_asked_again() -> None:
    store = FaultyObjectStore(MemoryObjectStore())
    volume = memory_volume(store)
    root = pushed(volume, SCOPE, FIRST).id
    with volume.open_read(root) as reader:
        page = reader.page(0)
        store.plan("read").fail(OSError(errno.EIO, "planned")).times(1)
        assert page == FIRST.pages[0]
        with pytest.raises(StoreFailed):
            reader.page(0)
        store.plan("read").fail(OSError(errno.EIO, "planned")).times(1)
        names: list[bytes] = []
        for frame in reader.records_named(FIRST.names[0]):
            names.extend(record.name for record in records_in(frame, SMALL_RULE))
        assert sorted(names) == sorted(FIRST.names[0])
        store.plan("read").fail(OSError(errno.EIO, "planned"))
        with pytest.raises(StorageError):
            list(reader.records_named(FIRST.names[0]))


def test_a_closed_volume(volume: Volume, root: UUID) -> None:
    push = begin(volume, SCOPE)
    volume.close()
    volume.close()
    for work in (
        lambda: volume.open_read(root),
        lambda: begin(volume, SCOPE),
        lambda: volume.resume_push(uuid4()),
        lambda: volume.begin_copy(SCOPE, uuid4(), lease_id=uuid4()),
        volume.maintain,
    ):
        with pytest.raises(VolumeClosed):
            work()
    with pytest.raises(StorageError):
        send(push, content_of(sample(0.1, 5)), [0])
