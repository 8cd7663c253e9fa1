"""Finding runs of zero blocks without looking at every block.

All functions take a view whose position `start` is the start of a block, and `end`, which is the start of a block
or the end of the view: there a short block counts as a block. Positions are bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from galleria_storage.rules import Rule

ZeroTest = Callable[[memoryview], bool]


@lru_cache(maxsize=8)
def zero_test(length: int) -> ZeroTest:
    """A test whether a view of at most `length` bytes holds only zero bytes (an empty one does)."""
    # A prefix test is the one memcmp that the standard library offers between bytes and a view without a copy.
    return bytes(length).startswith


def run_end(view: memoryview, start: int, end: int, rule: Rule) -> int:
    """Where the run of zero blocks that begins at `start` ends; `start` itself when there is none."""
    block, step = rule.block, rule.min_hole
    is_zero = zero_test(step)
    while start + step <= end and is_zero(view[start : start + step]):
        start += step
    while start < end and is_zero(view[start : min(start + block, end)]):
        start += block
    return min(start, end)


def run_start(view: memoryview, start: int, end: int, rule: Rule) -> int:
    """Where the run of zero blocks that ends at `end` begins, `start` at the earliest; `end` must start a block."""
    block = rule.block
    is_zero = zero_test(rule.min_hole)
    while end > start and is_zero(view[end - block : end]):
        end -= block
    return end


def holes(view: memoryview, start: int, end: int, rule: Rule) -> Iterator[tuple[int, int]]:
    """Start and end of every maximal run of at least `rule.hole_blocks` zero blocks in `view[start:end]`, in order."""
    block, step = rule.block, rule.min_hole
    is_zero = zero_test(step)
    # A run that long holds one of any series of blocks that are `hole_blocks` apart: only those are looked at.
    probe = start + step - block
    while probe < end:
        if not is_zero(view[probe : min(probe + block, end)]):
            probe += step
            continue
        first, last = run_start(view, start, probe, rule), run_end(view, probe, end, rule)
        if rule.blocks(last - first) >= rule.hole_blocks:
            yield first, last
        start, probe = last, last + step
