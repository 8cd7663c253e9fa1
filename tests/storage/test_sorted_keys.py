"""Which keys are among very many others."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from galleria_storage.volume.sorted_keys import SortedKeys

KEYS = (
    st.integers(0, (1 << 64) - 1) | st.sampled_from([0, 1, (1 << 64) - 1, (1 << 63) - 1, 1 << 63]) | st.integers(0, 60)
)


@given(keys=st.lists(KEYS, max_size=200), asked=st.lists(KEYS, max_size=40))
def test_keys_are_among_others_as_in_a_set(keys: list[int], asked: list[int]) -> None:
    asked += [number for key in keys for number in (key - 1, key, key + 1) if 0 <= number < 1 << 64]
    found = SortedKeys(np.array(sorted(keys), np.uint64)).among(np.array(asked, np.uint64))
    assert found.tolist() == [key in set(keys) for key in asked]


def test_each_of_many_digests_is_found_and_no_other() -> None:
    random = np.random.default_rng(1)
    keys = np.unique(random.integers(0, 1 << 63, 100_000, dtype=np.uint64) * np.uint64(2))
    found = SortedKeys(keys)
    assert found.among(random.permutation(keys)).all()
    assert not found.among(keys + np.uint64(1)).any()


@given(keys=st.sets(KEYS, max_size=200), others=st.lists(KEYS, max_size=40))
def test_each_key_is_found_at_its_number(keys: set[int], others: list[int]) -> None:
    ascending = sorted(keys)
    known, at = SortedKeys(np.array(ascending, np.uint64)).find(np.array(ascending[::-1] + others, np.uint64))
    assert at[: len(ascending)].tolist() == list(range(len(ascending)))[::-1]
    assert [ascending[number] for number in at[known].tolist()] == [k for k in ascending[::-1] + others if k in keys]
