"""Making an index again from packs, root files and markers. Ends all leases, which live nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Index, Table
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import FOLDERS, Entry, PackDamaged, PackId, parse_object_name
from galleria_storage.packs.reader import read_entries, salvage_entries
from galleria_storage.page import Page
from galleria_storage.records import CHUNK
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.pins import Pinning
from galleria_storage.volume.reading import Reader
from galleria_storage.volume.rows import KnownPage, scope_prefix

_BUILT = b"built"


def is_built(index: Index, volume: UUID) -> bool:
    """Whether the index holds all that the volume's objects say."""
    return index.get(Table.META, [_BUILT])[0] == volume.bytes


def rebuild(core: Core, pinning: Pinning) -> None:
    """Fill an empty index. Raises StoreFailed; damaged packs give what can be saved of them."""
    for kind, pack, size in _packs(core.store):
        batch = Batch()
        core.chunks.add_pack(batch, pack, kind, size, _entries(core, kind, pack, size))
        core.index.apply(batch)
    for root in _root_files(core.store):
        complete(core, pinning, root)
        _grant_chunks(core, root)
    _keep_domains(core)
    batch = Batch()
    batch.put(Table.META, _BUILT, core.identity.id.bytes)
    core.index.apply(batch)


def complete(core: Core, pinning: Pinning, root: Root) -> None:
    """Give a root whose file is there its rows: after a rebuild, or a crash between file and row."""
    pinning.complete(root, iter(()))
    with Reader(core, root) as reader:
        pinning.complete(root, _known_pages(reader))


def unnoted_roots(core: Core) -> Iterator[Root]:
    """Roots whose file is there but not their row."""
    for root in _root_files(core.store):
        if core.pinned(root.id.bytes) is None:
            yield root


def _packs(store: ObjectStore) -> Iterator[tuple[int, PackId, int]]:
    for folder in FOLDERS.values():
        objects = list(store.list(f"{folder}/"))
        condemned = {info.name.removesuffix(".condemned") for info in objects if info.name.endswith(".condemned")}
        for info in objects:
            parsed = parse_object_name(info.name)
            if parsed is not None and info.name not in condemned:
                yield *parsed, info.size


def _entries(core: Core, kind: int, pack: PackId, size: int) -> list[Entry]:
    try:
        return read_entries(core.store, kind, pack, size)
    except PackDamaged:
        return salvage_entries(core.store, kind, pack, core.rule)


def _root_files(store: ObjectStore) -> Iterator[Root]:
    parsed = [roots.parse_object_name(info.name) for info in store.list(f"{roots.FOLDER}/")]
    released = {root for root, marker in filter(None, parsed) if marker}
    for root, marker in filter(None, parsed):
        data = None if marker or root in released else store.read(roots.object_name(root))
        if data is not None:
            try:
                yield roots.decode(root, data)
            except StorageError:
                # Reported by whoever looks for this root; the file stays as it is.
                continue


def _known_pages(reader: Reader) -> Iterator[tuple[bytes, KnownPage]]:
    for name, page in _pages(reader):
        yield name, KnownPage(reader.root.id.bytes, page.covered, page.occupied, len(page.names))


def _pages(reader: Reader) -> Iterator[tuple[bytes, Page]]:
    layout = reader.root.layout
    for segment, encoded in reader.pages():
        name = layout.pages[segment]
        if name is not None:
            yield name, Page.parse(encoded, layout.rule)


def _grant_chunks(core: Core, root: Root) -> None:
    prefix = scope_prefix(root.holder.scope.bytes, CHUNK)
    with Reader(core, root) as reader:
        for _, page in _pages(reader):
            batch = Batch()
            for name in set(page.names):
                batch.put(Table.SCOPES, prefix + name, b"")
            core.index.apply(batch)


def _keep_domains(core: Core) -> None:
    batch = Batch()
    for root in _root_files(core.store):
        if root.domain:
            batch.put(Table.META, b"domain" + root.holder.scope.bytes, root.domain.to_bytes(4, "little"))
    core.index.apply(batch)
