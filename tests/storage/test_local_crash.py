"""LocalObjectStore on a disk that loses power at every step of a small life, and on one that fails."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from galleria_storage.objects import LocalObjectStore, ObjectInfo, StoreFailed, StoreFull
from tests.support.simulated_disk import PowerCutError, SimulatedDisk

ROOT = Path("/data/volume")
FIRST = bytes(range(1, 251)) * 9
SECOND = b"second" * 300
State = bytes | None
SEEDS = range(25)


class Life:
    """A small life of a store, with what each object may be if the power goes now."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self._disk = disk
        self.possible: dict[str, set[State]] = {}

    def run(self) -> None:
        store = LocalObjectStore(ROOT, self._disk)
        self._create(store, "packs/1-1", FIRST)
        self._replace(store, "volume.json", b"one")
        self._create(store, "roots/r1", SECOND)
        self._replace(store, "volume.json", b"two" * 400)
        self._delete(store, "packs/1-1")
        self._create(store, "packs/1-2", b"")
        aborted = store.create("packs/1-3")
        aborted.append(FIRST)
        aborted.abort()

    def _create(self, store: LocalObjectStore, name: str, data: bytes) -> None:
        self.possible[name] = {None}
        writer = store.create(name)
        writer.append(data[:700])
        writer.append(data[700:])
        self._during(name, data)
        writer.commit()
        self.possible[name] = {data}

    def _replace(self, store: LocalObjectStore, name: str, data: bytes) -> None:
        self.possible.setdefault(name, {None})
        self._during(name, data)
        store.replace(name, data)
        self.possible[name] = {data}

    def _delete(self, store: LocalObjectStore, name: str) -> None:
        self._during(name, None)
        assert store.delete(name)
        self.possible[name] = {None}

    def _during(self, name: str, state: State) -> None:
        self.possible[name] = {*self.possible[name], state}


def _steps() -> int:
    disk = SimulatedDisk()
    Life(disk).run()
    return disk.changes


def test_a_whole_life_takes_some_steps() -> None:
    assert _steps() > 40


@pytest.mark.parametrize("step", range(_steps() + 1))
def test_power_cut_at_every_step_keeps_what_was_committed_and_shows_nothing_partial(step: int) -> None:
    for seed in SEEDS:
        disk = SimulatedDisk()
        life = Life(disk)
        disk.cut_after(step)
        _until_cut(life)
        disk.crash(random.Random(seed))
        _check(LocalObjectStore(ROOT, disk), life)
        disk.crash(random.Random(seed + 1))
        again = LocalObjectStore(ROOT, disk)
        _check(again, life)
        _check_usable(again, life)


@pytest.mark.parametrize("step", range(_steps() + 1))
def test_killed_at_every_step_then_opened_then_power_cut_shows_one_state_only(step: int) -> None:
    for seed in SEEDS:
        disk = SimulatedDisk()
        life = Life(disk)
        disk.cut_after(step)
        _until_cut(life)
        disk.cut_after(1 << 30)
        seen = {name: LocalObjectStore(ROOT, disk).read(name) for name in life.possible}
        disk.crash(random.Random(seed))
        again = LocalObjectStore(ROOT, disk)
        assert {name: again.read(name) for name in life.possible} == seen


def _until_cut(life: Life) -> None:
    try:
        life.run()
    except PowerCutError:
        return


def _check(store: LocalObjectStore, life: Life) -> None:
    listed = dict(store.list(""))
    for name, possible in life.possible.items():
        state = store.read(name)
        assert state in possible, name
        assert listed.pop(name, None) == (None if state is None else len(state))
    assert not listed


def _check_usable(store: LocalObjectStore, life: Life) -> None:
    for name in life.possible:
        store.delete(name)
        _put(store, name, SECOND)
        assert store.read(name) == SECOND


def test_a_failed_fsync_is_never_tried_again() -> None:
    disk = SimulatedDisk()
    store = LocalObjectStore(ROOT, disk)
    writer = store.create("packs/1-1")
    writer.append(FIRST)
    disk.fail("fsync", OSError(errno.EIO, "bad"))
    with pytest.raises(StoreFailed) as failed:
        writer.commit()
    assert (failed.value.name, failed.value.operation, failed.value.errno) == ("packs/1-1", "commit", errno.EIO)
    with pytest.raises(StoreFailed):
        writer.commit()
    with pytest.raises(StoreFailed):
        writer.append(b"more")
    writer.abort()
    assert list(store.list("")) == []
    assert disk.entries(ROOT / "tmp") == []


def test_an_object_whose_folder_cannot_be_synced_is_not_left_visible() -> None:
    disk = SimulatedDisk()
    store = LocalObjectStore(ROOT, disk)
    _put(store, "packs/1-1", b"before")
    disk.fail("fsync folder", OSError(errno.EIO, "bad"))
    with pytest.raises(StoreFailed):
        _put(store, "packs/1-2", FIRST)
    assert list(store.list("packs/")) == [ObjectInfo("packs/1-1", 6)]


@pytest.mark.parametrize("operation", ["write", "fsync", "rename"])
def test_a_full_disk_is_told_and_leaves_nothing(operation: str) -> None:
    disk = SimulatedDisk()
    store = LocalObjectStore(ROOT, disk)
    disk.fail(operation, OSError(errno.ENOSPC, "full"))
    with pytest.raises(StoreFull):
        _put(store, "packs/1-1", FIRST)
    assert store.read("packs/1-1") is None
    assert disk.entries(ROOT / "tmp") == []
    _put(store, "packs/1-1", FIRST)
    assert store.read("packs/1-1") == FIRST


def test_a_failed_replace_keeps_the_old_content() -> None:
    disk = SimulatedDisk()
    store = LocalObjectStore(ROOT, disk)
    store.replace("volume.json", b"old")
    disk.fail("fsync", OSError(errno.EIO, "bad"))
    with pytest.raises(StoreFailed):
        store.replace("volume.json", b"new")
    assert store.read("volume.json") == b"old"


def _put(store: LocalObjectStore, name: str, data: bytes) -> None:
    writer = store.create(name)
    try:
        writer.append(data)
        writer.commit()
    finally:
        writer.abort()
