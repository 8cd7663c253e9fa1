"""Records: read back as written; whatever is wrong with one is noticed or refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galleria_storage.compression import RAW, ZSTD
from galleria_storage.digest import name_of
from galleria_storage.errors import RecordInvalid
from galleria_storage.records import (
    CHUNK,
    HEADER_SIZE,
    PAGE,
    Record,
    encode_header,
    encode_unproved_header,
    good_check,
    records_in,
)
from tests.support.small_rule import SMALL_RULE

PAYLOAD = b"a payload of a few bytes"
U32 = st.integers(0, 2**32 - 1)


def written(payload: bytes = PAYLOAD, raw: int | None = None, domain: int = 0, flags: int = 1, zeros: int = 0) -> bytes:
    codec, length = (RAW, len(payload)) if raw is None else (ZSTD, raw)
    return encode_header(CHUNK, codec, flags, zeros, domain, length, name_of(payload), payload) + payload


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=200), U32, st.integers(0, 1), st.integers(0, 255)), max_size=6)
)
def test_records_lie_back_to_back(parts: list[tuple[bytes, int, int, int]]) -> None:
    records = [written(payload, None, domain, flags, zeros) for payload, domain, flags, zeros in parts]
    frame = b"".join(records)
    found = list(records_in(frame, SMALL_RULE))
    assert found == [
        Record(CHUNK, RAW, flags, zeros, domain, 0, len(payload), len(payload), name_of(payload), memoryview(payload))
        for payload, domain, flags, zeros in parts
    ]
    at = 0
    for record in records:
        assert good_check(memoryview(frame), at, len(record))
        at += len(record)


@settings(deadline=None)
@given(st.integers(0, HEADER_SIZE + len(PAYLOAD) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(at: int, change: int) -> None:
    record = bytearray(written())
    record[at] ^= change
    assert not good_check(memoryview(record), 0, len(record))


@settings(deadline=None)
@given(st.integers(1, HEADER_SIZE + len(PAYLOAD) - 1))
def test_a_record_cut_short_is_refused(end: int) -> None:
    record = written()[:end]
    with pytest.raises(RecordInvalid) as refused:
        list(records_in(record, SMALL_RULE))
    assert refused.value.reason == "cut short"
    assert not good_check(memoryview(record), 0, HEADER_SIZE + len(PAYLOAD))


def changed(at: int, *values: int) -> bytes:
    record = bytearray(written())
    record[at : at + len(values)] = bytes(values)
    return bytes(record)


MOST = SMALL_RULE.max_chunk
PAGE_MOST = 36 * SMALL_RULE.max_page_entries


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (changed(0, 0), "offset"),
        (changed(20, 0), "raw length"),
        (changed(20, 3), "raw length"),
        (changed(21, 2), "codec and stored length"),
        (changed(21, 1), "codec and stored length"),
        (changed(22, 2), "flags and key id"),
        (changed(22, 0x80), "flags and key id"),
        (changed(28, 1), "flags and key id"),
        (changed(31, 1), "flags and key id"),
        (changed(32, 0, 0, 0, 0), "raw length"),
        (changed(32, 255, 255, 255, 255), "raw length"),
        (changed(36, 255, 255, 255, 255), "codec and stored length"),
        (encode_unproved_header(CHUNK, RAW, MOST + 1, MOST + 1, bytes(32)), "raw length"),
        (encode_unproved_header(CHUNK, ZSTD, MOST, 0, bytes(32)), "codec and stored length"),
        (encode_unproved_header(PAGE, RAW, 35, 35, bytes(32)), "raw length"),
        (encode_unproved_header(PAGE, RAW, PAGE_MOST + 1, PAGE_MOST + 1, bytes(32)), "raw length"),
        (encode_unproved_header(CHUNK, RAW, MOST, MOST, bytes(32)), "payload bytes left"),
    ],
)
def test_headers_that_the_format_does_not_have(record: bytes, field: str) -> None:
    with pytest.raises(RecordInvalid) as refused:
        list(records_in(record, SMALL_RULE))
    assert refused.value.field == field


def test_the_bounds_themselves_are_allowed() -> None:
    for kind, length in [(CHUNK, 1), (CHUNK, MOST), (PAGE, 36), (PAGE, PAGE_MOST)]:
        (record,) = records_in(encode_unproved_header(kind, RAW, length, length, bytes(32)) + bytes(length), SMALL_RULE)
        assert (record.kind, record.raw_length, record.stored_length) == (kind, length, length)
    (record,) = records_in(encode_unproved_header(CHUNK, ZSTD, MOST, MOST - 1, bytes(32)) + bytes(MOST - 1), SMALL_RULE)
    assert record.codec == ZSTD


def test_the_good_records_before_a_bad_one_come_first() -> None:
    records = records_in(written() + b"GRECK", SMALL_RULE)
    assert next(records).name == name_of(PAYLOAD)
    with pytest.raises(RecordInvalid):
        next(records)
    assert list(records_in(b"", SMALL_RULE)) == []
