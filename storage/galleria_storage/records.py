"""Records: a chunk or page as it rests in a pack and travels on the wire (FORMAT.md section 5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import xxhash

from galleria_storage.compression import RAW, ZSTD
from galleria_storage.errors import RecordInvalid

if TYPE_CHECKING:
    from galleria_storage.rules import Rule

MAGIC: Final = b"GREC"
CHUNK: Final = 1
PAGE: Final = 2
ENDS_BY_RULE: Final = 1
NO_CHECK: Final = bytes(16)

_HEADER: Final = struct.Struct("<4s16s4B4I32s")
_COVERED: Final = struct.Struct("<4B4I32s")
HEADER_SIZE: Final = _HEADER.size
_STATED: Final = struct.Struct("<4s16s")
CHECKED_FROM: Final = HEADER_SIZE - _COVERED.size
"""Where in a header begins what its check covers, in bytes."""


class Record(NamedTuple):
    """One record. `zeros` holds `lead` in its low and `trail` in its high four bits; lengths are bytes."""

    kind: int
    codec: int
    flags: int
    zeros: int
    domain: int
    key_id: int
    raw_length: int
    stored_length: int
    name: bytes
    payload: memoryview


def encode_header(
    kind: int,
    codec: int,
    flags: int,
    zeros: int,
    domain: int,
    raw_length: int,
    name: bytes,
    payload: memoryview | bytes,
) -> bytes:
    """The 72 bytes before `payload`, check included."""
    covered = _COVERED.pack(kind, codec, flags, zeros, domain, 0, raw_length, len(payload), name)
    check = xxhash.xxh3_128(covered)
    check.update(payload)
    return MAGIC + check.digest() + covered


def encode_unproved_header(kind: int, codec: int, raw_length: int, stored_length: int, name: bytes) -> bytes:
    """The 72 bytes a client sends before a payload: check, proof, domain and key id are left to the server."""
    return _HEADER.pack(MAGIC, NO_CHECK, kind, codec, 0, 0, 0, 0, raw_length, stored_length, name)


def records_in(frame: bytes | memoryview, rule: Rule) -> Iterator[Record]:
    """The records of a frame, bounds checked against `rule`, checks not looked at.

    Raises RecordInvalid at the first byte that is no record.
    """
    view = memoryview(frame)
    offset, end = 0, len(view)
    limits = raw_lengths(rule)
    while offset < end:
        record, offset = _record_at(view, offset, limits)
        yield record


def raw_lengths(rule: Rule) -> dict[int, tuple[int, int]]:
    """The least and the largest raw length of each kind of record, in bytes."""
    return {CHUNK: (1, rule.max_chunk), PAGE: (36, 36 * rule.max_page_entries)}


def good_check(view: memoryview, offset: int, length: int) -> bool:
    """Whether a record of `length` bytes (header and payload) is at `offset` and has the check that it states."""
    if len(view) - offset < max(length, HEADER_SIZE):
        return False
    magic, check = _STATED.unpack_from(view, offset)
    return bool(magic == MAGIC and xxhash.xxh3_128_digest(view[offset + CHECKED_FROM : offset + length]) == check)


def _record_at(view: memoryview, offset: int, limits: dict[int, tuple[int, int]]) -> tuple[Record, int]:
    if len(view) - offset < HEADER_SIZE:
        raise RecordInvalid("cut short", "bytes left", len(view) - offset, HEADER_SIZE)
    magic, _, kind, codec, flags, zeros, domain, key_id, raw, stored, name = _HEADER.unpack_from(view, offset)
    if magic != MAGIC:
        raise RecordInvalid("no record begins here", "offset", offset, MAGIC.decode())
    low, high = limits.get(kind, (0, -1))
    if not low <= raw <= high:
        raise RecordInvalid(f"wrong size for kind {kind}", "raw length", raw, f"{low} to {high}")
    if flags & ~ENDS_BY_RULE or key_id:
        raise RecordInvalid("unknown feature", "flags and key id", f"{flags} and {key_id}", "0 or 1 and 0")
    if not ((codec == RAW and stored == raw) or (codec == ZSTD and 1 <= stored < raw)):
        raise RecordInvalid(
            f"wrong codec or size for {raw} raw bytes", "codec and stored length", f"{codec} and {stored}", raw
        )
    start = offset + HEADER_SIZE
    if len(view) - start < stored:
        raise RecordInvalid("cut short", "payload bytes left", len(view) - start, stored)
    payload = view[start : start + stored]
    return Record._make((kind, codec, flags, zeros, domain, key_id, raw, stored, name, payload)), start + stored
