"""The chunk table: where records lie on a volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from galleria_storage.index.store import Batch, Index, Table
from galleria_storage.packs.format import Entry, PackId
from galleria_storage.volume.rows import ChunkRow, PackRow, chunk_prefix, encode_chunk, pack_key, pack_of

Places = dict[tuple[int, bytes], PackId]
"""The packs in which names are found, by domain and name."""


class ChunkTable:
    """Rows of CHUNKS and PACKS. Safe for many threads; what is read and written together the caller locks."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def locate(self, kind: int, domain: int, names: Sequence[bytes]) -> list[ChunkRow | None]:
        """The row of each name, None where no record is visible."""
        prefix = chunk_prefix(kind, domain)
        found = self._index.get(Table.CHUNKS, [prefix + name for name in names])
        return [None if value is None else ChunkRow.decode(value) for value in found]

    def present(self, kind: int, domain: int, names: Sequence[bytes]) -> set[bytes]:
        """Those of the names that have a visible record."""
        prefix = chunk_prefix(kind, domain)
        found = self._index.get(Table.CHUNKS, [prefix + name for name in names])
        return {name for name, value in zip(names, found, strict=True) if value is not None}

    def add_pack(self, batch: Batch, pack: PackId, kind: int, size: int, entries: Sequence[Entry]) -> Places:
        """Make a sealed pack's records visible with `batch`; the packs in which its names are found from then on.

        The first record of a name in a domain stays its record: a second one is garbage from the start.
        """
        batch.put(Table.PACKS, pack_key(pack), PackRow(kind, size, len(entries), 0).encode())
        heads = {place: chunk_prefix(*place) for place in {(entry.kind, entry.domain) for entry in entries}}
        keys = [heads[entry.kind, entry.domain] + entry.name for entry in entries]
        before = self._index.get(Table.CHUNKS, keys)
        places: Places = {}
        for key, entry, row in zip(keys, entries, before, strict=True):
            name, domain, _, offset, raw, stored, codec, flags, zeros, _ = entry
            if row is not None:
                places[domain, name] = ChunkRow.decode(row).pack
            elif (domain, name) not in places:
                places[domain, name] = pack
                batch.put(Table.CHUNKS, key, encode_chunk(*pack, offset, stored, raw, codec, flags, zeros))
        return places

    def packs(self) -> Iterable[tuple[PackId, PackRow]]:
        """All sealed packs."""
        for key, value in self._index.scan(Table.PACKS):
            yield pack_of(key), PackRow.decode(value)

    def next_number(self) -> int:
        """One more than the highest number a pack has."""
        return max((pack.number for pack, _ in self.packs()), default=0) + 1
