"""Making an index again from packs, root files and markers. A rebuild ends all leases, which live nowhere else."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from uuid import UUID

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Index, Table
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import CONDEMNED, ENTRY_SIZE, FOLDERS, PackId, parse_object_name
from galleria_storage.page import Page
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import RecordsUnreadable
from galleria_storage.volume.filling import fill_chunks, fill_scopes
from galleria_storage.volume.identity import Identity
from galleria_storage.volume.leases import GARBAGE, NO_SCOPE
from galleria_storage.volume.own_packs import is_own
from galleria_storage.volume.pins import Pinning
from galleria_storage.volume.places import keys_and_rows
from galleria_storage.volume.quarantine import usable_entries
from galleria_storage.volume.reading import Reader
from galleria_storage.volume.root_files import kept
from galleria_storage.volume.rows import KnownPage, pack_key

_BUILT = b"built"


def is_built(index: Index, identity: Identity) -> bool:
    """Whether the index holds all that the volume's objects say: the last owner, the one before `identity`, had it.

    An older one does not, restored from a backup: it names what is gone since.
    """
    return index.get(Table.META, [_BUILT])[0] == _built(identity.id, identity.owner_epoch - 1)


def note_owner(index: Index, identity: Identity) -> None:
    """Note durably that this owner goes on with the index; no copy made before counts from now on."""
    batch = Batch()
    batch.put(Table.META, _BUILT, _built(identity.id, identity.owner_epoch))
    index.apply(batch)


def _built(volume: UUID, owner_epoch: int) -> bytes:
    return volume.bytes + owner_epoch.to_bytes(4, "little")


def rebuild(core: Core, pinning: Pinning, scratch: Path | None) -> None:
    """Fill an empty index, in memory that does not grow with it: rows are sorted in nameless files in `scratch`.

    Raises StoreFailed; damaged packs and roots give what can be saved of them.
    """
    found = list(_root_files(core.store))
    whole = len(found) == len(kept(core.store))
    # What a root needs that cannot be read just now is not known.
    own = {root.domain for root in found} | core.domains() if whole else None
    domains = fill_chunks(core, _packs(core), own, scratch)
    fill_scopes(core, found, scratch)
    for root in found:
        pinning.complete(root, iter(()))
        _keep_domain(core, root)
    batch = Batch()
    # A number that was ever given to a scope is never given to another.
    for domain in domains:
        number = domain.to_bytes(4, "little")
        batch.put(Table.META, b"domain" + number, number)
    batch.put(Table.META, _BUILT, _built(core.identity.id, core.identity.owner_epoch))
    # What leases left behind is known to nobody any more.
    batch.put(Table.META, GARBAGE, NO_SCOPE.bytes)
    core.index.apply(batch)


def complete(core: Core, pinning: Pinning) -> None:
    """Give packs and roots that are there their rows, where a crash came between the two."""
    noted = {pack for pack, _ in core.chunks.packs()}
    for kind, pack, size in _packs(core):
        if pack not in noted:
            _note_pack(core, kind, pack, size)
            # Nobody was told of it, so it may well be garbage.
            batch = Batch()
            batch.put(Table.META, GARBAGE + pack_key(pack), NO_SCOPE.bytes)
            core.index.apply(batch)
    rows = {UUID(bytes=key) for key, _ in core.index.scan(Table.ROOTS)}
    for root in _root_files(core.store, rows):
        _note_root(core, pinning, root)


def _note_pack(core: Core, kind: int, pack: PackId, size: int) -> None:
    """Make a pack's records visible."""
    entries, aside = usable_entries(core, kind, pack, size, core.domains())
    batch = Batch()
    core.chunks.add_pack(batch, pack, kind, size, entries, len(aside) // ENTRY_SIZE)
    if aside:
        core.damage.note(batch, keys_and_rows(pack, aside)[0], pack)
    core.index.apply(batch)


def _note_root(core: Core, pinning: Pinning, root: Root) -> None:
    with Reader(core, root) as reader:
        pinning.complete(root, _known_pages(reader))


def _packs(core: Core) -> Iterator[tuple[int, PackId, int]]:
    for folder in FOLDERS.values():
        objects = list(core.store.list(f"{folder}/"))
        condemned = {info.name.removesuffix(CONDEMNED) for info in objects if info.name.endswith(CONDEMNED)}
        for info in objects:
            parsed = parse_object_name(info.name)
            if parsed is None or info.name in condemned:
                continue
            if is_own(core.store, core.identity, *parsed):
                yield *parsed, info.size


def _root_files(store: ObjectStore, but: Collection[UUID] = ()) -> Iterator[Root]:
    """All roots that are not released, but those with the ids given."""
    parsed = [roots.parse_object_name(info.name) for info in store.list(f"{roots.FOLDER}/")]
    released = {root for root, marker in filter(None, parsed) if marker}
    for root, marker in filter(None, parsed):
        data = None if marker or root in released or root in but else roots.read_file(store, root)
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
    """Name and page of each segment; damaged ones are left to whoever reads or scrubs the root."""
    layout = reader.root.layout
    for segment, name in enumerate(layout.pages):
        try:
            encoded = reader.page(segment)
        except RecordsUnreadable:
            continue
        if name is not None and encoded is not None:
            yield name, Page.parse(encoded, layout.rule)


def _keep_domain(core: Core, root: Root) -> None:
    if root.domain:
        batch = Batch()
        batch.put(Table.META, b"domain" + root.holder.scope.bytes, root.domain.to_bytes(4, "little"))
        core.index.apply(batch)
