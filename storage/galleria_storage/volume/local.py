"""Volumes in a folder of this machine."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from galleria_storage.index.errors import IndexDamaged
from galleria_storage.index.rocks import RocksIndex
from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.rules import BLOCK_CDC_1, Rule
from galleria_storage.volume.core import system_clock
from galleria_storage.volume.errors import VolumeLocked
from galleria_storage.volume.policy import DEFAULT, Policy
from galleria_storage.volume.volume import Volume


def open_local_volume(
    path: Path,
    shared: RocksShared,
    *,
    rules: Sequence[Rule] = (BLOCK_CDC_1,),
    clock: Callable[[], float] = system_clock,
    policy: Policy = DEFAULT,
    rebuild: bool = False,
) -> Volume:
    """Open the volume in a folder, which is made when it is not there; with `rebuild` its index is made again.

    Raises VolumeLocked while another process has it, VolumeUnreadable, StoreFailed.
    """
    path.mkdir(parents=True, exist_ok=True)
    lock = _lock(path)
    try:
        store = LocalObjectStore(path)
        index = RocksIndex.create(path / "index", shared) if rebuild else _open_index(path / "index", shared)
        try:
            return Volume(
                store,
                index,
                rules=rules,
                clock=clock,
                policy=policy,
                scratch=path / "tmp",
                index_size=lambda: _folder_size(path / "index"),
                on_close=lambda: _let_go(store, lock),
            )
        except BaseException:
            index.close()
            store.close()
            raise
    except BaseException:
        os.close(lock)
        raise


def _let_go(store: LocalObjectStore, lock: int) -> None:
    store.close()
    os.close(lock)


def _open_index(path: Path, shared: RocksShared) -> RocksIndex:
    try:
        return RocksIndex.open(path, shared)
    except IndexDamaged:
        # It holds nothing that packs and roots do not say; an empty one is filled from them.
        return RocksIndex.create(path, shared)


def _lock(path: Path) -> int:
    lock = os.open(path / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise VolumeLocked(str(path)) from None
    return lock


def _folder_size(path: Path) -> int:
    total = 0
    for entry in os.scandir(path):
        try:
            total += entry.stat().st_size if entry.is_file() else 0
        except FileNotFoundError:
            continue
    return total
