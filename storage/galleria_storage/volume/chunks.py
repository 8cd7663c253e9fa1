"""The chunk table: where records lie on a volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from galleria_storage.index.store import Batch, Index, Table
from galleria_storage.packs.format import PackId
from galleria_storage.volume.places import Places, keys_and_rows
from galleria_storage.volume.rows import ChunkRow, PackRow, chunk_prefix, pack_key, pack_of

Packs = dict[bytes, PackId]
"""The packs in which chunks are found, by the chunks' keys."""


class ChunkTable:
    """Rows of CHUNKS and PACKS. Safe for many threads; what is read and written together the caller locks."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def locate(self, kind: int, domain: int, names: Sequence[bytes]) -> list[ChunkRow | None]:
        """The row of each name, None where no record is visible."""
        prefix = chunk_prefix(kind, domain)
        found = self._index.get(Table.CHUNKS, [prefix + name for name in names])
        return [None if value is None else ChunkRow.decode(value) for value in found]

    def places(self, kind: int, domain: int, names: Sequence[bytes]) -> Places:
        """Where the records of distinct names lie; those without a visible record are left out."""
        prefix = chunk_prefix(kind, domain)
        found = self._index.get(Table.CHUNKS, [prefix + name for name in names])
        visible = [name for name, value in zip(names, found, strict=True) if value is not None]
        return Places.of(kind, visible, [value for value in found if value is not None])

    def present(self, kind: int, domain: int, names: Sequence[bytes]) -> set[bytes]:
        """Those of the names that have a visible record."""
        prefix = chunk_prefix(kind, domain)
        found = self._index.get(Table.CHUNKS, [prefix + name for name in names])
        return {name for name, value in zip(names, found, strict=True) if value is not None}

    def add_pack(
        self, batch: Batch, pack: PackId, kind: int, size: int, entries: bytes | bytearray, aside: int = 0
    ) -> Packs:
        """Make a sealed pack's records visible with `batch`; the packs in which its chunks are found from then on.

        The first record of a name in a domain stays its record: a second one is garbage from the start. `aside` is how
        many more records the pack has, that are bad.
        """
        keys, rows = keys_and_rows(pack, entries)
        packs: Packs = {}
        seen = 0
        for key, row, before in zip(keys, rows, self._index.get(Table.CHUNKS, keys), strict=True):
            if before is not None:
                packs[key] = ChunkRow.decode(before).pack
            elif key not in packs:
                packs[key] = pack
                seen += 1
                batch.put(Table.CHUNKS, key, row)
        pack_row = PackRow(kind, size, len(keys) + aside, hidden=len(keys) - seen + aside)
        batch.put(Table.PACKS, pack_key(pack), pack_row.encode())
        return packs

    def hide(self, batch: Batch, pack: PackId, count: int) -> None:
        """Note that so many more of a pack's records are of no use, as other packs have them."""
        value = self._index.get(Table.PACKS, [pack_key(pack)])[0]
        if value is not None:
            row = PackRow.decode(value)
            # An index made again knows nothing of the records that could not be read just then.
            batch.put(Table.PACKS, pack_key(pack), row._replace(hidden=max(0, row.hidden + count)).encode())

    def standing(self, pack: PackId, kind: int) -> PackRow | None:
        """The row of a sealed pack of that kind that is not condemned, if it is one."""
        value = self._index.get(Table.PACKS, [pack_key(pack)])[0]
        row = None if value is None else PackRow.decode(value)
        return None if row is None or row.condemned or row.kind != kind else row

    def packs(self) -> Iterable[tuple[PackId, PackRow]]:
        """All sealed packs."""
        for key, value in self._index.scan(Table.PACKS):
            yield pack_of(key), PackRow.decode(value)

    def next_number(self) -> int:
        """One more than the highest number a pack has."""
        return max((pack.number for pack, _ in self.packs()), default=0) + 1
