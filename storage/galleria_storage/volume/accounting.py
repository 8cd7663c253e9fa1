"""The account of a volume: every byte of its objects, by what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from galleria_storage.objects.store import ObjectInfo
from galleria_storage.packs.arrays import ENTRIES
from galleria_storage.packs.format import CONDEMNED, EMPTY_SIZE, ENTRY_SIZE, PackId, parse_object_name
from galleria_storage.packs.reader import entries_or_salvage
from galleria_storage.records import HEADER_SIZE
from galleria_storage.roots import Root
from galleria_storage.volume.compacting import seen
from galleria_storage.volume.core import Core
from galleria_storage.volume.marking import Mark, mark


@dataclass(frozen=True, slots=True)
class Account:
    """Sizes in bytes; `stored` is `live` + `garbage` + `condemned` + `framing`, exactly, while nothing changes.

    Attributes:
        logical: virtual sizes of the roots.
        occupied: bytes outside of their holes.
        stored: all objects of the volume.
        live: records that a root needs, with their footer entries.
        garbage: all other bytes of records and footers in packs that are not condemned: what no root needs, what is
            under way, what lies there twice, what is bad.
        condemned: packs that wait to be removed.
        framing: heads and ends of packs, root files, markers and the volume's description.
        free: room that is left.
        total: size of the medium.
    """

    logical: int
    occupied: int
    stored: int
    live: int
    garbage: int
    condemned: int
    framing: int
    free: int
    total: int


def account(core: Core, found: Iterable[Root], going: Callable[[], None]) -> Account:
    """The account by these roots, all that are pinned, gone through once. `going` is called all the time and may raise.

    Raises CollectionStopped where a page of a root cannot be read, StoreFailed.
    """
    objects = list(core.store.list(""))
    names = {info.name for info in objects}
    logical = occupied = 0

    def counted() -> Iterator[Root]:
        nonlocal logical, occupied
        for root in found:
            logical += root.layout.size
            occupied += root.occupied
            yield root

    alive = mark(core, counted(), going)
    live = garbage = condemned = 0
    for kind, pack, info in _packs(objects):
        going()
        if info.name + CONDEMNED in names:
            condemned += info.size
        else:
            needed = _live(core, kind, pack, info.size, alive)
            live += needed
            garbage += info.size - EMPTY_SIZE - needed
    stored = sum(info.size for info in objects)
    return Account(
        logical=logical,
        occupied=occupied,
        stored=stored,
        live=live,
        garbage=garbage,
        condemned=condemned,
        framing=sum(_framing(info, names) for info in objects),
        free=core.store.space().free,
        total=core.store.space().total,
    )


def _packs(objects: Sequence[ObjectInfo]) -> Iterator[tuple[int, PackId, ObjectInfo]]:
    for info in objects:
        parsed = parse_object_name(info.name)
        if parsed is not None:
            yield *parsed, info


def _framing(info: ObjectInfo, names: set[str]) -> int:
    if parse_object_name(info.name) is None:
        return info.size
    return 0 if info.name + CONDEMNED in names else EMPTY_SIZE


def _live(core: Core, kind: int, pack: PackId, size: int, alive: Mark) -> int:
    encoded = entries_or_salvage(core.store, kind, pack, size, core.rule, core.domains())
    entries = np.frombuffer(encoded, ENTRIES)[alive.among(encoded)]
    lengths = entries["stored_length"].astype(np.int64) + HEADER_SIZE + ENTRY_SIZE
    return int(lengths[seen(core, pack, entries)].sum())
