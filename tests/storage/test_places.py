"""Places, footers and checks of many records at a time say what those of one record say."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_storage.digest import name_of
from galleria_storage.packs.arrays import NAME, good_records
from galleria_storage.packs.format import Entry, PackId, decode_entries, encode_entries
from galleria_storage.records import CHUNK, HEADER_SIZE, PAGE, encode_header, good_check
from galleria_storage.volume.places import CHUNK_ROWS, Places, keys_and_rows, runs, spans
from galleria_storage.volume.rows import ChunkRow, chunk_key

GAP = 64 << 10
U8 = st.integers(0, 255)
U32 = st.integers(0, 2**32 - 1)
ENTRIES = st.lists(
    st.builds(Entry, st.binary(min_size=32, max_size=32), U32, U32, U32, U32, U32, U8, U8, U8, st.sampled_from([1, 2]))
)
LAID = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([0, 0, 0, 1, GAP, GAP + 1]), st.integers(1, 5000)), max_size=40
)
"""Of each record the epoch of its pack, the gap before it, and the bytes of its payload."""


def laid(records: list[tuple[int, int, int]]) -> dict[bytes, ChunkRow]:
    """Rows by name, in ascending order of pack and offset."""
    rows, end, before = {}, 0, 0
    for number, (epoch, gap, stored) in enumerate(sorted(records, key=lambda record: record[0])):
        end = (end if epoch == before else 0) + gap
        rows[name_of(bytes([number]))] = ChunkRow(epoch, 7, end, stored, stored + 1, 1, number & 1, number)
        end, before = end + HEADER_SIZE + stored, epoch
    return rows


def value(row: ChunkRow) -> bytes:
    fields = b"".join(field.to_bytes(4, "little") for field in row[:5])
    return fields + bytes(row[5:])


def places(rows: dict[bytes, ChunkRow]) -> Places:
    shuffled = list(rows.items())
    random.Random(len(rows)).shuffle(shuffled)
    return Places.of(CHUNK, [name for name, _ in shuffled], [value(row) for _, row in shuffled])


@given(ENTRIES)
def test_rows_of_a_footer_are_those_of_its_entries(entries: list[Entry]) -> None:
    keys, rows = keys_and_rows(PackId(3, 2**32 - 1), encode_entries(entries))
    assert keys == [chunk_key(entry.kind, entry.domain, entry.name) for entry in entries]
    assert [ChunkRow.decode(row) for row in rows] == [
        ChunkRow(3, 2**32 - 1, e.offset, e.stored_length, e.raw_length, e.codec, e.flags, e.zeros) for e in entries
    ]


@given(LAID)
def test_places_are_in_order_and_become_entries_without_gaps(records: list[tuple[int, int, int]]) -> None:
    rows = laid(records)
    found = places(rows)
    assert found.names.tolist() == list(rows)
    assert dict(found.proofs()) == {name: row.proof for name, row in rows.items()}
    expected, offset = [], 48
    for name, row in rows.items():
        entry = Entry(name, 9, 0, offset, row.raw_length, row.stored_length, row.codec, row.flags, row.zeros, CHUNK)
        expected.append(entry)
        offset += HEADER_SIZE + row.stored_length
    assert decode_entries(found.entries(9, 48)) == expected


@given(LAID, st.integers(1, 20_000))
def test_spans_are_the_longest_that_may_be_read_together(records: list[tuple[int, int, int]], largest: int) -> None:
    rows = list(laid(records).values())
    expected: list[list[ChunkRow]] = []
    for row in rows:
        end = row.offset + HEADER_SIZE + row.stored_length
        span = expected[-1] if expected else []
        if (
            span
            and span[-1].pack == row.pack
            and row.offset - (span[-1].offset + HEADER_SIZE + span[-1].stored_length) <= GAP
            and end - span[0].offset <= largest
        ):
            span.append(row)
        else:
            expected.append([row])
    assert [rows[span] for span in spans(places(laid(records)), largest)] == expected


@given(LAID)
def test_runs_hold_what_lies_back_to_back(records: list[tuple[int, int, int]]) -> None:
    one_pack = [(1, gap, stored) for _, gap, stored in records]
    found = places(laid(one_pack))
    data = memoryview(random.Random(1).randbytes(int(found.ends[-1]) if len(found) else 0))
    loaded = list(runs(data, 0, found))
    assert [name for run in loaded for name in run.places.names.tolist()] == found.names.tolist()
    for run in loaded:
        assert run.data == data[run.places.starts[0] : run.places.ends[-1]]
        assert len(run.data) == sum(run.places.rows["stored_length"]) + HEADER_SIZE * len(run.places)
    assert all(run.places.ends[-1] < after.places.starts[0] for run, after in pairwise(loaded))


def test_a_place_names_its_object() -> None:
    row = value(ChunkRow(3, 0x11, 48, 1, 1, 0, 0, 0))
    assert Places.of(CHUNK, [bytes(32)], [row]).object_name == "packs/00000003-00000011"
    assert Places.of(PAGE, [bytes(32)], [row]).object_name == "pages/00000003-00000011"


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8), st.data())
def test_good_records_are_those_that_are_good_one_by_one(payloads: list[bytes], draw: st.DataObject) -> None:
    records = [encode_header(CHUNK, 0, 1, 0, 0, len(p), name_of(p), p) + p for p in payloads]
    data = bytearray(b"".join(records))
    for at in draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=3)):
        data[at] ^= draw.draw(st.integers(0, 255))
    cut = memoryview(data)[: draw.draw(st.integers(0, len(data)) | st.just(len(data)))]
    starts = np.cumsum([0, *map(len, records[:-1])])
    ends = np.cumsum(list(map(len, records)))
    names = np.frombuffer(b"".join(map(name_of, payloads)), NAME)
    expected = [
        good_check(cut, start, end - start) and cut[start + 40 : start + 72] == name_of(payload)
        for start, end, payload in zip(starts.tolist(), ends.tolist(), payloads, strict=True)
    ]
    values = [value(ChunkRow(1, 1, 0, len(p), len(p), 0, 1, 0)) for p in payloads]
    rows = np.frombuffer(b"".join(values), CHUNK_ROWS)
    assert good_records(cut, starts, ends, CHUNK, names, rows).tolist() == expected
    other = names.copy()
    other[0] = np.frombuffer(bytes(32), NAME)[0]
    assert not good_records(cut, starts, ends, CHUNK, other, rows)[0]
    assert not good_records(cut, starts - len(records[0]), ends - len(records[0]), CHUNK, names, rows)[0]
    assert not good_records(cut, starts, ends, PAGE, names, rows).any()


@pytest.mark.parametrize("field", ["codec", "flags", "zeros", "raw_length", "stored_length"])
def test_a_record_whose_header_says_something_else_than_its_row_is_not_good(field: str) -> None:
    payload = b"payload"
    record = memoryview(encode_header(CHUNK, 0, 1, 3, 0, 7, name_of(payload), payload) + payload)
    rows = np.frombuffer(value(ChunkRow(1, 1, 0, 7, 7, 0, 1, 3)), CHUNK_ROWS).copy()
    where = np.array([0]), np.array([len(record)]), CHUNK, np.frombuffer(name_of(payload), NAME)
    assert good_records(record, *where, rows).tolist() == [True]
    rows[field] += 1
    assert good_records(record, *where, rows).tolist() == [False]
