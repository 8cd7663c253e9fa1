"""A page is accepted when it is the one the rule gives for the segment's bytes, and only then."""

import itertools

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from galleria_storage.chunking import cut_segment
from galleria_storage.errors import PageInvalid
from galleria_storage.layout import ENTRY, Page, check_page, encode_page
from galleria_storage.rules import BLOCK_CDC_1
from tests.support.disks import DATA, SAME, ZEROS, Recipe, build, recipes
from tests.support.pages import accept, chunks_of, refusal
from tests.support.small_rule import SMALL_RULE

SEEDS = st.integers(0, 1 << 32)
BLOCK = SMALL_RULE.block
NAME = b"\7" * 32
BUSY = [(ZEROS, 3), (DATA, 70), (ZEROS, 20), (DATA, 9), (ZEROS, 14), (SAME, 30), (ZEROS, 40), (DATA, 20), (ZEROS, 9)]


@given(recipes(256), SEEDS, st.integers(0, 200))
def test_the_rules_own_page_is_accepted(recipe: Recipe, seed: int, cut_off: int) -> None:
    data = build(recipe, SMALL_RULE, seed, cut_off)
    pieces = cut_segment(data, SMALL_RULE)
    assume(any(piece > 0 for piece in pieces))
    page = accept(data, pieces, SMALL_RULE)
    assert list(page.lengths) == pieces
    assert page.covered == len(data)
    assert page.occupied == sum(map(len, chunks_of(data, pieces)))
    assert Page.parse(page.encode(), SMALL_RULE) == page


@given(recipes(256), SEEDS, st.integers(0, 200), st.data())
@example([(ZEROS, 256)], 0, 0, None)
def test_any_other_page_of_the_same_bytes_is_refused(
    recipe: Recipe, seed: int, cut_off: int, draw: st.DataObject | None
) -> None:
    data = build(recipe, SMALL_RULE, seed, cut_off)
    pieces = cut_segment(data, SMALL_RULE)
    mutant = [BLOCK * 8] * 32 if draw is None else draw.draw(mutants(data, pieces))
    assume(mutant != pieces)
    assert refusal(data, mutant, SMALL_RULE) is not None


@st.composite
def mutants(draw: st.DrawFn, data: bytes, pieces: list[int]) -> list[int]:
    """Up to three changes of the cuts that keep the bytes: stretches that are all zero may become holes or chunks."""
    cuts = {0, len(data)}
    for piece in pieces:
        cuts.add(max(cuts - {len(data)}) + abs(piece))
    places = list(range(BLOCK, len(data), BLOCK)) or [len(data)]
    for _ in range(draw(st.integers(1, 3))):
        cuts ^= {draw(st.sampled_from(places))}
        moved = draw(st.sampled_from(sorted(cuts)))
        if draw(st.booleans()) and 0 < moved < len(data):
            cuts ^= {moved, moved + draw(st.sampled_from([-BLOCK, BLOCK]))}
    ends = sorted(cuts | {0, len(data)})
    ends = [end for end in ends if 0 <= end <= len(data)]
    return [
        -(end - start) if not any(data[start:end]) and draw(st.sampled_from([True, True, False])) else end - start
        for start, end in itertools.pairwise(ends)
    ]


def test_every_single_change_of_a_busy_segment_is_refused() -> None:
    data = build(BUSY, SMALL_RULE, seed=5, cut_off=10)
    pieces = cut_segment(data, SMALL_RULE)
    assert refusal(data, pieces, SMALL_RULE) is None
    changed = [*splits(pieces), *merges(pieces), *moves(pieces), *flips(data, pieces)]
    reasons = {refusal(data, mutant, SMALL_RULE) for mutant in changed}
    assert None not in reasons
    assert reasons >= {
        "a cut that is not the rule's",
        "a hole inside",
        "an earlier cut",
        "two holes in a row",
        "wrong length",
        "zeros beside a hole",
    }


def test_a_hole_hidden_in_short_chunks_of_zeros_is_refused() -> None:
    """The zero block's own hash may end chunks, so zeros cut into chunks are told by their counts alone."""
    data = b"\1" * BLOCK + bytes(BLOCK * 16) + b"\1"
    page = Page.parse(encode_page([BLOCK, BLOCK * 8, BLOCK * 8, 1], [NAME] * 4), SMALL_RULE)
    proofs = [(BLOCK, 1, 0), (BLOCK * 8, 1, 0x88), (BLOCK * 8, 1, 0x88), (1, 0, 0)]
    with pytest.raises(PageInvalid) as caught:
        check_page(page, SMALL_RULE, len(data), True, proofs)
    assert (caught.value.reason, caught.value.entry, caught.value.value) == ("a hole over several chunks", 2, 16)


@pytest.mark.parametrize(("last_lead", "refused"), [(4, False), (5, True)])
def test_zero_blocks_are_counted_on_through_a_chunk_of_zeros(last_lead: int, refused: bool) -> None:  # noqa: FBT001
    page = Page((640, 64 * 5, 640), (NAME,) * 3)
    proofs = [(640, 1, 0x60), (64 * 5, 1, 0x55), (640, 0, last_lead)]
    if not refused:
        check_page(page, SMALL_RULE, 1600, True, proofs)
        return
    with pytest.raises(PageInvalid, match="at entry 2, a hole over several chunks: zero blocks in a row is 16"):
        check_page(page, SMALL_RULE, 1600, True, proofs)


@pytest.mark.parametrize(
    ("proofs", "reason", "entry"),
    [
        ([(64, 1, 0), (640, 0, 0), (4, 0, 0)], None, None),
        ([(64, 0, 0), (640, 0, 0), (4, 0, 0)], "a cut that is not the rule's", 0),
        ([(65, 1, 0), (640, 0, 0), (4, 0, 0)], "not the chunk's length", 0),
        ([(64, 1, 0), (640, 0, 0x10), (4, 0, 0)], "zeros beside a hole", 1),
        ([(64, 1, 0), (640, 0, 0x00), (4, 0, 0x11)], "zeros beside a hole", 3),
        ([(64, 1, 0x60), (640, 0, 0x09), (4, 0, 0)], None, None),
        ([(64, 1, 0x70), (640, 0, 0x09), (4, 0, 0)], "a hole over several chunks", 1),
    ],
)
def test_each_condition_is_checked_at_its_limit(
    proofs: list[tuple[int, int, int]], reason: str | None, entry: int | None
) -> None:
    page = Page((64, 640, -64 * 16, 4), (NAME,) * 3)
    found: tuple[str | None, int | None] = (None, None)
    try:
        check_page(page, SMALL_RULE, 64 + 640 + 1024 + 4, True, proofs)
    except PageInvalid as error:
        found = (error.reason, error.entry)
    assert found == (reason, entry)


def test_a_page_of_another_total_than_its_segment_is_refused() -> None:
    page = Page((64,), (NAME,))
    for segment_length in (63, 65, 128):
        with pytest.raises(PageInvalid, match=f"wrong total: bytes is 64, allowed is {segment_length}"):
            check_page(page, SMALL_RULE, segment_length, True, [(64, 0, 0)])


def test_a_short_block_is_refused_before_the_last_segment() -> None:
    page = Page((64, 3), (NAME, NAME))
    check_page(page, SMALL_RULE, 67, True, [(64, 1, 0), (3, 0, 0)])
    with pytest.raises(PageInvalid, match="at entry 1, wrong length"):
        check_page(page, SMALL_RULE, 67, False, [(64, 1, 0), (3, 0, 0)])


def test_a_proof_for_each_chunk_is_demanded() -> None:
    with pytest.raises(ValueError, match="0 proofs for 1 chunks"):
        check_page(Page((64,), (NAME,)), SMALL_RULE, 64, True, [])


@pytest.mark.parametrize(
    ("lengths", "reason", "entry"),
    [
        ([BLOCK * 64 + 1], "wrong length", 0),
        ([64, -64 * 15], "wrong length", 1),
        ([64, -(64 * 15 - 1)], "wrong length", 1),
        ([64, -64 * 16, -64 * 16], "two holes in a row", 2),
        ([-64 * 16], "no chunk", None),
        ([63, 64], "wrong length", 0),
        ([-(64 * 15 + 1), 64], "wrong length", 0),
        ([64] * 5 + [-64 * 252], "wrong total", None),
    ],
)
def test_entries_that_no_page_has_are_refused(lengths: list[int], reason: str, entry: int | None) -> None:
    names = [NAME] * sum(length > 0 for length in lengths)
    with pytest.raises(PageInvalid) as caught:
        Page.parse(encode_page(lengths, names), SMALL_RULE)
    assert (caught.value.segment, caught.value.entry, caught.value.reason) == (None, entry, reason)


def test_a_hole_of_sixteen_blocks_whose_last_is_short_is_a_hole() -> None:
    page = Page((64, -(64 * 15 + 1)), (NAME,))
    assert Page.parse(page.encode(), SMALL_RULE) == page


def test_the_longest_page_is_read_and_a_longer_one_refused() -> None:
    most = SMALL_RULE.segment // (BLOCK * 4)
    full = encode_page([BLOCK * 4] * most, [NAME] * most)
    assert len(full) == ENTRY * SMALL_RULE.max_page_entries
    assert Page.parse(full, SMALL_RULE).covered == SMALL_RULE.segment
    with pytest.raises(PageInvalid, match="wrong size: bytes is 2340"):
        Page.parse(full + full[:ENTRY], SMALL_RULE)
    assert BLOCK_CDC_1.max_page_entries == 4096


@pytest.mark.parametrize("data", [b"", b"\1", encode_page([64], [NAME])[:-1], encode_page([64], [NAME]) + b"\0"])
def test_bytes_that_are_no_whole_entries_are_refused(data: bytes) -> None:
    with pytest.raises(PageInvalid) as caught:
        Page.parse(data, SMALL_RULE)
    assert caught.value.reason == "wrong size"


def test_a_chunk_of_no_bytes_and_a_hole_with_a_name_are_refused() -> None:
    with pytest.raises(PageInvalid, match="bytes of the chunk is 0"):
        Page.parse(bytes(4) + NAME, SMALL_RULE)
    with pytest.raises(PageInvalid, match="a hole with a name"):
        Page.parse((1 << 31 | 1024).to_bytes(4, "little") + NAME, SMALL_RULE)


def test_names_must_be_those_of_the_chunks() -> None:
    with pytest.raises(ValueError, match="2 names for the chunks of 2 entries"):
        encode_page([64, -1024], [NAME, NAME])


def test_the_message_names_the_segment_once_it_is_known() -> None:
    error = PageInvalid(None, 3, "wrong length", "bytes of the chunk", 0, "1 to 4096")
    assert str(error) == "page refused at entry 3, wrong length: bytes of the chunk is 0, allowed is 1 to 4096"
    error.segment = 9
    assert str(error).startswith("page of segment 9 refused at entry 3, ")


def splits(pieces: list[int]) -> list[list[int]]:
    """Every piece cut in two at every block."""
    return [
        [*pieces[:i], sign * at, sign * (abs(piece) - at), *pieces[i + 1 :]]
        for i, piece in enumerate(pieces)
        for sign in [1 if piece > 0 else -1]
        for at in range(BLOCK, abs(piece), BLOCK)
    ]


def merges(pieces: list[int]) -> list[list[int]]:
    """Every two neighbours made one chunk."""
    return [[*pieces[:i], abs(pieces[i]) + abs(pieces[i + 1]), *pieces[i + 2 :]] for i in range(len(pieces) - 1)]


def moves(pieces: list[int]) -> list[list[int]]:
    """Every cut moved by a block either way; a hole never grows over data."""
    return [
        [*pieces[:i], grown(first, way), grown(second, -way), *pieces[i + 2 :]]
        for i, (first, second) in enumerate(itertools.pairwise(pieces))
        for way in (-BLOCK, BLOCK)
        if not (first < 0 < way) and not (second < 0 and way < 0)
        if abs(first) > BLOCK and abs(second) > BLOCK
    ]


def grown(piece: int, by: int) -> int:
    return piece + by if piece > 0 else piece - by


def flips(data: bytes, pieces: list[int]) -> list[list[int]]:
    """Every hole made a chunk, and every run of zeros inside a chunk made a hole."""
    hidden = [[*pieces[:i], -piece, *pieces[i + 1 :]] for i, piece in enumerate(pieces) if piece < 0]
    invented, at = [], 0
    for i, piece in enumerate(pieces):
        end = at + abs(piece)
        for start in range(at, end, BLOCK):
            stop = min(start + BLOCK * 9, end)
            if piece > 0 and not any(data[start:stop]):
                parts = [start - at, -(stop - start), end - stop]
                invented.append([*pieces[:i], *[part for part in parts if part], *pieces[i + 1 :]])
        at = end
    return hidden + invented
