"""What is alive: the chunks and pages of roots, as sorted keys to hold the records of packs against.

A key is the first eight bytes of a name, mixed with its domain. Two names that share one can make a dead record look
alive, never a live one dead; and a referenced TiB needs 0.2 GB of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from galleria_storage.compression import expand
from galleria_storage.digest import name_of
from galleria_storage.packs.arrays import ENTRIES, NAME, Rows, Truths
from galleria_storage.records import CHUNK, PAGE, records_in
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CollectionStopped
from galleria_storage.volume.places import LARGEST_READ, Places, read_together, spans

Keys: TypeAlias = "npt.NDArray[np.uint64]"

_PAGE_ENTRIES: Final = np.dtype([("length", "<u4"), ("name", NAME)])
_HOLE: Final = 1 << 31
# Any odd number that spreads small domains over 64 bits; that of the golden ratio is customary.
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_PAGES_AT_ONCE: Final = 4096


class Mark(NamedTuple):
    """Keys of live chunks and pages, in ascending order."""

    chunks: Keys
    pages: Keys

    def among(self, entries: bytes) -> Truths:
        """Which of a footer's entries name something that is alive."""
        rows = np.frombuffer(entries, ENTRIES)
        return self.alive(rows["kind"], rows["domain"], rows["name"])

    def alive(self, kinds: npt.NDArray[np.uint8], domains: npt.NDArray[np.uint32], names: Rows) -> Truths:
        """Which of some records have a chunk or page that is alive."""
        keys = keys_of(domains, names)
        return np.where(kinds == CHUNK, _among(keys, self.chunks), _among(keys, self.pages))


def keys_of(domains: npt.NDArray[np.uint32] | int, names: Rows) -> Keys:
    """The keys of names in their domains."""
    heads = np.ascontiguousarray(names).view("<u8").reshape(-1, 4)[:, 0]
    keys: Keys = heads ^ (np.asarray(domains, np.uint64) * _SPREAD)
    return keys


def chunk_names(page: bytes) -> Rows:
    """Names of the chunks of a page that is known to be good."""
    entries = np.frombuffer(page, _PAGE_ENTRIES)
    return entries["name"][entries["length"] < _HOLE]


def mark(core: Core, roots: Iterable[Root], going: Callable[[], None]) -> Mark:
    """All that the roots reach; every page is read once. `going` is called all the time and may raise.

    Raises CollectionStopped where a page cannot be read: what it reaches is unknown.
    """
    domains: dict[int, set[bytes]] = {}
    for root in roots:
        domains.setdefault(root.domain, set()).update(name for name in root.layout.pages if name is not None)
    places = {domain: _located(core, domain, list(names)) for domain, names in domains.items()}
    most = sum(int(found.rows["raw_length"].sum()) for found in places.values()) // _PAGE_ENTRIES.itemsize
    chunks = np.empty(most, np.uint64)
    count = 0
    for domain, found in places.items():
        for names in _chunks_of(core, found, going):
            chunks[count : count + len(names)] = keys_of(domain, names)
            count += len(names)
    pages = [keys_of(domain, found.names) for domain, found in places.items()]
    live = chunks[:count]
    live.sort()
    return Mark(live, np.sort(np.concatenate([*pages, np.empty(0, np.uint64)])))


def _located(core: Core, domain: int, names: Sequence[bytes]) -> Places:
    places = core.chunks.places(PAGE, domain, names)
    if len(places) != len(names):
        raise CollectionStopped(f"{len(names) - len(places)} pages of its roots are missing")
    return places


def _chunks_of(core: Core, pages: Places, going: Callable[[], None]) -> Iterator[Rows]:
    """The names in each page."""
    for span in spans(pages, LARGEST_READ):
        going()
        loaded, lost = read_together(core.store, pages[span])
        if lost:
            raise CollectionStopped(f"page {lost[0].hex()} cannot be read")
        for run in loaded:
            for record in records_in(run.data, core.rule):
                page = expand(record.codec, record.payload, record.raw_length, record.raw_length)
                if name_of(page) != record.name:
                    raise CollectionStopped(f"page {record.name.hex()} has other bytes")
                yield chunk_names(page)


def _among(keys: Keys, live: Keys) -> Truths:
    if not len(live):
        return np.zeros(len(keys), np.bool_)
    found = np.minimum(np.searchsorted(live, keys), len(live) - 1)
    same: Truths = live[found] == keys
    return same
