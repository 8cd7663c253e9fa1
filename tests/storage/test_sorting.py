"""Rows come in the order of their names, whether they fit into memory or wait in a file."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_storage.objects.errors import StoreFailed
from galleria_storage.volume.sorting import Sorting

ROWS = np.dtype([("name", "V32"), ("number", "<u4")])
# Few heads and few tails, so that names share the one, the other or both.
NAMES = st.builds(
    lambda head, tail: head + tail,
    st.sampled_from([bytes(8), b"\x00" * 7 + b"\x01", b"\x7f" * 8, b"\x80" + bytes(7), b"\xff" * 8]),
    st.sampled_from([bytes(24), b"\x01" + bytes(23), bytes(23) + b"\x01", b"\xff" * 24]),
)
ADDED = st.lists(st.tuples(st.sampled_from([b"", b"a", b"\xff"]), st.lists(NAMES, max_size=6)), max_size=12)


@given(added=ADDED, buffered=st.sampled_from([1, 300, 1 << 20]))
def test_rows_come_by_name_and_those_of_one_name_as_they_were_added(
    added: list[tuple[bytes, list[bytes]]], buffered: int
) -> None:
    expected: defaultdict[bytes, list[tuple[bytes, int]]] = defaultdict(list)
    number = 0
    with Sorting(ROWS, None, buffered) as sorting:
        for group, names in added:
            rows = list(zip(names, range(number, number + len(names)), strict=True))
            number += len(names)
            expected[group] += rows
            sorting.add(group, np.array(rows, ROWS))
        assert sorting.groups == sorted(expected)
        for group, rows in expected.items():
            found = [row.item() for part in sorting.ascending(group) for row in part]
            assert found == sorted(rows, key=lambda row: row[0])


def test_rows_of_one_name_are_never_in_two_parts(tmp_path: Path) -> None:
    count = 150_000
    rows = np.zeros(2 * count, ROWS)
    rows["name"] = np.frombuffer(os.urandom(32 * count) * 2, "V32")
    rows["number"] = np.arange(2 * count)
    with Sorting(ROWS, tmp_path, 1 << 20) as sorting:
        for first in range(0, len(rows), 10_000):
            sorting.add(b"", rows[first : first + 10_000])
        parts = list(sorting.ascending(b""))
    assert len(parts) > 1
    assert max(map(len, parts)) < count
    assert np.concatenate(parts).tolist() == sorted(rows.tolist())
    for part in parts:
        assert (part["name"][0::2] == part["name"][1::2]).all()


def test_nothing_stays_where_rows_waited(tmp_path: Path) -> None:
    with Sorting(ROWS, tmp_path, 1) as sorting:
        sorting.add(b"", np.zeros(1000, ROWS))
        assert sum(map(len, sorting.ascending(b""))) == 1000
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreFailed):
        Sorting(ROWS, tmp_path / "gone")
