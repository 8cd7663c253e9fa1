"""Packs: what is written is read, and any damage to header, footer or trailer is noticed."""

import random
import tracemalloc
from uuid import UUID

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from galleria_storage.chunking import cut_segment
from galleria_storage.digest import name_of
from galleria_storage.objects import StoreFull
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs.format import (
    DATA,
    MAX_RECORDS,
    MAX_SIZE,
    PAGES,
    TRAILER_SIZE,
    Entry,
    PackDamaged,
    PackId,
    decode_entries,
    encode_footer,
    footer_bounds,
    parse_object_name,
)
from galleria_storage.packs.reader import read_entries, salvage_entries
from galleria_storage.packs.writer import OpenPack
from galleria_storage.proof import prove
from galleria_storage.records import CHUNK, PAGE, Record, encode_header
from tests.support.pages import chunks_of
from tests.support.small_rule import SMALL_RULE

VOLUME = UUID(int=5)
PACK = PackId(3, 17)
NAME = "packs/00000003-00000011"
_CUT = random.Random(1).randbytes(9_001)
CHUNKS = chunks_of(_CUT, cut_segment(_CUT, SMALL_RULE))[-5:]


def stored(chunk: bytes, domain: int = 0) -> tuple[Record, bytes]:
    proof = prove(chunk, SMALL_RULE)
    header = encode_header(CHUNK, 0, *proof, domain, len(chunk), name_of(chunk), chunk)
    record = Record(CHUNK, 0, *proof, domain, 0, len(chunk), len(chunk), name_of(chunk), memoryview(chunk))
    return record, header + chunk


def sealed(store: MemoryObjectStore, chunks: list[bytes] | None = None) -> tuple[int, list[Entry]]:
    pack = OpenPack(store, VOLUME.bytes, PACK, DATA)
    for number, chunk in enumerate(CHUNKS if chunks is None else chunks):
        record, data = stored(chunk, number)
        pack.append([record], data)
    return pack.seal(), decode_entries(pack.entries)


@pytest.fixture(scope="module")
def whole() -> bytes:
    store = MemoryObjectStore()
    sealed(store)
    return store.read(NAME) or b""


def shelf(data: bytes) -> MemoryObjectStore:
    store = MemoryObjectStore()
    store.replace(NAME, data)
    return store


def test_a_pack_is_laid_out_as_the_format_says(whole: bytes) -> None:
    start = b"GPCK" + bytes([1, 0, 1, 0]) + VOLUME.bytes + bytes([3, 0, 0, 0, 17, 0, 0, 0])
    assert whole[:48] == start + xxhash.xxh3_128_digest(start)
    records = b"".join(stored(chunk, number)[1] for number, chunk in enumerate(CHUNKS))
    assert whole[48 : 48 + len(records)] == records
    footer, trailer = whole[48 + len(records) : -48], whole[-48:]
    assert len(footer) == 56 * len(CHUNKS)
    ends = [72 + len(chunk) for chunk in CHUNKS]
    for number, chunk in enumerate(CHUNKS):
        fields = [number, 0, 48 + sum(ends[:number]), len(chunk), len(chunk)]
        ending = bytes([0, *prove(chunk, SMALL_RULE), 1])
        expected = name_of(chunk) + b"".join(field.to_bytes(4, "little") for field in fields) + ending
        assert footer[56 * number : 56 * number + 56] == expected
    fields = [3, 17, len(CHUNKS), 48 + len(records)]
    first = b"".join(field.to_bytes(4, "little") for field in fields) + bytes(8)
    assert trailer == first + xxhash.xxh3_128_digest(footer + first) + bytes([1, 0, 0, 0]) + b"GPKE"


def test_entries_are_read_back(whole: bytes) -> None:
    store = MemoryObjectStore()
    size, entries = sealed(store)
    assert size == len(whole)
    assert decode_entries(read_entries(store, DATA, PACK, size)) == entries
    assert decode_entries(salvage_entries(store, DATA, PACK, SMALL_RULE)) == entries
    assert read_entries(*empty()) == b""


def empty() -> tuple[MemoryObjectStore, int, PackId, int]:
    store = MemoryObjectStore()
    size, _ = sealed(store, [])
    return store, DATA, PACK, size


@settings(deadline=None)
@given(st.data())
def test_any_changed_byte_of_footer_and_trailer_is_noticed(draw: st.DataObject) -> None:
    store = MemoryObjectStore()
    size, entries = sealed(store)
    damaged = bytearray(store.read(NAME) or b"")
    at = draw.draw(st.integers(size - 48 - 56 * len(entries), size - 1))
    damaged[at] ^= draw.draw(st.integers(1, 255))
    store = shelf(bytes(damaged))
    with pytest.raises(PackDamaged) as found:
        read_entries(store, DATA, PACK, size)
    assert "00000003-00000011" in str(found.value)
    assert decode_entries(salvage_entries(store, DATA, PACK, SMALL_RULE)) == entries


@settings(deadline=None)
@given(st.data())
def test_a_pack_cut_short_anywhere_gives_its_whole_records(draw: st.DataObject) -> None:
    store = MemoryObjectStore()
    size, entries = sealed(store)
    end = draw.draw(st.integers(0, size - 1))
    store = shelf((store.read(NAME) or b"")[:end])
    with pytest.raises(PackDamaged):
        read_entries(store, DATA, PACK, end)
    kept = [entry for entry in entries if entry.offset + 72 + entry.stored_length <= end]
    assert decode_entries(salvage_entries(store, DATA, PACK, SMALL_RULE)) == kept


def test_a_damaged_record_is_left_out_of_what_is_saved(whole: bytes) -> None:
    _, entries = sealed(MemoryObjectStore())
    for number, entry in enumerate(entries):
        damaged = bytearray(whole)
        damaged[entry.offset + 72] ^= 1
        found = decode_entries(salvage_entries(shelf(bytes(damaged)), DATA, PACK, SMALL_RULE))
        assert found == entries[:number] + entries[number + 1 :]


@pytest.mark.parametrize(
    ("kind", "flags", "zeros"), [(PAGE, 0, 0), (CHUNK, 0, 0x21), (CHUNK, 1, 0)], ids=["page", "zeros", "flags"]
)
def test_what_somebody_made_up_inside_a_chunk_is_not_saved_as_a_record(kind: int, flags: int, zeros: int) -> None:
    payload = random.Random(2).randbytes(108)
    inner = encode_header(kind, 0, flags, zeros, 0, len(payload), name_of(payload), payload) + payload
    outer = random.Random(3).randbytes(10) + inner
    pack = OpenPack(store := MemoryObjectStore(), VOLUME.bytes, PACK, DATA)
    header = encode_header(CHUNK, 0, 0, 0, 0, len(outer), name_of(outer), outer)
    pack.append(
        [Record(CHUNK, 0, 0, 0, 0, 0, len(outer), len(outer), name_of(outer), memoryview(outer))], header + outer
    )
    pack.seal()
    data = bytearray(store.read(NAME) or b"")
    data[48 + 72] ^= 1
    assert salvage_entries(shelf(bytes(data)), DATA, PACK, SMALL_RULE) == b""


def test_counts_are_bounded_before_anything_is_read(whole: bytes) -> None:
    trailer = whole[-TRAILER_SIZE:]
    for count, offset in [(MAX_RECORDS + 1, 48), (2**32 - 1, 48), (5, 47), (5, 0), (4, 48), (6, 48)]:
        changed = trailer[:8] + count.to_bytes(4, "little") + offset.to_bytes(4, "little") + trailer[16:]
        with pytest.raises(PackDamaged):
            footer_bounds(changed, PACK, len(whole))
    most = MAX_RECORDS + 1
    changed = trailer[:8] + most.to_bytes(4, "little") + (48).to_bytes(4, "little") + trailer[16:]
    with pytest.raises(PackDamaged):
        footer_bounds(changed, PACK, 48 + 56 * most + 48)
    with pytest.raises(PackDamaged):
        read_entries(shelf(whole), DATA, PACK, MAX_SIZE + 1)


def test_a_pack_under_another_name_is_not_believed(whole: bytes) -> None:
    store = MemoryObjectStore()
    store.replace("packs/00000003-00000012", whole)
    with pytest.raises(PackDamaged):
        read_entries(store, DATA, PackId(3, 18), len(whole))
    other = encode_footer(PackId(3, 17), b"", 48)
    assert footer_bounds(other[-48:], PACK, 48 + len(other)) == (48, 0)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        (NAME, (DATA, PACK)),
        ("pages/00000003-00000011", (PAGES, PACK)),
        ("packs/ffffffff-ffffffff", (DATA, PackId(2**32 - 1, 2**32 - 1))),
        ("packs/00000003-00000011.condemned", None),
        ("packs/00000003-0000001G", None),
        ("packs/3-11", None),
        ("roots/00000003-00000011", None),
    ],
)
def test_names_of_objects(name: str, parsed: tuple[int, PackId] | None) -> None:
    assert parse_object_name(name) == parsed
    assert parsed is None or parsed[1].object_name(parsed[0]) == name


@pytest.mark.parametrize("room", [10, 48, 200, 3200])
def test_a_pack_that_does_not_fit_leaves_nothing(room: int) -> None:
    store = MemoryObjectStore(room)
    with pytest.raises(StoreFull):
        _fill(store)
    assert store.space().free == room
    assert list(store.list("")) == []


def _fill(store: MemoryObjectStore) -> None:
    pack = OpenPack(store, VOLUME.bytes, PACK, DATA)
    try:
        for chunk in CHUNKS:
            record, data = stored(chunk)
            pack.append([record], data)
    except StoreFull:
        pack.abort()
        raise
    pack.seal()


def test_a_pack_is_full_at_its_target() -> None:
    record, data = stored(CHUNKS[0])
    pack = OpenPack(MemoryObjectStore(), VOLUME.bytes, PACK, DATA, 48 + 2 * len(data))
    assert (pack.size, pack.full) == (48, False)
    pack.append([record], data)
    assert not pack.full
    pack.append([record], data)
    assert pack.full


def test_a_pack_is_salvaged_in_little_more_memory_than_it_has_bytes() -> None:
    size = 16 << 20
    store = shelf(bytes(size))
    tracemalloc.start()
    try:
        assert salvage_entries(store, DATA, PACK, SMALL_RULE) == b""
        assert tracemalloc.get_traced_memory()[1] < 1.5 * size
    finally:
        tracemalloc.stop()
