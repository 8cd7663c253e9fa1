"""What a scope may be told it has: rows of names that its pushes brought, for as long as a root of its has them.

A chunk that lives on in other scopes only is to this one as if it had never been sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Final
from uuid import UUID

import numpy as np

from galleria_storage.index.store import Batch, Table
from galleria_storage.packs.arrays import NAME
from galleria_storage.packs.format import PackId
from galleria_storage.records import CHUNK, PAGE
from galleria_storage.volume.core import Core
from galleria_storage.volume.marking import Mark
from galleria_storage.volume.rows import scope_prefix

_ROWS_AT_ONCE: Final = 4096


def sweep(core: Core, scope: UUID, live: Mark, held: Collection[PackId], going: Callable[[], None]) -> bool:
    """Take the names out of a scope that none of its roots has: `live` is the mark of those.

    Names in packs that are `held` stay, as a push may be about to pin them; then the answer is False.
    """
    domain, done = core.domain_of(scope), True
    for kind in (CHUNK, PAGE):
        prefix = scope_prefix(scope.bytes, kind)
        row = np.dtype([("prefix", f"V{len(prefix)}"), ("name", NAME)])
        for keys in _batches(core, prefix):
            going()
            names = np.frombuffer(b"".join(keys), row)["name"]
            alive = live.alive(np.full(len(names), kind, "u1"), np.full(len(names), domain, "<u4"), names)
            dead = names[~alive].tolist()
            if dead:
                done &= _take_out(core, prefix, dead, held, kind, domain)
    return done


def _batches(core: Core, prefix: bytes) -> Iterator[list[bytes]]:
    rows = core.index.scan(Table.SCOPES, prefix)
    while batch := [key for key, _ in islice(rows, _ROWS_AT_ONCE)]:
        yield batch


def _take_out(
    core: Core, prefix: bytes, names: Sequence[bytes], held: Collection[PackId], kind: int, domain: int
) -> bool:
    with core.alone():
        batch = Batch()
        # Rows are looked up only where something is held.
        rows = core.chunks.locate(kind, domain, names) if held else ()
        kept = {name for name, row in zip(names, rows, strict=False) if row is not None and row.pack in held}
        for name in names:
            if name not in kept:
                batch.delete(Table.SCOPES, prefix + name)
        core.index.apply(batch)
    return not kept
