"""The hand-written messages with records say what the generated classes say."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from galleria.v1.contents_pb2 import ReadChunksResponse
from galleria.v1.disks_pb2 import Flush, OfferSegment, PushRequest, Records
from galleria.v1.record_messages import (
    PushedRecords,
    ReadRecords,
    read_push_request,
    read_read_records,
    write_push_records,
    write_push_request,
    write_read_records,
)

LENGTHS = st.sampled_from([0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152])
SEGMENTS = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([127, 128, 16_383, 16_384, 2**31, 2**32 - 1]))


def push_request(records: bytes) -> bytes:
    return PushRequest(records=Records(records=records)).SerializeToString()


@given(st.lists(st.binary(max_size=50), min_size=1), LENGTHS)
def test_a_push_request_is_written_as_the_generated_class_writes_it(parts: list[bytes], length: int) -> None:
    parts.append(bytes(length))
    whole = b"".join(parts)
    message = write_push_records(parts, len(whole))
    if whole:  # the class leaves out an empty field, and no client sends one
        assert message == push_request(whole)
    assert PushRequest.FromString(message).records.records == whole
    assert write_push_request(message) == message
    read = read_push_request(message)
    assert isinstance(read, PushedRecords)
    assert read.records == whole


@pytest.mark.parametrize(
    "message",
    [PushRequest(flush=Flush()), PushRequest(offer_segment=OfferSegment(segment=3, page=b"page")), PushRequest()],
)
def test_other_push_requests_are_left_to_the_generated_class(message: PushRequest) -> None:
    assert write_push_request(message) == message.SerializeToString()
    assert read_push_request(message.SerializeToString()) == message


@given(SEGMENTS, st.binary(max_size=300), LENGTHS, st.booleans())
def test_an_answer_is_written_and_read_as_the_generated_class_does(
    segment: int,
    start: bytes,
    length: int,
    done: bool,  # noqa: FBT001 - drawn
) -> None:
    records = start + bytes(length)
    message = write_read_records(ReadRecords(segment, records, done))
    expected = ReadChunksResponse(segment=segment, records=records, segment_done=done)
    assert message == expected.SerializeToString()
    assert read_read_records(message) == ReadRecords(segment, records, done)


@given(st.binary(max_size=60), st.binary(max_size=10), st.integers(0, 70))
@example(b"r", b"\x2a\x00", 0)
@example(b"r", b"\x22\x01\x0a", 0)
def test_whatever_comes_is_read_as_the_generated_class_reads_it(records: bytes, tail: bytes, cut: int) -> None:
    whole = push_request(records) + tail
    for data in (whole, whole[:cut], tail):
        try:
            expected = PushRequest.FromString(data)
        except DecodeError:
            with pytest.raises(DecodeError):
                read_push_request(data)
            continue
        found = read_push_request(data)
        if isinstance(found, PushedRecords):
            assert expected.WhichOneof("message") == "records"
            assert found.records == expected.records.records
        else:
            assert found == expected


@given(SEGMENTS, st.binary(max_size=60), st.binary(max_size=10), st.integers(0, 70))
@example(1, b"r", b"\x18\x00", 0)
@example(1, b"r", b"\x18\x01\x18\x00", 0)
@example(1, b"r", b"\x12\x01s", 0)
@example(2**32 - 1, b"", b"\x08\xff\xff\xff\xff\x7f", 0)
def test_whatever_comes_as_an_answer_is_read_as_the_generated_class_reads_it(
    segment: int, records: bytes, tail: bytes, cut: int
) -> None:
    whole = ReadChunksResponse(segment=segment, records=records).SerializeToString() + tail
    for data in (whole, whole[:cut], tail):
        try:
            expected = ReadChunksResponse.FromString(data)
        except DecodeError:
            with pytest.raises(DecodeError):
                read_read_records(data)
            continue
        assert read_read_records(data) == ReadRecords(expected.segment, expected.records, expected.segment_done)
