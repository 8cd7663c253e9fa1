"""A root copied to a second volume, beside `cp` and fsync of the packs that makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from pathlib import Path

from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.volume import Holder, Volume, open_local_volume


def copy_and_cp(volumes: Path, scratch: Path) -> tuple[float, float, int]:
    """Seconds of copying a root to an empty volume, seconds of `cp` with fsync, and the packs' bytes.

    `volumes` is the folder of a stopped server's volumes, one of which has roots; the first of them is copied. Both are
    done twice and the second time counts: a server that works has its index in memory.
    """
    shared = RocksShared()
    shutil.rmtree(scratch, ignore_errors=True)
    holding = next(folder.parent for folder in sorted(volumes.rglob("roots")) if any(folder.rglob("*")))
    source = open_local_volume(holding, shared)
    try:
        _copied(source, scratch / "first", shared)
        copying = _copied(source, scratch / "copy", shared)
    finally:
        source.close()
    packs = scratch / "copy" / "packs"
    cp(packs, scratch / "first-cp")
    result = copying, cp(packs, scratch / "cp"), sum(pack.stat().st_size for pack in packs.iterdir())
    shutil.rmtree(scratch)
    return result


def _copied(source: Volume, path: Path, shared: RocksShared) -> float:
    root = source.roots()[0]
    target = open_local_volume(path, shared)
    os.sync()
    try:
        start = time.perf_counter()
        with source.open_read(root.id) as reader:
            copy = target.begin_copy(root.scope, uuid.uuid4(), lease_id=uuid.uuid4())
            copy.run(reader, lambda _: True)
            copy.commit(Holder(root.scope, root.resource, root.name))
        return time.perf_counter() - start
    finally:
        target.close()


def cp(packs: Path, target: Path) -> float:
    """Seconds of copying a folder with `cp`, and of fsync of each file and of the copy."""
    os.sync()
    start = time.perf_counter()
    subprocess.run(["cp", "-r", packs, target], check=True)
    for path in (*target.iterdir(), target):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return time.perf_counter() - start
