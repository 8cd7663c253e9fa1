"""The order in which the newest disks have their chunks and pages: what is read together should lie together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Final

import numpy as np

from galleria_storage.packs.arrays import NAME, Offsets, Rows
from galleria_storage.records import PAGE
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.marking import keys_of
from galleria_storage.volume.pages import chunk_names
from galleria_storage.volume.places import Places
from galleria_storage.volume.reading import Reader

_LAST: Final = np.iinfo(np.int64).max


def ordered(core: Core, places: Places, domain: int, roots: Sequence[Root], going: Callable[[], None]) -> Offsets:
    """Numbers of the places, each as the newest root of the domain that has it comes to it; the others last.

    Pages of roots are read until every place has its turn. Raises RecordsUnreadable, StoreFailed.
    """
    keys = keys_of(domain, places.names)
    by_key = np.argsort(keys)
    turns = np.full(len(keys), _LAST)
    count, left = 0, len(keys)
    # Left early, the reader in it must be closed at once.
    with closing(_sequence(core, places.kind, domain, roots, going)) as sequence:
        for names in sequence:
            found = keys_of(domain, names)
            at = by_key[np.minimum(np.searchsorted(keys, found, sorter=by_key), len(keys) - 1)]
            fresh = (keys[at] == found) & (turns[at] == _LAST)
            # Backwards, so that of a chunk at several positions the first one counts.
            turns[at[fresh][::-1]] = (count + np.flatnonzero(fresh))[::-1]
            count += len(found)
            left -= len(np.unique(at[fresh]))
            if not left:
                break
    return np.argsort(turns, kind="stable")


def _sequence(
    core: Core, kind: int, domain: int, roots: Sequence[Root], going: Callable[[], None]
) -> Generator[Rows, None, None]:
    for root in sorted(roots, key=lambda root: root.pinned_ms, reverse=True):
        if root.domain != domain:
            continue
        going()
        if kind == PAGE:
            yield np.frombuffer(b"".join(name for name in root.layout.pages if name is not None), NAME)
            continue
        with Reader(core, root) as reader:
            for _, page in reader.pages():
                going()
                yield chunk_names(page)
