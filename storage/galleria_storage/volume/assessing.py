"""Assessment: which roots and pages need what a volume lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np

from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch, Table
from galleria_storage.packs.arrays import NAME
from galleria_storage.records import CHUNK, PAGE
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.damage import Needs
from galleria_storage.volume.marking import keys_of
from galleria_storage.volume.pages import chunk_names, read_pages
from galleria_storage.volume.rows import KEY_SIZE, RootRow, chunk_key, chunk_of

Going = Callable[[], None]


def assess(core: Core, going: Going) -> None:
    """Find what needs the missing names, until nothing more comes to be missing meanwhile. Does nothing without any.

    `going` is called all the time and may raise; the next call begins again.
    """
    damage = core.damage
    if damage.healed():
        with core.alone():
            batch = Batch()
            damage.note(batch, ())
            core.index.apply(batch)
    while damage.pending:
        changes, missing = damage.changes, damage.missing()
        needs = _needs(core, missing, going) if missing else Needs({}, set())
        with core.alone():
            if damage.changes == changes:
                # What is under way may be pinned yet, and turn out to need what no root does.
                needed = missing if core.leases.holding() else set().union(*needs.roots.values())
                kept = {key: pack for key, pack in missing.items() if key in needed}
                damage.settle(changes, kept, needs)


def _needs(core: Core, missing: Collection[bytes], going: Going) -> Needs:
    roots = list(_readable(core))
    lacking: dict[bytes, set[bytes]] = {}
    for domain in {root.domain for root in roots}:
        names = {name for root in roots if root.domain == domain for name in root.layout.pages if name is not None}
        lacking.update(_lacking_pages(core, domain, list(names), missing, going))
    of_roots: dict[UUID, set[bytes]] = {}
    for root in roots:
        pages = {chunk_key(PAGE, root.domain, name) for name in root.layout.pages if name is not None}
        of_roots[root.id] = set().union(*(lacking[page] for page in pages & lacking.keys()))
    return Needs({root: keys for root, keys in of_roots.items() if keys}, set(lacking))


def _lacking_pages(
    core: Core, domain: int, names: Sequence[bytes], missing: Collection[bytes], going: Going
) -> Mapping[bytes, set[bytes]]:
    """What each of a domain's pages lacks, by the page's key, without those that lack nothing."""
    found: dict[bytes, set[bytes]] = defaultdict(set)

    def lost(name: bytes) -> None:
        key = chunk_key(PAGE, domain, name)
        found[key].add(key)

    lacked = [name for kind, within, name in map(chunk_of, missing) if (kind, within) == (CHUNK, domain)]
    heads = np.sort(keys_of(domain, np.frombuffer(b"".join(lacked), NAME)))
    places = core.chunks.places(PAGE, domain, names)
    for name in set(names) - set(places.names.tolist()):
        lost(name)
    for page, encoded in read_pages(core, places, going, lost):
        chunks = chunk_names(encoded)
        for name in chunks[np.isin(keys_of(domain, chunks), heads)].tolist():
            if (key := chunk_key(CHUNK, domain, name)) in missing:
                found[chunk_key(PAGE, domain, page)].add(key)
    return found


def _readable(core: Core) -> Iterator[Root]:
    """All pinned roots whose files can be read; the others are somebody else's to tell."""
    for key, value in core.index.scan(Table.ROOTS):
        if not RootRow.decode(value).released:
            try:
                root = core.read_root(UUID(bytes=key))
            except StorageError:
                continue
            if root is not None:
                yield root


assert len(chunk_key(CHUNK, 0, bytes(32))) == KEY_SIZE  # noqa: S101 - a width that rows of damage are cut by
