"""Assessment: which roots and pages need what a volume lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Final
from uuid import UUID

import numpy as np

from galleria_storage.errors import StorageError
from galleria_storage.index.store import Table
from galleria_storage.packs.arrays import NAME
from galleria_storage.records import CHUNK, PAGE
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.damage import Needs
from galleria_storage.volume.marking import keys_of
from galleria_storage.volume.pages import chunk_names, read_pages
from galleria_storage.volume.rows import KEY_SIZE, RootRow, chunk_key, chunk_of

Going = Callable[[], None]
Lacking = dict[bytes, set[bytes]]
"""What pages lack, by their keys; a page that is missing lacks itself. Pages that lack nothing are left out."""
_TRIES: Final = 2


def assess(core: Core, going: Going) -> None:
    """Find what needs the missing names, until nothing more comes to be missing meanwhile. Does nothing without any.

    What comes to be needed less meanwhile is left to the next call, or this might never end. `going` is called all the
    time and may raise; the next call begins again.
    """
    again = core.damage.pending or core.damage.doubtful(core.leases.holding())
    while again:
        with core.alone():
            seen = core.damage.see()
        needs = _needs(core, seen.missing, going) if seen.missing else Needs({}, set())
        with core.alone():
            # What is under way may be pinned yet, and turn out to need what no root does.
            again = not core.damage.settle(seen, needs, core.leases.holding())


def lacking_pages(
    core: Core, domain: int, names: Collection[bytes], missing: Collection[bytes], going: Going
) -> tuple[Lacking, list[bytes]]:
    """What a domain's pages of these names lack, and the names of those that cannot be read just now."""
    found: Lacking = defaultdict(set)
    lacked = [name for kind, within, name in map(chunk_of, missing) if (kind, within) == (CHUNK, domain)]
    heads = np.sort(keys_of(domain, np.frombuffer(b"".join(lacked), NAME)))
    left = list(names)
    for _ in range(_TRIES):
        # A page that has moved meanwhile is looked up again.
        places, unread = core.chunks.places(PAGE, domain, left), list[bytes]()
        for page, encoded in read_pages(core, places, going, unread.append):
            chunks = chunk_names(encoded)
            for name in chunks[np.isin(keys_of(domain, chunks), heads)].tolist():
                if (key := chunk_key(CHUNK, domain, name)) in missing:
                    found[chunk_key(PAGE, domain, page)].add(key)
        for name in set(left) - set(places.names.tolist()):
            found[chunk_key(PAGE, domain, name)].add(chunk_key(PAGE, domain, name))
        left = unread
    if left:
        core.examine(PAGE, domain, left)
    return found, left


def _needs(core: Core, missing: Collection[bytes], going: Going) -> Needs:
    roots, unread = _readable(core, going)
    lacking: Lacking = {}
    for domain in {root.domain for root in roots}:
        names = {name for root in roots if root.domain == domain for name in _pages(root)}
        found, left = lacking_pages(core, domain, names, missing, going)
        lacking.update(found)
        unread |= bool(left)
    absent = [page for page, keys in lacking.items() if page in keys]
    with core.alone():
        core.damage.note_absent(absent)
    of_roots: dict[UUID, set[bytes]] = {}
    for root in roots:
        pages = {chunk_key(PAGE, root.domain, name) for name in _pages(root)}
        of_roots[root.id] = set().union(*(lacking[page] for page in pages & lacking.keys()))
    return Needs({root: keys for root, keys in of_roots.items() if keys}, set(lacking), unread, bool(absent))


def _pages(root: Root) -> Sequence[bytes]:
    return [name for name in root.layout.pages if name is not None]


def _readable(core: Core, going: Going) -> tuple[list[Root], bool]:
    """All pinned roots whose files can be read, and whether there are others."""
    found: list[Root] = []
    unread = False
    for key, value in core.index.scan(Table.ROOTS):
        going()
        if not RootRow.decode(value).released:
            try:
                root = core.read_root(UUID(bytes=key))
            except StorageError:
                unread = True
                continue
            found += [] if root is None else [root]
    return found, unread


assert len(chunk_key(CHUNK, 0, bytes(32))) == KEY_SIZE  # noqa: S101 - a width that rows of damage are cut by
