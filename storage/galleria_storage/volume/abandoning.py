"""Root files as they lie, and giving one up that cannot be read, so that collection goes on without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Table
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import RootMissing
from galleria_storage.volume.leases import GARBAGE, NO_SCOPE
from galleria_storage.volume.rows import RootRow


@dataclass(frozen=True, slots=True)
class RootFile:
    """A root's file: what it says, or why it cannot be read; `lacks` is how much of it is known to be missing."""

    id: UUID
    root: Root | None
    problem: str
    lacks: int


def root_files(core: Core) -> Iterator[RootFile]:
    """All root files that are not released, in order of id. Raises StoreFailed."""
    parsed = [roots.parse_object_name(info.name) for info in core.store.list(f"{roots.FOLDER}/")]
    released = {root for root, marker in filter(None, parsed) if marker}
    lacking = core.damage.lacking()
    for root, marker in filter(None, parsed):
        if not marker and root not in released:
            found = _root_file(core, root, len(lacking.get(root, ())))
            if found is not None:
                yield found


def root_file(core: Core, root_id: UUID) -> RootFile | None:
    """The file of a root; None if it is not there or released. Raises StoreFailed."""
    if core.store.read(roots.released_name(root_id), 0, 1) is not None:
        return None
    return _root_file(core, root_id, len(core.damage.lacking().get(root_id, ())))


def abandon(core: Core, root_id: UUID) -> None:
    """Move a root's file aside; what only it needed is garbage from now on. Idempotent after a crash.

    Readers of it may fail from now on. Raises RootMissing, StoreFull, StoreFailed.
    """
    with core.writing:
        data = core.store.read(roots.object_name(root_id))
        if data is None:
            raise RootMissing(root_id)
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
    data = core.store.read(roots.object_name(root_id))
    if data is None:
        return core.index.get(Table.ROOTS, [root_id.bytes])[0] is not None
    return data == core.store.read(roots.abandoned_name(root_id))


def _root_file(core: Core, root_id: UUID, lacks: int) -> RootFile | None:
    try:
        data = roots.read_file(core.store, root_id)
        return None if data is None else RootFile(root_id, roots.decode(root_id, data), "", lacks)
    except StorageError as error:
        return RootFile(root_id, None, str(error), lacks)
