"""Bitmaps of the wire: bit `i` is bit `i % 8`, lowest first, of byte `i // 8`."""

from __future__ import annotations

from collections.abc import Iterable


def positions_in(bitmap: bytes, count: int) -> list[int]:
    """The positions below `count` whose bit is set, ascending; bits beyond the bitmap's end are clear."""
    return [
        base + bit
        for base, byte in zip(range(0, count, 8), bitmap, strict=False)
        if byte
        for bit in range(min(8, count - base))
        if byte >> bit & 1
    ]


def bitmap_of(positions: Iterable[int], count: int) -> bytes:
    """The bitmap of `count` bits in which these positions are set."""
    bits = bytearray(-(-count // 8))
    for position in positions:
        bits[position >> 3] |= 1 << (position & 7)
    return bytes(bits)
