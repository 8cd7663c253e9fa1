"""Bits in bytes, lowest first, as the wire has them."""

from collections.abc import Iterable, Sequence


def bits_of(flags: Sequence[bool]) -> bytes:
    """One bit a flag."""
    return set_bits(i for i, flag in enumerate(flags) if flag).ljust(-(-len(flags) // 8), b"\0")


def set_bits(positions: Iterable[int]) -> bytes:
    """Bytes in which the bits at `positions` are set, as short as they can be."""
    number = 0
    for position in positions:
        number |= 1 << position
    return number.to_bytes(-(-number.bit_length() // 8), "little")
