"""Whether what a parser made of accepted bytes is what FORMAT.md says of them. Each raises AssertionError if not."""

from __future__ import annotations

import json
import struct
from typing import Any, Final
from uuid import UUID

import xxhash
from blake3 import blake3
from zstandard import ZstdDecompressor

from galleria.v1.contents_pb2 import ReadChunksResponse
from galleria.v1.disks_pb2 import PushRequest
from galleria.v1.record_messages import PushedRecords, ReadRecords
from galleria_storage import roots
from galleria_storage.layout import Layout, Page
from galleria_storage.records import Record

PAYLOAD: Final = struct.Struct("<IB")
"""What stands before a payload to be expanded: raw length, codec."""
_RECORD: Final = struct.Struct("<4s16s4B4I32s")
_ENTRY: Final = struct.Struct("<32s5I4B")
_BLOCK, _SEGMENT, _LARGEST_CHUNK, _HOLE = 4096, 64 << 20, 262_144, 1 << 31
_LARGEST_DISK, _LARGEST_WINDOW = 2 << 40, 8 << 20
_LARGEST = {1: range(1, _LARGEST_CHUNK + 1), 2: range(36, 147_457)}


def records(data: bytes, found: list[Record]) -> None:
    at = 0
    for record in found:
        magic, _, kind, codec, flags, zeros, domain, key_id, raw, stored, name = _RECORD.unpack_from(data, at)
        payload = data[at + 72 : at + 72 + stored]
        assert record == Record(kind, codec, flags, zeros, domain, key_id, raw, stored, name, memoryview(payload))
        assert (magic, key_id, flags & 0xFE, len(payload)) == (b"GREC", 0, 0, stored)
        assert raw in _LARGEST[kind]
        assert stored == raw if codec == 0 else (codec == 1 and 1 <= stored < raw)
        at += 72 + stored
    assert at == len(data)


def payload(data: bytes, raw: bytes) -> None:
    raw_length, codec = PAYLOAD.unpack_from(data)
    stored = data[PAYLOAD.size :]
    assert len(raw) == raw_length in range(1, _LARGEST_CHUNK + 1)
    if codec == 0:
        assert raw == stored
        return
    assert (codec, stored[:4], len(stored) < raw_length) == (1, b"\x28\xb5\x2f\xfd", True)
    assert _window(stored) <= _LARGEST_WINDOW
    reader = ZstdDecompressor().decompressobj()
    assert reader.decompress(stored) == raw
    assert (reader.eof, reader.unused_data) == (True, b"")


def page(data: bytes, found: Page) -> None:
    assert found.encode() == data
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 36)]
    lengths = [word & ~_HOLE for word in words]
    holes = [word >= _HOLE for word in words]
    assert len(words) <= 4096
    assert not all(holes)
    assert sum(lengths) == found.covered <= _SEGMENT
    assert not any(length % _BLOCK for length in lengths[:-1])
    for i, (length, hole) in enumerate(zip(lengths, holes, strict=True)):
        assert -(-length // _BLOCK) >= 16 if hole else 1 <= length <= _LARGEST_CHUNK
        assert not (hole and (any(data[36 * i + 4 : 36 * i + 36]) or (i and holes[i - 1])))


def layout(data: bytes, found: Layout) -> None:
    assert found.encode() == data
    magic, version, name_length, size, count, zero = struct.unpack_from("<4sHHQII", data)
    assert (magic, version, zero, data[24 : 24 + name_length]) == (b"GLAY", 1, 0, b"block-cdc-1")
    assert 1 <= size == found.size <= _LARGEST_DISK
    entries = data[24 + name_length :]
    assert len(entries) == 36 * count <= 36 * 32_768
    pages: list[bytes | None] = []
    for at in range(0, len(entries), 36):
        segments, name = struct.unpack_from("<I32s", entries, at)
        pages += [name] * segments if any(name) else [None] * segments
    assert tuple(pages) == found.pages
    assert len(pages) == -(-size // _SEGMENT)


def root(data: bytes, found: roots.Root) -> None:
    assert roots.encode(found) == data
    assert data[-32:] == blake3(data[:-32]).digest()
    names, layouts = struct.unpack_from("<II", data, 88)
    assert names <= 2048
    assert found.holder.name.encode() == data[96 : 96 + names]
    layout(data[96 + names : 96 + names + layouts], found.layout)


def pack(data: bytes, entries: bytes) -> None:
    """The entries of a footer: those that the trailer names, of records that fill the pack up to there."""
    epoch, number, count, footer, zero, check, version, magic = struct.unpack_from(
        "<IIII8s16sI4s", data, len(data) - 48
    )
    assert (epoch, number, zero, version, magic) == (3, 1, bytes(8), 1, b"GPKE")
    assert data[footer:-48] == entries
    assert len(entries) == 56 * count
    assert check == xxhash.xxh3_128_digest(data[footer:-24])
    at = 48
    for entry in _ENTRY.iter_unpack(entries):
        _, _, key_id, offset, raw, stored, codec, flags, _, kind = entry
        assert (offset, key_id, flags & 0xFE, kind) == (at, 0, 0, 1)
        assert raw in _LARGEST[kind]
        assert stored == raw if codec == 0 else (codec == 1 and 1 <= stored < raw)
        at += 72 + stored
    assert at == footer


def salvage(data: bytes, entries: bytes) -> None:
    """Records that are in the pack, none within another, each with its check and its name."""
    end = 48
    for name, domain, key_id, offset, raw_length, stored, codec, flags, zeros, kind in _ENTRY.iter_unpack(entries):
        assert offset >= end
        end = offset + 72 + stored
        (found, *_) = _records_at(data, offset, end)
        assert found[1] == xxhash.xxh3_128_digest(data[offset + 20 : end])
        assert found[2:] == (kind, codec, flags, zeros, domain, key_id, raw_length, stored, name)
        raw = data[offset + 72 : end]
        raw = ZstdDecompressor().decompress(raw) if codec else raw
        assert (len(raw), blake3(raw).digest()) == (raw_length, name)


def bad(data: bytes, offsets: frozenset[int]) -> None:
    """All that a whole marker names, or nothing."""
    if offsets:
        assert data[:4] == b"GBAD"
        assert data[-16:] == xxhash.xxh3_128_digest(data[:-16])
        assert sorted(offsets) == list(struct.unpack(f"<{len(offsets)}I", data[12:-16]))


def identity(data: bytes, written: bytes) -> None:
    """What is written at an opening: the same, of the next owner, which the next one reads as well."""
    before, after = json.loads(data), json.loads(written)
    assert len(written) <= 64 << 10
    assert (before["format"], before["version"], before["requires"]) == ("galleria-volume", 1, [])
    assert type(before["owner_epoch"]) is int
    assert after.pop("owner_epoch") == before.pop("owner_epoch") + 1 < 1 << 32
    for members in (before, before.get("database"), after, after["database"]):
        if members is not None:
            members["id"] = UUID(members["id"])
    assert _in_order(after) == _in_order({"database": None} | before)


def push_request(data: bytes, found: PushRequest | PushedRecords) -> None:
    expected = PushRequest.FromString(data)
    if isinstance(found, PushedRecords):
        assert expected.WhichOneof("message") == "records"
        assert found.records == expected.records.records
    else:
        assert found == expected


def read_records(data: bytes, found: ReadRecords) -> None:
    expected = ReadChunksResponse.FromString(data)
    assert found == (expected.segment, expected.records, expected.segment_done)


def _records_at(data: bytes, start: int, end: int) -> list[tuple[Any, ...]]:
    assert end <= len(data)
    return [_RECORD.unpack_from(data, start)]


def _window(frame: bytes) -> int:
    """The window that a zstd frame asks for in bytes (RFC 8878, 3.1.1.1); 0 where it is a single segment."""
    if frame[4] >> 5 & 1:
        return 0
    base = 1 << 10 + (frame[5] >> 3)
    return base + base // 8 * (frame[5] & 7)


def _in_order(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, default=str)
