"""Verify: that every root's file, pages and chunks are there, by what the index says. It reads no chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from galleria_storage import roots
from galleria_storage.errors import PageInvalid, StorageError
from galleria_storage.index.store import Table
from galleria_storage.page import Page
from galleria_storage.records import CHUNK, PAGE
from galleria_storage.roots import Root
from galleria_storage.volume.accounting import Account, account
from galleria_storage.volume.assessing import assess
from galleria_storage.volume.core import Core
from galleria_storage.volume.pages import read_pages
from galleria_storage.volume.rows import ChunkRow, chunk_key


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

    `report` gets the figures all the time, and may raise to stop. Raises StoreFailed.
    """
    found = Verified()
    readable = list(_readable(core, found))
    checked: set[bytes] = set()
    for root in readable:
        names = {name for name in root.layout.pages if name is not None}
        keys = {chunk_key(PAGE, root.domain, name): name for name in names}
        fresh = [name for key, name in keys.items() if key not in checked]
        checked.update(keys)
        _look(core, root, fresh, found, lambda: report(found))
        found.roots += 1
        report(found)
    assess(core, lambda: report(found))
    if not found.missing and not found.unreadable:
        found.account = account(core, readable, lambda: report(found))
    return found


def _look(core: Core, root: Root, names: Sequence[bytes], found: Verified, going: Callable[[], None]) -> None:
    lost: set[bytes] = set()
    places = core.chunks.places(PAGE, root.domain, names)
    lost.update(chunk_key(PAGE, root.domain, name) for name in set(names) - set(places.names.tolist()))

    def unreadable(page: bytes) -> None:
        core.examine(PAGE, root.domain, [page])
        lost.add(chunk_key(PAGE, root.domain, page))

    for page, encoded in read_pages(core, places, going, unreadable):
        found.pages += 1
        try:
            parsed = Page.parse(encoded, root.layout.rule)
        except PageInvalid:
            lost.add(chunk_key(PAGE, root.domain, page))
            continue
        found.chunks += len(parsed.names)
        lost.update(_missing(core, root.domain, parsed))
    found.missing += len(lost)
    _note(core, lost)


def _missing(core: Core, domain: int, page: Page) -> Iterator[bytes]:
    """Keys of chunks of a page that no row names with their length."""
    keys = [chunk_key(CHUNK, domain, name) for name in page.names]
    lengths = (length for length in page.lengths if length > 0)
    for key, length, row in zip(keys, lengths, core.index.get(Table.CHUNKS, keys), strict=True):
        if row is None or ChunkRow.decode(row).raw_length != length:
            yield key


def _note(core: Core, lost: set[bytes]) -> None:
    with core.alone():
        core.damage.note_absent(list(lost))


def _readable(core: Core, found: Verified) -> Iterator[Root]:
    parsed = [roots.parse_object_name(info.name) for info in core.store.list(f"{roots.FOLDER}/")]
    released = {root for root, marker in filter(None, parsed) if marker}
    ids = [root for root, marker in filter(None, parsed) if not marker and root not in released]
    found.total_roots = len(ids)
    for root in ids:
        try:
            data = roots.read_file(core.store, root)
            if data is not None:
                yield roots.decode(root, data)
        except StorageError:
            found.unreadable.append(root)
            found.roots += 1
