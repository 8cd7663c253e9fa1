"""A store that fails at every step of a push: it is told, nothing is acknowledged, nothing is left over."""

import errno
from uuid import uuid4

import pytest

from galleria_storage.errors import StorageError
from galleria_storage.objects import StoreFailed, StoreFull
from galleria_storage.objects.faulty import FaultyObjectStore
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs.format import DATA
from galleria_storage.volume import Volume
from galleria_storage.volume.raw import RawStream
from tests.support.volumes import (
    SMALL_PACKS,
    Told,
    begin,
    content_of,
    holder,
    memory_volume,
    pushed,
    read_range,
    record_of,
    sample,
    send,
    send_raw,
    unknown_segments,
)

GOOD = content_of(sample(3.5, 3))
STEPS = {"create": 12, "append": 60, "commit": 12}
"""More calls than a push makes of each."""


class Shelf:
    """A volume on a store that can be told to fail."""

    def __init__(self) -> None:
        self.inner = MemoryObjectStore()
        self.store = FaultyObjectStore(self.inner)
        self.volume: Volume = memory_volume(self.store)

    def used(self) -> int:
        """Bytes taken from the store, beside what lies there to be seen."""
        space = self.inner.space()
        return space.total - space.free - sum(info.size for info in self.inner.list(""))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("operation", STEPS)
def test_a_failure_at_any_call(operation: str, code: int) -> None:
    failures = [_fails_at(operation, code, call) for call in range(STEPS[operation])]
    # From some call on the push has ended before it: every earlier one was met.
    assert True in failures
    assert failures == sorted(failures, reverse=True)
    assert not failures[-1]


def _fails_at(operation: str, code: int, call: int) -> bool:
    shelf, scope = Shelf(), uuid4()
    push, told = begin(shelf.volume, scope), Told()
    shelf.store.plan(operation).fail(OSError(code, "planned")).after(call).times(1)
    kind = StoreFull if code == errno.ENOSPC else StoreFailed
    failed: list[StorageError] = []
    try:
        told = send(push, GOOD, GOOD.pages, 5)
        root = push.commit(GOOD.layout, holder(scope))
    except kind as error:
        failed.append(error)
        assert shelf.volume.roots() == []
        send(push, GOOD, unknown_segments(push, GOOD))
        root = push.commit(GOOD.layout, holder(scope))
    assert set(told.failures) <= set(failed)
    assert read_range(shelf.volume, root.id) == GOOD.data
    shelf.volume.close()
    assert shelf.used() == 0
    return bool(failed)


def test_everybody_who_waits_for_a_pack_is_told() -> None:
    shelf = Shelf()
    told, pushes, streams = [], [], []
    # Streams share four packs: of eight, two wait for the same one.
    for number in range(8):
        push, one = begin(shelf.volume, uuid4()), Told()
        content = content_of(sample(1 / 8, number))
        stream = push.attach(one.note, one.failures.append)
        bits = stream.offer_segment(0, content.pages[0])
        assert any(bits)
        for name in content.names[0]:
            stream.receive(record_of(content.chunks[name]))
        told.append(one)
        pushes.append((push, content))
        streams.append(stream)
    shelf.store.plan("commit").fail(OSError(errno.EIO, "planned"))
    for stream in streams:
        with pytest.raises(StoreFailed):
            stream.flush()
    assert [len(one.failures) for one in told] == [1] * 8
    assert [one.durable for one in told] == [[]] * 8
    assert isinstance(shelf.volume.suspect, StoreFailed)
    shelf.store.heal()
    for push, content in pushes:
        assert push.durable_segments() == set()
        send(push, content, content.pages)
        root = push.commit(content.layout, holder(uuid4()))
        assert read_range(shelf.volume, root.id) == content.data
    assert shelf.used() == 0


def test_a_raw_stream_whose_bytes_were_lost_never_ends_well() -> None:
    shelf, scope = Shelf(), uuid4()
    push, told = begin(shelf.volume, scope), Told()
    stream = RawStream(push.attach(told.note, told.failures.append))
    stream.write(0, GOOD.data)
    shelf.store.plan("commit").fail(OSError(errno.EIO, "planned")).times(1)
    with pytest.raises(StoreFailed):
        stream.finish(len(GOOD.data))
    assert len(told.failures) == 1
    again = begin(shelf.volume, scope)
    send_raw(again, GOOD.data, range(0, len(GOOD.data), 1000))
    root = again.commit(again.assemble(len(GOOD.data)), holder(scope))
    assert read_range(shelf.volume, root.id) == GOOD.data


def test_a_stream_that_was_closed_is_told_nothing() -> None:
    shelf, scope = Shelf(), uuid4()
    push, told = begin(shelf.volume, scope), Told()
    stream = push.attach(told.note, told.failures.append)
    small = content_of(sample(1 / 8, 1))
    stream.offer_segment(0, small.pages[0])
    stream.receive(b"".join(map(record_of, small.chunks.values())))
    stream.close()
    push.attach(told.note, told.failures.append).flush()
    shelf.volume.close()
    assert (told.durable, told.failures) == ([], [])


@pytest.mark.parametrize("operation", ["replace", "delete"])
def test_a_release_that_fails_can_be_repeated(operation: str) -> None:
    shelf = Shelf()
    root = pushed(shelf.volume, uuid4(), GOOD)
    shelf.store.plan(operation).fail(OSError(errno.EIO, "planned")).times(1)
    with pytest.raises(StoreFailed):
        shelf.volume.release(root.id)
    assert shelf.volume.release(root.id)
    assert [info.name for info in shelf.inner.list("roots/")] == []


def test_new_data_leaves_room_for_what_deletes_need() -> None:
    store = MemoryObjectStore(150_000)
    volume, scope = memory_volume(store), uuid4()
    content = content_of(sample(3, 1))
    root = pushed(volume, scope, content)
    more = content_of(sample(4, 2))
    push = begin(volume, uuid4())
    with pytest.raises(StoreFull):
        send(push, more, more.pages)
    volume.close()
    volume = memory_volume(store)
    assert store.space().free > 4 * SMALL_PACKS[DATA]
    assert read_range(volume, root.id) == content.data
    assert volume.release(root.id)


@pytest.mark.parametrize("dedup", ["volume", "scope"])
def test_a_full_volume_does_not_tell_what_others_have(dedup: str) -> None:
    """Otherwise whoever sends content that is refused unless it is here would learn that it is."""
    store = MemoryObjectStore(150_000)
    volume, scope = memory_volume(store, dedup=dedup), uuid4()
    here, nowhere = content_of(sample(3, 1)), content_of(sample(3, 2))
    root = pushed(volume, scope, here)
    with pytest.raises(StoreFull):
        send(begin(volume, uuid4()), content_of(sample(4, 3)), range(4))
    told = []
    for content in (here, nowhere):
        push = begin(volume, uuid4())
        with pytest.raises(StoreFull) as full:
            send(push, content, content.pages)
        told.append((str(full.value), push.durable_segments(), push.statistics()))
    assert told[0] == told[1]
    # What the scope itself has is not sent, and so needs no room.
    again = begin(volume, scope)
    assert unknown_segments(again, here) == []
    assert again.commit(here.layout, holder(scope)).layout == root.layout
