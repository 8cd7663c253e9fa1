"""Bytes to cut: Hypothesis strategies and plain recipes, dense in short runs of zero blocks."""

import random

import xxhash
from hypothesis import strategies as st

from galleria_storage.rules import Rule

DATA, ZEROS, SAME = "data", "zeros", "same"

Recipe = list[tuple[str, int]]
"""Runs of blocks, one after the other: (kind, blocks)."""


def recipes(most_blocks: int) -> st.SearchStrategy[Recipe]:
    """Recipes of at most `most_blocks` blocks with runs near the lengths at which the rule changes its mind."""
    lengths = st.one_of(st.integers(1, 20), st.sampled_from([15, 16, 17, 31, 32, 33, 63, 64, 65, 100]))
    runs = st.tuples(st.sampled_from([DATA, ZEROS, ZEROS, SAME]), lengths)
    return st.lists(runs, min_size=1, max_size=12).filter(lambda runs: sum(n for _, n in runs) <= most_blocks)


def build(recipe: Recipe, rule: Rule, seed: int, cut_off: int = 0) -> bytes:
    """The bytes of a recipe, less the last `cut_off` (at least one stays)."""
    source = random.Random(seed)
    parts = [_run(kind, blocks, rule, source) for kind, blocks in recipe]
    whole = b"".join(parts)
    return whole[: max(1, len(whole) - cut_off)]


def stubborn_block(rule: Rule) -> bytes:
    """A block, not zero, whose hash ends no chunk: only the length does."""
    blocks = (bytes([value]) * rule.block for value in range(1, 256))
    return next(block for block in blocks if xxhash.xxh64_intdigest(block) % 4)


def _run(kind: str, blocks: int, rule: Rule, source: random.Random) -> bytes:
    if kind == ZEROS:
        return bytes(rule.block * blocks)
    if kind == SAME:
        return source.randbytes(rule.block) * blocks
    # A block with a single byte set, at its very end, is data as much as any other.
    return b"".join(
        source.randbytes(rule.block) if source.random() < 0.8 else bytes(rule.block - 1) + b"\1" for _ in range(blocks)
    )
