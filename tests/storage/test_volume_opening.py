"""Opening a volume: who owns it, what it is, and what an earlier owner left."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.volume import Volume, VolumeLocked, VolumeUnreadable, open_local_volume
from galleria_storage.volume.identity import OBJECT
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    Machine,
    begin,
    content_of,
    holder,
    memory_volume,
    pushed,
    read_range,
    sample,
    send,
    unknown_segments,
)

SCOPE = UUID(int=1)
FIRST, SECOND = content_of(sample(2.5, 1)), content_of(sample(1.1, 2))


def identity(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    members = {
        "format": "galleria-volume",
        "version": 1,
        "id": str(UUID(int=9)),
        "requires": [],
        "owner_epoch": 7,
        "dedup": "volume",
        "database": None,
        **changes,
    }
    return json.dumps({name: value for name, value in members.items() if value is not ...}).encode()


def test_an_identity_is_kept_with_what_this_version_does_not_know() -> None:
    store = MemoryObjectStore()
    database = {"id": str(UUID(int=3)), "high_water": 4711}
    store.replace(OBJECT, identity(database=database, later={"a": [1]}))
    volume = memory_volume(store)
    assert (volume.id, volume.owner_epoch) == (UUID(int=9), 8)
    members = json.loads(store.read(OBJECT) or b"")
    assert members == json.loads(identity(owner_epoch=8, database=database, later={"a": [1]}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 60_000,
        b" " * (64 << 10) + identity(),
        identity(format="other"),
        identity(version=2),
        identity(version=...),
        identity(requires=["encryption"]),
        identity(requires="x"),
        identity(requires=5),
        identity(requires=[[]]),
        identity(requires=...),
        identity(id="x"),
        identity(id=5),
        identity(id=...),
        identity(owner_epoch="x"),
        identity(owner_epoch=...),
        identity(dedup="other"),
        identity(dedup=["volume"]),
    ],
)
def test_a_volume_that_must_not_be_touched_is_not(data: bytes) -> None:
    store = MemoryObjectStore()
    store.replace(OBJECT, data)
    with pytest.raises(VolumeUnreadable):
        memory_volume(store)
    assert [info.name for info in store.list("")] == [OBJECT]
    assert store.read(OBJECT) == data


def test_dedup_counts_only_when_the_volume_is_made() -> None:
    store = MemoryObjectStore()
    first = pushed(memory_volume(store, dedup="scope"), SCOPE, FIRST)
    second = pushed(memory_volume(store, dedup="volume"), SCOPE, SECOND)
    assert first.domain == second.domain != 0


def test_usage() -> None:
    store = MemoryObjectStore(1 << 30)
    volume = memory_volume(store)
    pushed(volume, SCOPE, FIRST)
    pushed(volume, SCOPE, FIRST)
    usage = volume.usage()
    size = len(FIRST.data)
    assert (usage.roots, usage.logical, usage.occupied) == (2, 2 * size, 2 * size)
    assert usage.records == len(FIRST.chunks) + len(FIRST.pages)
    assert usage.stored == sum(info.size for info in store.list("")) == usage.total - usage.free
    assert usage.total == 1 << 30


def test_a_pack_without_rows_gets_them() -> None:
    machine = Machine()
    push = begin(machine.volume, SCOPE)
    before = machine.disk.changes
    send(push, SECOND, [1])
    steps = machine.disk.changes - before
    # The last change is the batch that makes the sealed pack visible, and the one before it a folder's fsync.
    machine = Machine()
    push = begin(machine.volume, SCOPE)
    machine.disk.cut_after(steps - 2)
    send(push, SECOND, [1])
    machine.disk.cut_after(10_000)
    assert machine.volume.usage().records == 0
    machine.close()
    assert machine.volume.usage().records == len(SECOND.names[1])
    # Nobody was told, so nobody is known to have brought them.
    push = begin(machine.volume, SCOPE)
    told = send(push, SECOND, unknown_segments(push, SECOND))
    assert told.asked == SECOND.names
    assert read_range(machine.volume, push.commit(SECOND.layout, holder(SCOPE)).id) == SECOND.data
    machine.close()


@pytest.fixture(scope="module")
def shared() -> RocksShared:
    return RocksShared()


def opened(path: Path, shared: RocksShared) -> Volume:
    return open_local_volume(path, shared, rules=[SMALL_RULE])


def test_a_local_volume_has_one_owner(tmp_path: Path, shared: RocksShared) -> None:
    volume = opened(tmp_path, shared)
    with pytest.raises(VolumeLocked) as locked:
        opened(tmp_path, shared)
    assert locked.value.path == str(tmp_path)
    root = pushed(volume, SCOPE, FIRST)
    usage = volume.usage()
    assert usage.index > 0
    volume.close()
    volume = opened(tmp_path, shared)
    assert volume.owner_epoch == 2
    assert read_range(volume, root.id) == FIRST.data
    volume.close()


def test_a_local_volume_without_its_index(tmp_path: Path, shared: RocksShared) -> None:
    volume = opened(tmp_path, shared)
    root = pushed(volume, SCOPE, FIRST)
    push = begin(volume, SCOPE)
    send(push, SECOND, [0])
    volume.close()
    for path in (tmp_path / "index").iterdir():
        path.unlink()
    volume = opened(tmp_path, shared)
    assert volume.resume_push(push.id, SMALL_RULE) is None
    assert read_range(volume, root.id) == FIRST.data
    again = begin(volume, SCOPE)
    assert unknown_segments(again, FIRST) == []
    volume.close()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_closed_local_volume_holds_no_files(tmp_path: Path, shared: RocksShared) -> None:
    opened(tmp_path, shared).close()
    before = open_files()
    for _ in range(3):
        volume = opened(tmp_path, shared)
        read_range(volume, pushed(volume, SCOPE, FIRST).id)
        volume.close()
    assert open_files() <= before


def test_a_local_volume_that_fails_to_open_can_be_tried_again(tmp_path: Path, shared: RocksShared) -> None:
    volume = opened(tmp_path, shared)
    root = pushed(volume, SCOPE, FIRST)
    volume.close()
    path = tmp_path / OBJECT
    kept = path.read_bytes()
    path.write_bytes(identity(version=2))
    for _ in range(2):
        with pytest.raises(VolumeUnreadable):
            opened(tmp_path, shared)
    path.write_bytes(kept)
    volume = opened(tmp_path, shared)
    assert read_range(volume, root.id) == FIRST.data
    volume.close()


def test_temporary_files_go(tmp_path: Path, shared: RocksShared) -> None:
    opened(tmp_path, shared).close()
    (tmp_path / "tmp" / "packs.00000001-00000001.0").write_bytes(b"left")
    volume = opened(tmp_path, shared)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert volume.release(uuid4()) is False
    volume.close()
