"""Records that are gathered in another order are those that were asked for, and none that is not good."""

from __future__ import annotations

import errno
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from galleria_storage.digest import name_of
from galleria_storage.objects.faulty import FaultyObjectStore
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs.format import DATA, PackId
from galleria_storage.records import CHUNK, HEADER_SIZE, encode_header
from galleria_storage.volume.gathering import gather
from galleria_storage.volume.places import Places
from galleria_storage.volume.rows import ChunkRow
from tests.storage.test_places import GAP, value

LAID = st.lists(st.tuples(st.integers(1, 2), st.sampled_from([0, 0, 0, 1, GAP + 1])), min_size=1, max_size=12)
"""Of each record the number of its pack and the gap before it."""


class Laid:
    """Records, all of one size, in packs of a store; some of them spoilt, and the last pack perhaps cut short."""

    def __init__(self, laid: list[tuple[int, int]], spoilt: set[int], cut: int) -> None:
        self.records: dict[bytes, bytes] = {}
        self.good: set[bytes] = set()
        rows: dict[bytes, ChunkRow] = {}
        packs = {number: bytearray(48) for number, _ in laid}
        for i, (number, gap) in enumerate(laid):
            payload = random.Random(i).randbytes(50)
            name, pack = name_of(payload), packs[number]
            pack += bytes(gap)
            rows[name] = ChunkRow(1, number, len(pack), len(payload), len(payload), 0, 1, 0)
            self.records[name] = encode_header(CHUNK, 0, 1, 0, 0, len(payload), name, payload) + payload
            pack += self.records[name]
            if i in spoilt:
                pack[-1 - i] ^= 1
        del packs[max(packs)][len(packs[max(packs)]) - cut :]
        for i, (name, row) in enumerate(rows.items()):
            if i not in spoilt and row.offset + HEADER_SIZE + row.stored_length <= len(packs[row.number]):
                self.good.add(name)
        self.store = FaultyObjectStore(MemoryObjectStore())
        for number, pack in packs.items():
            self.store.replace(PackId(1, number).object_name(DATA), bytes(pack))
        self.places = Places.of(CHUNK, list(rows), [value(row) for row in rows.values()])

    def check(self, order: list[int]) -> None:
        asked = self.places[np.array(order)]
        gathered, lost = gather(self.store, asked, lambda: None)
        names = asked.names.tolist()
        assert gathered.places.names.tolist() == [name for name in names if name in self.good]
        assert b"".join(gathered.frames) == b"".join(self.records[name] for name in names if name in self.good)
        assert lost == [name for name in names if name not in self.good]


@given(LAID, st.sets(st.integers(0, 11)), st.sampled_from([0, 0, 1, 200]), st.data())
def test_records_come_in_the_order_asked_for_without_those_that_are_not_good(
    laid: list[tuple[int, int]], spoilt: set[int], cut: int, draw: st.DataObject
) -> None:
    Laid(laid, spoilt, cut).check(draw.draw(st.permutations(range(len(laid)))))


@given(LAID, st.sets(st.integers(0, 11)), st.integers(0, 3), st.data())
def test_what_cannot_be_read_as_a_whole_is_read_in_parts(
    laid: list[tuple[int, int]], spoilt: set[int], after: int, draw: st.DataObject
) -> None:
    found = Laid(laid, spoilt, 0)
    found.store.plan("read").fail(OSError(errno.EIO, "bad sector")).after(after).times(1)
    found.check(draw.draw(st.permutations(range(len(laid)))))


def test_what_lies_back_to_back_and_stays_so_is_not_taken_apart() -> None:
    found = Laid([(1, 0)] * 6, set(), 0)
    gathered, _ = gather(found.store, found.places[np.array([3, 4, 5, 0, 1, 2])], lambda: None)
    assert [len(frame) for frame in gathered.frames] == [3 * (HEADER_SIZE + 50)] * 2
