"""Filling the tables of an empty index from packs and pages: rows are sorted first, so that it takes them as they are.

One at a time they would take ten times as long: each looked up, logged, and merged again and again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Final

import numpy as np

from galleria_storage.index.store import Batch, Table
from galleria_storage.packs.arrays import ENTRIES, NAME, Offsets, Rows, Truths
from galleria_storage.packs.format import ENTRY_SIZE, PackId
from galleria_storage.packs.reader import Domains
from galleria_storage.records import CHUNK, PAGE
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.pages import chunk_names, read_pages, summary
from galleria_storage.volume.places import CHUNK_ROWS, keys_and_rows, rows_of
from galleria_storage.volume.quarantine import usable_entries
from galleria_storage.volume.rows import KnownPage, PackRow, chunk_prefix, pack_key, scope_prefix
from galleria_storage.volume.sorting import Sorting

_FOUND: Final = np.dtype([("name", NAME), ("row", CHUNK_ROWS)])
_LOOKED_UP_AT_ONCE: Final = 4096
_NAMES: Final = np.dtype([("name", NAME)])


def fill_chunks(
    core: Core, packs: Iterable[tuple[int, PackId, int]], domains_of_roots: Domains, scratch: Path | None
) -> set[int]:
    """Make the records of packs (kind, id, size in bytes) visible; the domains among them. Raises StoreFailed.

    Of a pack with a damaged footer those in `domains_of_roots`: nothing needs any other.
    Of several records of a name in a domain that of the first pack counts.
    """
    noted: dict[PackId, PackRow] = {}
    domains: set[int] = set()
    with Sorting(_FOUND, scratch) as sorting:
        for kind, pack, size in packs:
            encoded, aside = usable_entries(core, kind, pack, size, domains_of_roots)
            bad = len(aside) // ENTRY_SIZE
            entries = np.frombuffer(encoded, ENTRIES)
            domains.update(np.unique(entries["domain"]).tolist())
            noted[pack] = PackRow(kind, size, len(entries) + bad, hidden=bad)
            _sort_in(sorting, pack, entries)
            if aside:
                batch = Batch()
                core.damage.note(batch, keys_and_rows(pack, aside)[0], pack)
                core.index.apply(batch)
        hidden: Counter[int] = Counter()
        core.index.load(Table.CHUNKS, _chunk_rows(sorting, hidden))
    core.index.load(Table.PACKS, _pack_rows(noted, hidden))
    return domains


def fill_scopes(core: Core, found: Iterable[Root], scratch: Path | None) -> None:
    """Grant each scope what its roots have: pages and chunks. Pages that cannot be read are left out.

    Pages and chunks without a row count as missing.
    """
    own: defaultdict[bytes, list[Root]] = defaultdict(list)
    for root in found:
        own[root.holder.scope.bytes].append(root)
    rows = (_scope_rows(core, scope, own[scope], scratch) for scope in sorted(own))
    core.index.load(Table.SCOPES, chain.from_iterable(rows))


def _sort_in(sorting: Sorting, pack: PackId, entries: Rows) -> None:
    rows = np.empty(len(entries), _FOUND)
    rows["name"], rows["row"] = entries["name"], rows_of(pack, entries)
    groups = entries["kind"].astype(np.int64) << 32 | entries["domain"]
    for number in np.unique(groups).tolist():
        sorting.add(chunk_prefix(number >> 32, number & 0xFFFFFFFF), rows.take(np.flatnonzero(groups == number)))


def _chunk_rows(sorting: Sorting, hidden: Counter[int]) -> Iterator[tuple[bytes, bytes]]:
    """Rows of the first record of each name; `hidden` counts the other records by the numbers of their packs."""
    for group in sorting.groups:
        for rows in sorting.ascending(group):
            first = _first_of_name(rows)
            hidden.update(_pack_numbers(rows.take(np.flatnonzero(~first))["row"]).tolist())
            found = rows.take(np.flatnonzero(first))
            values = np.ascontiguousarray(found["row"]).view(f"V{CHUNK_ROWS.itemsize}").tolist()
            yield from zip(_keys(group, found["name"]), values, strict=True)


def _pack_rows(noted: Mapping[PackId, PackRow], hidden: Counter[int]) -> Iterator[tuple[bytes, bytes]]:
    for pack, row in sorted(noted.items()):
        more = hidden[pack.epoch << 32 | pack.number]
        yield pack_key(pack), row._replace(hidden=row.hidden + more).encode()


def _pack_numbers(rows: Rows) -> Offsets:
    numbers: Offsets = rows["epoch"].astype(np.int64) << 32 | rows["number"]
    return numbers


def _scope_rows(core: Core, scope: bytes, own: Sequence[Root], scratch: Path | None) -> Iterator[tuple[bytes, bytes]]:
    wanted: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)
    for root in own:
        wanted[root.domain].update((name, root.id.bytes) for name in root.layout.pages if name is not None)
    known: dict[bytes, bytes] = {}
    with Sorting(_NAMES, scratch) as sorting:
        for domain, roots in wanted.items():
            _note_absent(core, chunk_prefix(PAGE, domain), np.frombuffer(b"".join(roots), NAME))
            for name, page in _readable(core, domain, list(roots)):
                known[name] = KnownPage(roots[name], *summary(page)).encode()
                sorting.add(b"", chunk_names(page).view(_NAMES))
        for rows in sorting.ascending(b""):
            names = rows.take(np.flatnonzero(_first_of_name(rows)))["name"]
            for domain in wanted:
                # What another domain of the scope has is forgotten again, as nothing needs it here.
                _note_absent(core, chunk_prefix(CHUNK, domain), names)
            yield from zip(_keys(scope_prefix(scope, CHUNK), names), repeat(b""))
    prefix = scope_prefix(scope, PAGE)
    for name in sorted(known):
        yield prefix + name, known[name]


def _readable(core: Core, domain: int, names: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Name and bytes of each page that can be read; where several cannot be together, each alone."""
    lost: list[bytes] = []
    yield from read_pages(core, core.chunks.places(PAGE, domain, names), _on, lost.append)
    for name in lost:
        yield from read_pages(core, core.chunks.places(PAGE, domain, [name]), _on, _ignore)


def _note_absent(core: Core, prefix: bytes, names: Rows) -> None:
    for first in range(0, len(names), _LOOKED_UP_AT_ONCE):
        core.damage.note_absent(_keys(prefix, names[first : first + _LOOKED_UP_AT_ONCE]))


def _first_of_name(rows: Rows) -> Truths:
    names = rows["name"]
    first = np.ones(len(names), np.bool_)
    first[1:] = names[1:] != names[:-1]
    return first


def _keys(prefix: bytes, names: Rows) -> list[bytes]:
    keys = np.empty(len(names), [("prefix", f"V{len(prefix)}"), ("name", NAME)])
    keys["prefix"], keys["name"] = np.frombuffer(prefix, f"V{len(prefix)}")[0], names
    found: list[bytes] = keys.view(f"V{keys.itemsize}").tolist()
    return found


def _on() -> None:
    pass


def _ignore(name: bytes) -> None:
    pass
