"""Which chunks of a segment are to be sent, in portions for the codec threads. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from galleria_client.bitmaps import positions_in

_ENTRY: Final = struct.Struct("<I32s")
_HOLE: Final = 1 << 31
PORTION: Final = 2 << 20
"""Raw bytes after which a portion ends."""


class Piece(NamedTuple):
    """One chunk: where it lies in its segment, its length, both in bytes, and its name."""

    offset: int
    length: int
    name: bytes


def needed_pieces(page: bytes, needed: bytes) -> list[Piece]:
    """The chunks of an encoded page whose bit is set in `needed`, which does not count holes."""
    chunks = []
    offset = 0
    for word, name in _ENTRY.iter_unpack(page):
        length = word & ~_HOLE
        if not word & _HOLE:
            chunks.append(Piece(offset, length, name))
        offset += length
    return [chunks[position] for position in positions_in(needed, len(chunks))]


def portions(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """The pieces in order, a portion ending once it has PORTION bytes: one chunk may carry it past that."""
    portion: list[Piece] = []
    size = 0
    for piece in pieces:
        portion.append(piece)
        size += piece.length
        if size >= PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def contiguous(pieces: list[Piece]) -> Iterator[tuple[int, int]]:
    """Offset and length of each stretch that consecutive pieces cover without a gap."""
    start = end = pieces[0].offset
    for piece in pieces:
        if piece.offset != end:
            yield start, end - start
            start = piece.offset
        end = piece.offset + piece.length
    yield start, end - start
