"""What a chunk's own bytes prove about its place in a page (FORMAT.md sections 1 and 5)."""

from __future__ import annotations

from galleria_storage.chunking import cut_by_hash
from galleria_storage.errors import ChunkNotByRule
from galleria_storage.rules import Rule
from galleria_storage.zero_runs import holes, run_end, run_start, zero_test

ENDS_BY_RULE = 1
"""Bit of a record's flags: the chunk would end here whatever follows."""


def prove(raw: memoryview | bytes, rule: Rule) -> tuple[int, int]:
    """Check that the rule could have made this chunk, and find its proof bits.

    Returns:
        The flags byte and the byte of zero counts, as they lie in a record.

    Raises:
        ChunkNotByRule: `raw` is empty or too long, holds a hole, or would have been cut before its end.
    """
    view = memoryview(raw)
    length = len(view)
    if not 1 <= length <= rule.max_chunk:
        raise ChunkNotByRule("wrong length", "bytes", length, f"1 to {rule.max_chunk}")
    if length > rule.block * (rule.hole_blocks - 1):
        _refuse_hole(view, rule)
    cuts: list[int] = []
    cut_by_hash(view, 0, length, rule, cuts)
    if not cuts:
        return 0, zero_counts(view, rule)
    if cuts[0] < length:
        raise ChunkNotByRule("an earlier cut", "bytes", length, cuts[0])
    return ENDS_BY_RULE, zero_counts(view, rule)


def zero_counts(view: memoryview, rule: Rule) -> int:
    """The zero blocks at the start (low 4 bits) and end (high 4 bits) of a chunk that holds no hole."""
    length, block = len(view), rule.block
    is_zero = zero_test(block)
    last = length - 1 - (length - 1) % block
    # Most chunks have none at either end: two compares that stop at once.
    lead = rule.blocks(run_end(view, 0, length, rule)) if is_zero(view[:block]) else 0
    if lead * block >= length:
        return lead | lead << 4
    if not is_zero(view[last:]):
        return lead
    return lead | rule.blocks(length - run_start(view, 0, last, rule)) << 4


def _refuse_hole(view: memoryview, rule: Rule) -> None:
    for start, end in holes(view, 0, len(view), rule):
        raise ChunkNotByRule("a hole inside", "zero blocks in a row", rule.blocks(end - start), rule.hole_blocks - 1)
