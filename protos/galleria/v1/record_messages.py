"""The two messages that carry records, read and written without the generated classes.

The generated code copies a megabyte of records twice on each side, with the interpreter held; here it is joined once
and read where it lies. What is written is what the generated classes write; what was written otherwise is left to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from galleria.v1 import contents_pb2, disks_pb2

_PUSH_RECORDS: Final = b"\x22"
"""Tag of PushRequest.records: field 4, with a length."""
_RECORDS: Final = b"\x0a"
"""Tag of Records.records: field 1, with a length."""
_SEGMENT: Final = b"\x08"
"""Tag of ReadChunksResponse.segment: field 1, a number."""
_CHUNKS: Final = b"\x12"
"""Tag of ReadChunksResponse.records: field 2, with a length."""
_DONE: Final = b"\x18\x01"
"""ReadChunksResponse.segment_done: field 3, true."""

_LOW_BITS: Final = 0x7F
_MORE: Final = 0x80


class PushedRecords(NamedTuple):
    """A PushRequest with records."""

    records: memoryview


class ReadRecords(NamedTuple):
    """A ReadChunksResponse; its fields have the message's names."""

    segment: int
    records: bytes | memoryview
    segment_done: bool


def write_push_records(parts: Iterable[bytes | memoryview], length: int) -> bytes:
    """A PushRequest with the records that `parts` make, `length` bytes in all."""
    inner = _RECORDS + _varint(length)
    return b"".join((_PUSH_RECORDS, _varint(len(inner) + length), inner, *parts))


def write_push_request(message: disks_pb2.PushRequest | bytes) -> bytes:
    """A PushRequest on the wire; one that `write_push_records` made is there already."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def read_push_request(data: bytes) -> disks_pb2.PushRequest | PushedRecords:
    """What a PushRequest says. Raises google.protobuf.message.DecodeError."""
    if data[:1] == _PUSH_RECORDS:
        length, at = _varint_at(data, 1)
        if at + length == len(data) and data[at : at + 1] == _RECORDS:
            length, at = _varint_at(data, at + 1)
            if at + length == len(data):
                return PushedRecords(memoryview(data)[at:])
    return disks_pb2.PushRequest.FromString(data)


def write_read_records(answer: ReadRecords) -> bytes:
    """A ReadChunksResponse on the wire."""
    parts: list[bytes | memoryview] = []
    if answer.segment:
        parts += (_SEGMENT, _varint(answer.segment))
    if answer.records:
        parts += (_CHUNKS, _varint(len(answer.records)), answer.records)
    if answer.segment_done:
        parts.append(_DONE)
    return b"".join(parts)


def read_read_records(data: bytes) -> ReadRecords:
    """What a ReadChunksResponse says. Raises google.protobuf.message.DecodeError."""
    segment = at = 0
    if data[:1] == _SEGMENT:
        segment, at = _varint_at(data, 1)
    if data[at : at + 1] == _CHUNKS:
        length, start = _varint_at(data, at + 1)
        done = data[start + length :]
        if segment < 1 << 32 and done in (b"", _DONE) and start + length <= len(data):
            return ReadRecords(segment, memoryview(data)[start : start + length], bool(done))
    message = contents_pb2.ReadChunksResponse.FromString(data)
    return ReadRecords(message.segment, message.records, message.segment_done)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > _LOW_BITS:
        encoded.append(value & _LOW_BITS | _MORE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    """The number at a position, and where it ends; past the end of the data for one that is cut short or too long."""
    value = shift = 0
    for position in range(at, min(at + 5, len(data))):
        value |= (data[position] & _LOW_BITS) << shift
        shift += 7
        if not data[position] & _MORE:
            return value, position + 1
    return value, len(data) + 1
