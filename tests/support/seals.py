"""Checks and names made right again in mutated bytes, so that what lies behind them is reached too."""

from __future__ import annotations

import struct

import xxhash
from blake3 import blake3
from zstandard import ZstdDecompressor, ZstdError

_HEADER, _FOOTER_ENTRY, _TRAILER, _RECORD = 48, 56, 48, 72
_LARGEST_CHUNK = 262_144


def sealed_record(data: bytes) -> bytes:
    """The first record of `data` with the name of its payload and its check, what follows as it was."""
    if len(data) < _RECORD:
        return data
    out = bytearray(data)
    codec = data[21]
    stored = int.from_bytes(data[36:40], "little")
    end = min(len(data), _RECORD + stored)
    out[40:72] = blake3(_raw(codec, data[_RECORD:end])).digest()
    out[4:20] = xxhash.xxh3_128_digest(out[20:end])
    return bytes(out)


def sealed_pack(data: bytes) -> bytes:
    """The checks of header and footer, and of each record that the footer names."""
    out = bytearray(data)
    if len(data) < _HEADER + _TRAILER:
        return data
    out[32:48] = xxhash.xxh3_128_digest(out[:32])
    count, footer = struct.unpack_from("<II", out, len(out) - 40)
    if count <= len(out) // _FOOTER_ENTRY and footer <= len(out) - _TRAILER:
        for at in range(footer, min(footer + count * _FOOTER_ENTRY, len(out) - _TRAILER), _FOOTER_ENTRY):
            _seal_record_of(out, at)
        out[-24:-8] = xxhash.xxh3_128_digest(out[footer:-24])
    return bytes(out)


def sealed_root(data: bytes) -> bytes:
    """The digest at a root file's end."""
    return data if len(data) <= 32 else data[:-32] + blake3(data[:-32]).digest()


def sealed_bad(data: bytes) -> bytes:
    """The check at the end of a marker of bad records."""
    return data if len(data) <= 16 else data[:-16] + xxhash.xxh3_128_digest(data[:-16])


def unsealed(data: bytes) -> bytes:
    """Nothing to be done: the format has no check of its own."""
    return data


def _seal_record_of(out: bytearray, at: int) -> None:
    start = int.from_bytes(out[at + 40 : at + 44], "little")
    stored = int.from_bytes(out[at + 48 : at + 52], "little")
    end = start + _RECORD + stored
    if start >= _HEADER and end <= len(out):
        out[start + 4 : start + 20] = xxhash.xxh3_128_digest(out[start + 20 : end])


def _raw(codec: int, payload: bytes) -> bytes:
    if codec != 1:
        return payload
    try:
        return ZstdDecompressor().decompressobj().decompress(payload)[:_LARGEST_CHUNK]
    except ZstdError:
        return payload
