"""The inputs of the golden vectors, by a formula that any language can compute (see README.md here)."""

from collections.abc import Sequence

from blake3 import blake3

Part = dict[str, str | int]
"""`{"stream": seed, "bytes": n}`, `{"byte": value, "bytes": n}`, `{"zeros": n}` or `{"hex": digits}`."""


def stream(seed: str, length: int) -> Part:
    return {"stream": seed, "bytes": length}


def repeated(value: int, length: int) -> Part:
    return {"byte": value, "bytes": length}


def zeros(length: int) -> Part:
    return {"zeros": length}


def text(value: str) -> Part:
    return {"hex": value.encode("ascii").hex()}


def length_of(part: Part) -> int:
    if "hex" in part:
        return len(str(part["hex"])) // 2
    return int(part.get("zeros", part.get("bytes", 0)))


def bytes_of(part: Part, start: int, stop: int) -> bytes:
    """The bytes from `start` to `stop` of a part."""
    if "hex" in part:
        return bytes.fromhex(str(part["hex"]))[start:stop]
    if "zeros" in part:
        return bytes(stop - start)
    if "byte" in part:
        return bytes([int(part["byte"])]) * (stop - start)
    return blake3(str(part["stream"]).encode("ascii")).digest(length=stop - start, seek=start)


def build(parts: Sequence[Part]) -> bytes:
    """All bytes of an input."""
    return b"".join(bytes_of(part, 0, length_of(part)) for part in parts)


def segment_of(parts: Sequence[Part], start: int, stop: int) -> bytes | None:
    """The bytes from `start` to `stop` of an input, None where only parts that are `zeros` lie there."""
    pieces, at, empty = [], 0, True
    for part in parts:
        first, last = max(start - at, 0), min(stop - at, length_of(part))
        if first < last:
            empty = empty and "zeros" in part
            pieces.append((part, first, last))
        at += length_of(part)
    return None if empty else b"".join(bytes_of(part, first, last) for part, first, last in pieces)
