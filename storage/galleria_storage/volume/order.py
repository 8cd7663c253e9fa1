"""The order in which the newest disks have their chunks and pages: what is read together should lie together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from galleria_storage.packs.arrays import NAME, Offsets, Rows
from galleria_storage.records import PAGE
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.marking import keys_of
from galleria_storage.volume.pages import chunk_names, read_pages
from galleria_storage.volume.places import Places
from galleria_storage.volume.sorted_keys import SortedKeys

_LAST: Final = np.iinfo(np.int64).max
_PAGES_AT_ONCE: Final = 256


def ordered(core: Core, places: Places, domain: int, roots: Sequence[Root], going: Callable[[], None]) -> Offsets:
    """Numbers of the places, each as the newest root of the domain that has it comes to it; the others last.

    Pages of roots are read until every place has its turn. No lease holds them, as only who compacts lets pages go.
    """
    keys = keys_of(domain, places.names)
    by_key = np.argsort(keys)
    ascending = SortedKeys(keys[by_key])
    turns = np.full(len(keys), _LAST)
    count, left = 0, len(keys)
    for names in _sequence(core, places.kind, domain, roots, going):
        found = keys_of(domain, names)
        known, at = ascending.find(found)
        fresh = known & (turns[at] == _LAST)
        # Backwards, so that of a chunk at several positions the first one counts.
        turns[at[fresh][::-1]] = (count + np.flatnonzero(fresh))[::-1]
        count += len(found)
        left -= len(np.unique(at[fresh]))
        if not left:
            break
    return by_key[np.lexsort((by_key, turns))]


def _sequence(core: Core, kind: int, domain: int, roots: Sequence[Root], going: Callable[[], None]) -> Iterator[Rows]:
    """Names of the pages or chunks of the roots, the newest root's first; no page that came before comes again."""
    before: set[bytes] = set()
    for root in sorted(roots, key=lambda root: root.pinned_ms, reverse=True):
        if root.domain != domain:
            continue
        going()
        pages = [name for name in dict.fromkeys(root.layout.pages) if name is not None and name not in before]
        before.update(pages)
        if kind == PAGE:
            yield np.frombuffer(b"".join(pages), NAME)
            continue
        for first in range(0, len(pages), _PAGES_AT_ONCE):
            yield _chunks_of(core, domain, pages[first : first + _PAGES_AT_ONCE], going)


def _chunks_of(core: Core, domain: int, pages: Sequence[bytes], going: Callable[[], None]) -> Rows:
    """Names of the chunks of pages. One that cannot be read any more has no say in the order."""
    places = core.chunks.places(PAGE, domain, pages)
    read = dict(read_pages(core, places, going, lambda _: None))
    found = [chunk_names(read[name]) for name in pages if name in read]
    return np.concatenate([np.empty(0, NAME), *found])
