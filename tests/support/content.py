"""Content for tests of the whole server: small, in several segments, with holes."""

import random

SEGMENT = 64 << 20
MIB = 1 << 20


def image_bytes(seed: int = 1, tail: int = 512) -> bytes:
    """Data at the start of segment 0, none in segment 1, a little in segment 2 that ends with `tail` bytes."""
    source = random.Random(seed)
    start = source.randbytes(3 * MIB) + bytes(MIB) + source.randbytes(MIB) + b"same" * (MIB // 4)
    return start + bytes(2 * SEGMENT - len(start)) + source.randbytes(2 * MIB) + b"\1" * tail


def changed(data: bytes, at: int = MIB, length: int = 8192) -> bytes:
    """The same with a few other bytes."""
    other = random.Random(at).randbytes(length)
    return data[:at] + other + data[at + length :]
