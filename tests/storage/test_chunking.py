"""The cutter against the oracle: every windowing and every way to skip holes gives the same pieces."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_storage.chunking import Cutter, cut_segment
from galleria_storage.rules import BLOCK_CDC_1, Rule
from tests.support.disks import DATA, SAME, ZEROS, Recipe, build, recipes, stubborn_block
from tests.support.oracle import oracle_cut
from tests.support.small_rule import SMALL_RULE

SEEDS = st.integers(0, 1 << 32)
SMALL_BLOCKS = SMALL_RULE.segment // SMALL_RULE.block


@given(recipes(SMALL_BLOCKS), SEEDS, st.integers(0, 200))
def test_a_segment_is_cut_as_the_oracle_cuts_it(recipe: Recipe, seed: int, cut_off: int) -> None:
    data = build(recipe, SMALL_RULE, seed, cut_off)
    assert cut_segment(data, SMALL_RULE) == oracle_cut(data, SMALL_RULE.block)


@pytest.mark.parametrize(
    "recipe",
    [
        [(DATA, 300), (ZEROS, 15), (DATA, 40), (ZEROS, 16), (DATA, 3)],
        [(ZEROS, 700)],
        [(SAME, 200), (ZEROS, 17), (SAME, 1), (ZEROS, 16)],
        [(ZEROS, 12), (DATA, 500), (ZEROS, 40), (DATA, 90)],
    ],
)
@pytest.mark.parametrize("cut_off", [0, 1, 1000, 4095, 5000])
def test_the_real_rule_is_cut_as_the_oracle_cuts_it(recipe: Recipe, cut_off: int) -> None:
    data = build(recipe, BLOCK_CDC_1, 7, cut_off)
    pieces = oracle_cut(data, BLOCK_CDC_1.block)
    assert cut_segment(data, BLOCK_CDC_1) == pieces
    assert feed_windows(data, BLOCK_CDC_1, lambda: 400_000) == pieces


@given(recipes(SMALL_BLOCKS), SEEDS, st.integers(0, 100), st.data())
def test_any_windows_give_the_same_pieces(recipe: Recipe, seed: int, cut_off: int, draw: st.DataObject) -> None:
    data = build(recipe, SMALL_RULE, seed, cut_off)
    sizes = st.integers(1, 3000)
    assert feed_windows(data, SMALL_RULE, lambda: draw.draw(sizes)) == cut_segment(data, SMALL_RULE)


@given(recipes(SMALL_BLOCKS), SEEDS, st.integers(0, 100), st.data())
def test_skipping_zeros_gives_the_pieces_of_feeding_them(
    recipe: Recipe, seed: int, cut_off: int, draw: st.DataObject
) -> None:
    data = build(recipe, SMALL_RULE, seed, cut_off)
    extents = draw.draw(extents_of(data, SMALL_RULE.block))
    assert feed_extents(data, extents, SMALL_RULE) == cut_segment(data, SMALL_RULE)


@given(recipes(SMALL_BLOCKS), SEEDS)
def test_the_tail_is_shorter_than_a_chunk_and_a_hole(recipe: Recipe, seed: int) -> None:
    data = build(recipe, SMALL_RULE, seed)
    cutter = Cutter(SMALL_RULE, SMALL_RULE.segment)
    _, consumed = cutter.cut(memoryview(data), False)
    assert len(data) - consumed < SMALL_RULE.max_chunk + (SMALL_RULE.hole_blocks - 1) * SMALL_RULE.block


@pytest.mark.parametrize("window", range(SMALL_RULE.block * 60, SMALL_RULE.block * 82, SMALL_RULE.block))
def test_zeros_at_a_windows_end_do_not_decide_the_longest_chunk(window: int) -> None:
    """Sixty blocks that no hash ends, then a hole: the chunk ends before it, not after 64 blocks."""
    data = stubborn_block(SMALL_RULE) * 60 + bytes(64 * 20) + b"x"
    sizes = iter([window, 1 << 20])
    assert feed_windows(data, SMALL_RULE, lambda: next(sizes)) == [64 * 60, -64 * 20, 1]


@pytest.mark.parametrize("blocks", [62, 63, 64, 65])
def test_the_longest_chunk_ends_when_it_is_full(blocks: int) -> None:
    data = stubborn_block(SMALL_RULE) * blocks + b"x"
    sizes = iter([64 * blocks, 1])
    assert feed_windows(data, SMALL_RULE, lambda: next(sizes)) == oracle_cut(data, 64)


def test_zeros_behind_a_part_of_a_block_are_fed() -> None:
    data = bytes(64 * 16 + 10)
    cutter = Cutter(SMALL_RULE, SMALL_RULE.segment)
    assert cutter.cut(memoryview(data), False) == ([], 64 * 16)
    assert cutter.skip_hole(64 * 17) == 64 * 16


def test_a_hole_over_many_windows_is_one_piece() -> None:
    data = b"x" * 64 + bytes(8000) + b"y"
    window = iter([64 * 20, 640, 640, 1000, 9000])
    assert feed_windows(data, SMALL_RULE, lambda: next(window)) == oracle_cut(data, 64)
    assert [piece for piece in oracle_cut(data, 64) if piece < 0] == [-8000]


def test_zeros_are_skipped_only_once_the_cutter_is_in_a_hole() -> None:
    cutter = Cutter(SMALL_RULE, SMALL_RULE.segment)
    assert cutter.skip_hole(64 * 100) == 64 * 16
    assert cutter.cut(memoryview(bytes(64 * 16)), False) == ([], 64 * 16)
    assert cutter.skip_hole(64 * 84) == 0
    assert cutter.cut(memoryview(b"x"), True) == ([-64 * 100, 1], 1)


def test_fewer_zeros_than_a_hole_are_all_to_be_fed() -> None:
    cutter = Cutter(SMALL_RULE, SMALL_RULE.segment)
    assert cutter.skip_hole(64 * 15) == 64 * 15


def test_a_hole_that_is_skipped_to_the_segments_end_is_reported_by_an_empty_final_window() -> None:
    cutter = Cutter(SMALL_RULE, 64 * 99 + 5)
    cutter.cut(memoryview(bytes(64 * 16)), False)
    assert cutter.skip_hole(64 * 83 + 5) == 0
    assert cutter.cut(memoryview(b""), True) == ([-(64 * 99 + 5)], 0)


def test_a_window_over_the_segments_end_is_refused() -> None:
    cutter = Cutter(SMALL_RULE, 100)
    assert cutter.cut(memoryview(bytes(64)), False) == ([], 0)
    with pytest.raises(ValueError, match="101 bytes in a segment of 100"):
        cutter.cut(memoryview(bytes(101)), True)


@pytest.mark.parametrize("length", [0, -64, 63, 65, SMALL_RULE.segment + 64])
def test_a_hole_that_is_no_whole_blocks_or_too_long_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="a hole of"):
        Cutter(SMALL_RULE, SMALL_RULE.segment).skip_hole(length)


def feed_windows(data: bytes, rule: Rule, next_size: Callable[[], int]) -> list[int]:
    """Cut window by window; each holds what was left and so many bytes more."""
    cutter = Cutter(rule, len(data))
    pieces: list[int] = []
    start = end = 0
    while start < len(data):
        end = min(end + next_size(), len(data))
        decided, consumed = cutter.cut(memoryview(data)[start:end], end == len(data))
        pieces += decided
        start += consumed
    return pieces


@st.composite
def extents_of(draw: st.DrawFn, data: bytes, block: int) -> list[tuple[bool, int]]:
    """A file system's view of the data: (is a hole, bytes), where only some of the zero blocks are holes."""
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    sparse = draw(st.lists(st.booleans(), min_size=len(blocks), max_size=len(blocks)))
    keep_every = draw(st.booleans())
    extents: list[tuple[bool, int]] = []
    for one, may_be_hole in zip(blocks, sparse, strict=True):
        is_hole = (may_be_hole or keep_every) and not any(one)
        if extents and extents[-1][0] == is_hole:
            extents[-1] = (is_hole, extents[-1][1] + len(one))
        else:
            extents.append((is_hole, len(one)))
    return extents


def feed_extents(data: bytes, extents: list[tuple[bool, int]], rule: Rule) -> list[int]:
    """Cut as a scanner of sparse files does: feed data, skip holes, feed zeros where the cutter wants them."""
    cutter = Cutter(rule, len(data))
    pieces: list[int] = []
    tail = b""

    def feed(more: bytes, *, final: bool) -> None:
        nonlocal tail
        window = tail + more
        decided, consumed = cutter.cut(memoryview(window), final)
        pieces.extend(decided)
        tail = window[consumed:]

    at = 0
    for is_hole, length in extents:
        if not is_hole:
            feed(data[at : at + length], final=False)
        left = length if is_hole else 0
        while left and (zeros := cutter.skip_hole(left)):
            feed(bytes(zeros), final=False)
            left -= zeros
        at += length
    feed(b"", final=True)
    return pieces
