"""Verify: that every root's file, pages and chunks are there, by what the index says. It reads no chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from galleria_storage.errors import PageInvalid, StorageError
from galleria_storage.index.store import Table
from galleria_storage.page import Page
from galleria_storage.records import CHUNK, PAGE
from galleria_storage.roots import Root
from galleria_storage.volume.accounting import Account, account
from galleria_storage.volume.assessing import assess
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CollectionStopped
from galleria_storage.volume.pages import read_pages
from galleria_storage.volume.reading import Reader
from galleria_storage.volume.root_files import pinned, read
from galleria_storage.volume.rows import ChunkRow, chunk_key, chunk_of


@dataclass(slots=True)
class Verified:
    """What a verification has found so far.

    Attributes:
        roots: root files looked at.
        total_roots: those there are.
        pages: distinct pages read.
        chunks: chunks looked up, those of distinct pages.
        missing: pages and chunks that a root needs and that are not there.
        unreadable: ids of roots whose files cannot be read.
        account: every byte of the volume, once all is looked at; None where a root cannot be read whole.
    """

    roots: int = 0
    total_roots: int = 0
    pages: int = 0
    chunks: int = 0
    missing: int = 0
    unreadable: list[UUID] = field(default_factory=list)
    account: Account | None = None


Report = Callable[[Verified], None]


def verify(core: Core, report: Report) -> Verified:
    """Look at every root that is not released. What is missing counts as such from then on.

    `report` gets the figures all the time, and may raise to stop. Raises StoreFailed, and CollectionStopped where a
    page comes to be unreadable meanwhile.
    """
    ids, checked = pinned(core), set[bytes]()
    found = Verified(total_roots=len(ids))
    for root_id in ids:
        reader = _reader(core, root_id, found)
        if reader is not None:
            with reader:
                _look(core, reader, checked, found, report)
        found.roots += 1
        report(found)
    assess(core, lambda: report(found))
    if not found.missing and not found.unreadable:
        found.account = _account(core, ids, lambda: report(found))
    return found


def _look(core: Core, reader: Reader, checked: set[bytes], found: Verified, report: Report) -> None:
    def going() -> None:
        reader.renew()
        report(found)

    root = reader.root
    keys = {chunk_key(PAGE, root.domain, name): name for name in root.layout.pages if name is not None}
    lost: set[bytes] = set()
    for page, encoded in _pages(core, root, [keys[key] for key in keys.keys() - checked], lost, going):
        found.pages += 1
        try:
            parsed = Page.parse(encoded, root.layout.rule)
        except PageInvalid:
            lost.add(chunk_key(PAGE, root.domain, page))
            continue
        found.chunks += len(parsed.names)
        lost.update(_missing(core, root.domain, parsed))
    checked.update(keys)
    found.missing += len(lost)
    _note(core, lost)


def _pages(
    core: Core, root: Root, names: Sequence[bytes], lost: set[bytes], going: Callable[[], None]
) -> Iterator[tuple[bytes, bytes]]:
    """Name and bytes of the pages; the keys of those that are not there or cannot be read are added to `lost`."""
    places = core.chunks.places(PAGE, root.domain, names)
    lost.update(chunk_key(PAGE, root.domain, name) for name in set(names) - set(places.names.tolist()))

    def unreadable(page: bytes) -> None:
        core.examine(PAGE, root.domain, [page])
        lost.add(chunk_key(PAGE, root.domain, page))

    yield from read_pages(core, places, going, unreadable)


def _missing(core: Core, domain: int, page: Page) -> Iterator[bytes]:
    """Keys of chunks of a page that no row names with their length; of those with another the records are looked at."""
    keys = [chunk_key(CHUNK, domain, name) for name in page.names]
    lengths = (length for length in page.lengths if length > 0)
    for key, length, row in zip(keys, lengths, core.index.get(Table.CHUNKS, keys), strict=True):
        if row is not None and ChunkRow.decode(row).raw_length != length:
            core.examine(CHUNK, domain, [chunk_of(key)[2]])
            yield key
        elif row is None:
            yield key


def _note(core: Core, lost: set[bytes]) -> None:
    with core.alone():
        core.damage.note_absent(list(lost))


def _reader(core: Core, root_id: UUID, found: Verified) -> Reader | None:
    """A reader of a root, which holds what it needs also when it is given up meanwhile; None if it is not there."""
    try:
        with core.writing:
            root = read(core, root_id)
            return None if root is None else Reader(core, root)
    except StorageError:
        found.unreadable.append(root_id)
        return None


def _account(core: Core, ids: Sequence[UUID], going: Callable[[], None]) -> Account:
    """The account by those roots that are still pinned. Raises CollectionStopped, StoreFailed."""
    while True:
        still = [root_id for root_id in ids if core.pinned(root_id.bytes) is not None]
        try:
            return account(core, filter(None, (read(core, root_id) for root_id in still)), going)
        except CollectionStopped:
            # What a root given up meanwhile needed may be gone, and is missed by nobody.
            if all(core.pinned(root_id.bytes) is not None for root_id in still):
                raise
