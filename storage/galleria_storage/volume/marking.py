"""What is alive: the chunks and pages of roots, as sorted keys to hold the records of packs against.

A key is the first eight bytes of a name, mixed with its domain. Two names that share one can make a dead record look
alive, never a live one dead; and a referenced TiB needs 0.2 GB of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from galleria_storage.packs.arrays import ENTRIES, Rows, Truths
from galleria_storage.records import CHUNK, PAGE
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CollectionStopped
from galleria_storage.volume.pages import PAGE_ENTRIES, chunk_names, read_pages
from galleria_storage.volume.places import Places
from galleria_storage.volume.sorted_keys import Keys, SortedKeys

# Any odd number that spreads small domains over 64 bits; that of the golden ratio is customary.
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)


class Mark(NamedTuple):
    """Keys of live chunks and pages."""

    chunks: SortedKeys
    pages: SortedKeys

    def among(self, entries: bytes) -> Truths:
        """Which of a footer's entries name something that is alive."""
        rows = np.frombuffer(entries, ENTRIES)
        return self.alive(rows["kind"], rows["domain"], rows["name"])

    def alive(self, kinds: npt.NDArray[np.uint8], domains: npt.NDArray[np.uint32], names: Rows) -> Truths:
        """Which of some records have a chunk or page that is alive."""
        keys = keys_of(domains, names)
        return np.where(kinds == CHUNK, self.chunks.among(keys), self.pages.among(keys))


def keys_of(domains: npt.NDArray[np.uint32] | int, names: Rows) -> Keys:
    """The keys of names in their domains."""
    heads = np.ascontiguousarray(names).view("<u8").reshape(-1, 4)[:, 0]
    keys: Keys = heads ^ (np.asarray(domains, np.uint64) * _SPREAD)
    return keys


def mark(core: Core, roots: Iterable[Root], going: Callable[[], None]) -> Mark:
    """All that the roots reach; every page is read once. `going` is called all the time and may raise.

    Raises CollectionStopped where a page cannot be read: what it reaches is unknown.
    """
    domains: dict[int, set[bytes]] = {}
    for root in roots:
        domains.setdefault(root.domain, set()).update(name for name in root.layout.pages if name is not None)
    places = {domain: _located(core, domain, list(names)) for domain, names in domains.items()}
    most = sum(int(found.rows["raw_length"].sum()) for found in places.values()) // PAGE_ENTRIES.itemsize
    chunks = np.empty(most, np.uint64)
    count = 0
    for domain, found in places.items():
        for _, page in read_pages(core, found, going, _unreadable):
            names = chunk_names(page)
            chunks[count : count + len(names)] = keys_of(domain, names)
            count += len(names)
    pages = [keys_of(domain, found.names) for domain, found in places.items()]
    live = chunks[:count]
    live.sort()
    return Mark(SortedKeys(live), SortedKeys(np.sort(np.concatenate([*pages, np.empty(0, np.uint64)]))))


def _located(core: Core, domain: int, names: Sequence[bytes]) -> Places:
    places = core.chunks.places(PAGE, domain, names)
    if len(places) != len(names):
        raise CollectionStopped(f"{len(names) - len(places)} pages of its roots are missing")
    return places


def _unreadable(page: bytes) -> None:
    raise CollectionStopped(f"page {page.hex()} cannot be read")
