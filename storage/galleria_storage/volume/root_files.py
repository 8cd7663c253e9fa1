"""Root files as they lie: which there should be, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.index.store import Table
from galleria_storage.objects.store import ObjectStore
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.rows import RootRow

GONE: Final = "its file is gone"


@dataclass(frozen=True, slots=True)
class RootFile:
    """A root's file: what it says, or why it cannot be read; `lacks` is how much of it is known to be missing."""

    id: UUID
    root: Root | None
    problem: str
    lacks: int


def kept(store: ObjectStore) -> list[UUID]:
    """Ids of the root files that are there and not released, in order. Raises StoreFailed."""
    parsed = [roots.parse_object_name(info.name) for info in store.list(f"{roots.FOLDER}/")]
    released = {root for root, marker in filter(None, parsed) if marker}
    return [root for root, marker in filter(None, parsed) if not marker and root not in released]


def pinned(core: Core) -> list[UUID]:
    """Ids of all roots that are pinned, in order: by their files, and by rows whose files are gone.

    Raises StoreFailed.
    """
    there = set(kept(core.store))
    rows = {UUID(bytes=key) for key, value in core.index.scan(Table.ROOTS) if not RootRow.decode(value).released}
    return sorted(there | {root for root in rows - there if is_gone(core, root)})


def is_gone(core: Core, root_id: UUID) -> bool:
    """Whether a root is pinned by its row, but has no file: nobody can tell what it needs. Raises StoreFailed."""
    # File and row are written and removed together under this lock.
    with core.writing:
        return core.pinned(root_id.bytes) is not None and not core.store.read(roots.object_name(root_id), 0, 1)


def read(core: Core, root_id: UUID) -> Root | None:
    """What a root's file says; None if it is released, or not pinned.

    Raises RootDamaged, LayoutInvalid, UnknownRule, StoreFailed.
    """
    if core.store.read(roots.released_name(root_id), 0, 1) is not None:
        return None
    data = roots.read_file(core.store, root_id)
    if data is not None:
        return roots.decode(root_id, data)
    if is_gone(core, root_id):
        raise roots.RootDamaged(root_id.hex, GONE)
    return None


def root_files(core: Core, after: UUID | None = None) -> Iterator[RootFile]:
    """All pinned roots with an id above `after`, in order of id. Raises StoreFailed."""
    lacking = core.damage.lacking()
    for root_id in pinned(core):
        if after is None or root_id > after:
            found = _root_file(core, root_id, len(lacking.get(root_id, ())))
            if found is not None:
                yield found


def root_file(core: Core, root_id: UUID) -> RootFile | None:
    """One of them; None if it is not pinned. Raises StoreFailed."""
    return _root_file(core, root_id, len(core.damage.lacking().get(root_id, ())))


def _root_file(core: Core, root_id: UUID, lacks: int) -> RootFile | None:
    try:
        root = read(core, root_id)
    except StorageError as error:
        return RootFile(root_id, None, str(error), lacks)
    return None if root is None else RootFile(root_id, root, "", lacks)
