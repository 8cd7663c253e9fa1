"""Root files are read again too, each when its time has come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple
from uuid import UUID

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Table
from galleria_storage.volume.core import Core
from galleria_storage.volume.root_files import pinned, read

ROOT_SCRUBBED: Final = b"root-scrubbed"
"""Keys in META begin with it that say when a root's file was last looked at, in milliseconds since 1970."""


class Look(NamedTuple):
    """A root that was looked at: the size of its file in bytes, and whether it can be read."""

    id: UUID
    size: int
    good: bool


def scrub_roots(core: Core, before: float | None) -> Iterator[Look]:
    """Look at every root that was last looked at `before` a time in seconds since 1970, or at all, oldest first.

    One is noted as looked at when the next is asked for. Raises StoreFailed where the place fails as a whole.
    """
    ids, times = pinned(core), _times(core)
    _forget(core, times.keys() - set(ids))
    for root_id in sorted(ids, key=lambda root: times.get(root, 0)):
        if before is None or times.get(root_id, 0) < before * 1000:
            yield _look(core, root_id)
            batch = Batch()
            batch.put(Table.META, ROOT_SCRUBBED + root_id.bytes, core.now_ms().to_bytes(8, "little"))
            core.index.apply(batch)


def _look(core: Core, root_id: UUID) -> Look:
    try:
        root = read(core, root_id)
    except StorageError:
        return Look(root_id, 0, good=False)
    return Look(root_id, 0 if root is None else len(roots.encode(root)), good=True)


def _times(core: Core) -> dict[UUID, int]:
    rows = core.index.scan(Table.META, ROOT_SCRUBBED)
    return {UUID(bytes=key[len(ROOT_SCRUBBED) :]): int.from_bytes(value, "little") for key, value in rows}


def _forget(core: Core, gone: set[UUID]) -> None:
    batch = Batch()
    for root_id in gone:
        batch.delete(Table.META, ROOT_SCRUBBED + root_id.bytes)
    if len(batch):
        core.index.apply(batch)
