"""The marker beside a pack that says which of its records are bad and count as missing (FORMAT.md section 7)."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Final

import xxhash

from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import MAX_RECORDS

BAD: Final = ".bad"
"""Ends the name of the marker."""
_HEADER: Final = struct.Struct("<4sHHI")
_CHECK_SIZE: Final = 16
MAX_SIZE: Final = _HEADER.size + 4 * MAX_RECORDS + _CHECK_SIZE


def encode(offsets: Collection[int]) -> bytes:
    """The marker's bytes for records at these offsets of the pack."""
    body = _HEADER.pack(b"GBAD", 1, 0, len(offsets)) + struct.pack(f"<{len(offsets)}I", *sorted(offsets))
    return body + xxhash.xxh3_128_digest(body)


def read(store: ObjectStore, name: str) -> frozenset[int]:
    """The offsets in the marker of this name; none as `decode` says. Raises StoreFailed."""
    return decode(store.read(name, 0, MAX_SIZE + 1))


def decode(data: bytes | None) -> frozenset[int]:
    """The offsets in a marker; none for no marker, or one that is not whole: what is bad will be found once more."""
    if data is None or not _HEADER.size + _CHECK_SIZE <= len(data) <= MAX_SIZE:
        return frozenset()
    magic, version, zero, count = _HEADER.unpack_from(data)
    body = data[:-_CHECK_SIZE]
    if (magic, version, zero) != (b"GBAD", 1, 0) or len(body) != _HEADER.size + 4 * count:
        return frozenset()
    if xxhash.xxh3_128_digest(body) != data[-_CHECK_SIZE:]:
        return frozenset()
    offsets = struct.unpack_from(f"<{count}I", data, _HEADER.size)
    found = frozenset(offsets)
    return found if tuple(sorted(found)) == offsets else frozenset()
