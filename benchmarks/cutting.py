"""The chunks of some bytes, as the floors and the count of new chunks need them."""

from __future__ import annotations

from galleria_storage.chunking import cut_segment
from galleria_storage.rules import BLOCK_CDC_1


def chunks_of(data: memoryview) -> list[memoryview]:
    """The chunks of a segment, or of a part of one; holes left out."""
    position, chunks = 0, []
    for length in cut_segment(data, BLOCK_CDC_1):
        if length > 0:
            chunks.append(data[position : position + length])
        position += abs(length)
    return chunks
