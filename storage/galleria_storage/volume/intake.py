"""Verification of what arrives: nothing becomes visible before it has passed here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from galleria_storage.compression import expand
from galleria_storage.digest import names_of
from galleria_storage.errors import DigestMismatch, RecordInvalid
from galleria_storage.proof import prove
from galleria_storage.records import CHUNK, Record, encode_header
from galleria_storage.rules import Rule
from galleria_storage.volume.core import Stored

MAX_RAW: Final = 8 << 20


def check_frame(records: Sequence[Record]) -> None:
    """Raises RecordInvalid for a frame that is not all chunks, or that expands to more than 8 MiB."""
    raw = 0
    for record in records:
        if record.kind != CHUNK:
            raise RecordInvalid("not a chunk", "kind", record.kind, CHUNK)
        raw += record.raw_length
    if raw > MAX_RAW:
        raise RecordInvalid("too much in one message", "sum of raw lengths", raw, MAX_RAW)


def verify(records: Sequence[Record], rule: Rule, domain: int) -> list[Stored]:
    """Expand, re-hash and prove each chunk; what comes out is fit to be stored.

    Raises FrameRefused, DigestMismatch, ChunkNotByRule. One bad chunk refuses all.
    """
    chunks = [expand(record.codec, record.payload, record.raw_length, rule.max_chunk) for record in records]
    for record, name in zip(records, names_of(chunks), strict=True):
        if record.name != name:
            raise DigestMismatch(record.name, name)
    return [_stored(record, prove(raw, rule), domain) for record, raw in zip(records, chunks, strict=True)]


def stored_chunk(
    name: bytes, raw: memoryview, packed: tuple[int, bytes | memoryview], rule: Rule, domain: int
) -> Stored:
    """A chunk that the server itself cut and compressed."""
    codec, payload = packed
    view = memoryview(payload)
    record = Record(CHUNK, codec, 0, 0, domain, 0, len(raw), len(view), name, view)
    return _stored(record, prove(raw, rule), domain)


def _stored(record: Record, proof: tuple[int, int], domain: int) -> Stored:
    flags, zeros = proof
    kind, codec, _, _, _, key_id, raw_length, stored_length, name, payload = record
    final = Record._make((kind, codec, flags, zeros, domain, key_id, raw_length, stored_length, name, payload))
    return Stored(final, encode_header(kind, codec, flags, zeros, domain, raw_length, name, payload))
