"""Very many keys in ascending order, to be asked which of others are among them."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from galleria_storage.packs.arrays import Offsets, Truths

Keys: TypeAlias = "npt.NDArray[np.uint64]"

_KEY_BITS: Final = 64
_STRETCH_BITS: Final = 4


class SortedKeys:
    """Keys are digests, so their first bits tell nearly where one lies: 16 keys or so are left to be searched.

    A search through all of them is fifteen times slower: hardly any of its steps finds what it looks at in a cache. The
    table for it takes about half a byte a key.
    """

    def __init__(self, keys: Keys) -> None:
        """Of `keys` in ascending order."""
        self.keys = keys
        bits = max(1, len(keys).bit_length() - _STRETCH_BITS)
        self._shift = np.uint64(_KEY_BITS - bits)
        firsts = np.searchsorted(keys, np.arange(1 << bits, dtype=np.uint64) << self._shift)
        self._starts = np.append(firsts, len(keys)).astype(np.int64)
        self._steps = int(np.diff(self._starts).max()).bit_length()

    def among(self, keys: Keys) -> Truths:
        """Which of some keys, in any order, are among these."""
        return self.find(keys)[0]

    def find(self, keys: Keys) -> tuple[Truths, Offsets]:
        """Which of some keys, in any order, are among these, and the number here of each that is."""
        if not len(self.keys):
            return np.zeros(len(keys), np.bool_), np.zeros(len(keys), np.int64)
        stretch = (keys >> self._shift).astype(np.int64)
        low, high = self._starts.take(stretch), self._starts.take(stretch + 1)
        last = len(self.keys) - 1
        for _ in range(self._steps):
            middle = (low + high) >> 1
            # Where nothing is left to be searched, what lies there is no less than the key, or the last.
            above = self.keys.take(np.minimum(middle, last)) < keys
            low, high = np.where(above, middle + 1, low), np.where(above, high, middle)
        at = np.minimum(low, last)
        found: Truths = self.keys.take(at) == keys
        return found, at
