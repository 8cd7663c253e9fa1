"""What must always hold of a volume's objects, seen without the engine; and of an index beside them, that no row lies.

The numbers are those of the architecture's list of invariants.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from uuid import UUID

from galleria_storage.index.memory import Rows
from galleria_storage.index.store import Table
from galleria_storage.objects.store import ObjectStore
from galleria_storage.volume.rows import ChunkRow, PackRow, RootRow, pack_of
from tests.support.oracle import oracle_cut
from tests.support.page_reader import SEGMENT, VolumeReader, open_folder

BLOCK = 4096
_CHUNK, _PAGE = 1, 2
_FOLDERS = {_CHUNK: "packs", _PAGE: "pages"}


def check_volume(
    store: ObjectStore, contents: Mapping[UUID, bytes], segment: int, block: int, rows: Rows | None = None
) -> None:
    """The volume holds exactly these contents, by root id; with `rows`, so does its index. Raises AssertionError."""
    names = [info.name for info in store.list("")]
    reader = VolumeReader(names, lambda name: store.read(name) or b"", segment)
    assert set(reader.roots()) == {root.hex for root in contents}
    _check_contents(reader, contents, segment, block)
    if rows is not None:
        _check_chunk_rows(reader, rows)
        _check_pack_rows(names, rows)
        listed = {UUID(bytes=key) for key, row in rows[Table.ROOTS].items() if not RootRow.decode(row).released}
        assert listed == contents.keys()
        _check_known_pages(reader, rows)


def check_folder(folder: Path, contents: Mapping[UUID, bytes], without: Collection[str] = ()) -> None:
    """The same of a volume in a folder, roots `without` left out of account. Raises AssertionError."""
    reader = open_folder(folder)
    assert set(reader.roots()) - set(without) == {root.hex for root in contents}
    _check_contents(reader, contents, SEGMENT, BLOCK)


def _check_contents(reader: VolumeReader, contents: Mapping[UUID, bytes], segment: int, block: int) -> None:
    _check_records(reader)
    for root, data in contents.items():
        _check_root(reader, root.hex, data, segment, block)


def _check_records(reader: VolumeReader) -> None:
    """2: what is visible has been verified against its name."""
    for kind, domain, name in reader.records:
        reader.record(kind, domain, name)


def _check_root(reader: VolumeReader, root: str, data: bytes, segment: int, block: int) -> None:
    """1, 3 and 5: all of it is read back; 4: cut as the rule says; 8: occupied is what lies outside of holes."""
    pieces = list(reader.pieces(root))
    found = b"".join(bytes(piece) if isinstance(piece, int) else piece for piece in pieces)
    assert found == data
    cut = [length for at in range(0, len(data), segment) for length in oracle_cut(data[at : at + segment], block)]
    assert [len(piece) for piece in pieces if not isinstance(piece, int)] == [length for length in cut if length > 0]
    assert reader.layout(root)[3] == sum(length for length in cut if length > 0)


def _check_chunk_rows(reader: VolumeReader, rows: Rows) -> None:
    for key, value in rows[Table.CHUNKS].items():
        row = ChunkRow.decode(value)
        kind, domain, name = key[0], int.from_bytes(key[1:5], "big"), key[5:]
        place = f"{_FOLDERS[kind]}/{row.epoch:08x}-{row.number:08x}", row.offset
        assert reader.places.get(place) == (kind, domain, name)
        assert len(reader.record(kind, domain, name)) == row.raw_length


def _check_pack_rows(names: list[str], rows: Rows) -> None:
    packs = {name for name in names if name.startswith(("packs/", "pages/")) and "." not in name}
    condemned = {name for name in packs if f"{name}.condemned" in names}
    found = {pack_of(key).object_name(PackRow.decode(value).kind) for key, value in rows[Table.PACKS].items()}
    gone = {
        pack_of(key).object_name(row.kind)
        for key, row in ((key, PackRow.decode(value)) for key, value in rows[Table.PACKS].items())
        if row.condemned
    }
    assert (found, gone) == (packs, condemned)


def _check_known_pages(reader: VolumeReader, rows: Rows) -> None:
    """A page that a scope is told it has is whole."""
    pinned = {bytes.fromhex(root): reader.layout(root)[2] for root in reader.roots()}
    for key, value in rows[Table.SCOPES].items():
        if key[16] == _PAGE and value[:16] in pinned:
            domain = pinned[value[:16]]
            page = reader.record(_PAGE, domain, key[17:])
            entries = (page[at : at + 36] for at in range(0, len(page), 36))
            assert all(entry[3] & 0x80 or (_CHUNK, domain, entry[4:]) in reader.records for entry in entries)
