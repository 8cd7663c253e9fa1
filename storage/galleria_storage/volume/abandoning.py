"""Giving a root up for lost, so that collection goes on without it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from galleria_storage import roots
from galleria_storage.index.store import Batch, Table
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.objects.store import ObjectStore
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import RootMissing
from galleria_storage.volume.leases import GARBAGE, NO_SCOPE
from galleria_storage.volume.rows import RootRow

_SECTOR: Final = 4096


def abandon(core: Core, root_id: UUID) -> None:
    """Move a root's file aside, or what can be read of it; what only it needed is garbage from now on.

    Idempotent after a crash. Readers of it may fail from now on. Raises RootMissing, StoreFull, StoreFailed.
    """
    with core.writing:
        data = _saved(core.store, root_id)
        if data is None and core.pinned(root_id.bytes) is None:
            raise RootMissing(root_id)
        if data is not None:
            core.store.replace(roots.abandoned_name(root_id), data)
        _drop(core, root_id)


def finish_abandoned(core: Core) -> None:
    """Complete what a crash left of moving a root's file aside; for opening."""
    for info in core.store.list(f"{roots.ABANDONED}/"):
        parsed = roots.parse_object_name(f"{roots.FOLDER}/{info.name.removeprefix(f'{roots.ABANDONED}/')}")
        if parsed is not None and not parsed[1] and _is_unfinished(core, parsed[0]):
            _drop(core, parsed[0])


def _drop(core: Core, root_id: UUID) -> None:
    value = core.index.get(Table.ROOTS, [root_id.bytes])[0]
    scope = NO_SCOPE if value is None else RootRow.decode(value).scope
    core.store.delete(roots.object_name(root_id))
    core.store.delete(roots.released_name(root_id))
    batch = Batch()
    batch.put(Table.META, GARBAGE + root_id.bytes, scope.bytes)
    batch.delete(Table.ROOTS, root_id.bytes)
    core.index.apply(batch)
    core.forget_root(root_id)
    core.damage.outdate()


def _is_unfinished(core: Core, root_id: UUID) -> bool:
    """Whether the file or the row that was moved aside is there still; a root pinned since then is another."""
    data = _saved(core.store, root_id)
    if data is None:
        return core.index.get(Table.ROOTS, [root_id.bytes])[0] is not None
    return data == core.store.read(roots.abandoned_name(root_id))


def _saved(store: ObjectStore, root_id: UUID) -> bytes | None:
    """A root's file, with zeros for what the place cannot read of it; None if it is not there."""
    try:
        return roots.read_file(store, root_id)
    except StoreFailed:
        name = roots.object_name(root_id)
        size = next((info.size for info in store.list(name) if info.name == name), 0)
        size = min(size, roots.MAX_FILE)
        return b"".join(_sector(store, name, start, min(size - start, _SECTOR)) for start in range(0, size, _SECTOR))


def _sector(store: ObjectStore, name: str, start: int, length: int) -> bytes:
    try:
        return store.read(name, start, length) or bytes(length)
    except StoreFailed:
        return bytes(length)
