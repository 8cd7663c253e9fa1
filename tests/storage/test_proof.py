"""Proof bits against the oracle, and the refusal of chunks that the rule would not have made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_storage.errors import ChunkNotByRule
from galleria_storage.proof import prove
from galleria_storage.rules import BLOCK_CDC_1, Rule
from tests.support.disks import DATA, SAME, ZEROS, Recipe, build, recipes, stubborn_block
from tests.support.oracle import oracle_cut, oracle_proof
from tests.support.small_rule import SMALL_RULE

SEEDS = st.integers(0, 1 << 32)


def proof_or_none(chunk: bytes, rule: Rule) -> tuple[int, int] | None:
    try:
        return prove(chunk, rule)
    except ChunkNotByRule:
        return None


@given(recipes(66), SEEDS, st.integers(0, 200))
def test_any_bytes_are_proved_or_refused_as_the_oracle_does(recipe: Recipe, seed: int, cut_off: int) -> None:
    chunk = build(recipe, SMALL_RULE, seed, cut_off)
    assert proof_or_none(chunk, SMALL_RULE) == oracle_proof(chunk, SMALL_RULE.block)


@given(recipes(256), SEEDS, st.integers(0, 200))
def test_every_chunk_of_a_cut_is_proved(recipe: Recipe, seed: int, cut_off: int) -> None:
    data = build(recipe, SMALL_RULE, seed, cut_off)
    at = 0
    for piece in oracle_cut(data, SMALL_RULE.block):
        if piece > 0:
            chunk = data[at : at + piece]
            assert prove(memoryview(chunk), SMALL_RULE) == oracle_proof(chunk, SMALL_RULE.block)
        at += abs(piece)


@pytest.mark.parametrize("seed", range(20))
def test_the_real_rule_proves_as_the_oracle_does(seed: int) -> None:
    data = build([(ZEROS, 5), (DATA, 70), (ZEROS, 9), (SAME, 70), (ZEROS, 15)], BLOCK_CDC_1, seed, cut_off=seed * 300)
    at = 0
    for piece in oracle_cut(data, BLOCK_CDC_1.block):
        chunk = data[at : at + piece]
        assert prove(chunk, BLOCK_CDC_1) == oracle_proof(chunk, BLOCK_CDC_1.block)
        at += piece


@pytest.mark.parametrize("length", [0, SMALL_RULE.max_chunk + 1])
def test_a_chunk_of_no_or_too_many_bytes_is_refused(length: int) -> None:
    with pytest.raises(ChunkNotByRule) as caught:
        prove(b"x" * length, SMALL_RULE)
    assert (caught.value.reason, caught.value.value) == ("wrong length", length)
    assert str(caught.value) == f"chunk refused, wrong length: bytes is {length}, allowed is 1 to 4096"


@pytest.mark.parametrize(("blocks", "flags"), [(1, 0), (4, 0), (63, 0), (64, 1)])
def test_only_a_full_chunk_ends_without_a_hash(blocks: int, flags: int) -> None:
    assert prove(stubborn_block(SMALL_RULE) * blocks, SMALL_RULE) == (flags, 0)


def test_two_chunks_glued_together_are_refused() -> None:
    data = build([(DATA, 256)], SMALL_RULE, seed=1)
    first, second = oracle_cut(data, SMALL_RULE.block)[:2]
    with pytest.raises(ChunkNotByRule) as caught:
        prove(data[: first + second], SMALL_RULE)
    assert (caught.value.reason, caught.value.limit) == ("an earlier cut", first)


@pytest.mark.parametrize(("lead", "trail"), [(0, 0), (1, 0), (0, 1)])
def test_a_hole_inside_is_refused_and_one_block_less_is_not(lead: int, trail: int) -> None:
    ends = [b"\1" + bytes(63)] * lead, [b"\1" + bytes(63)] * trail
    with pytest.raises(ChunkNotByRule) as caught:
        prove(b"".join([*ends[0], bytes(64 * 16), *ends[1]]), SMALL_RULE)
    assert (caught.value.reason, caught.value.value, caught.value.limit) == ("a hole inside", 16, 15)
    shorter = b"".join([*ends[0], bytes(64 * 15), *ends[1]])
    assert proof_or_none(shorter, SMALL_RULE) == oracle_proof(shorter, SMALL_RULE.block)
