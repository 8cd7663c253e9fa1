"""A sorted table of the chunks of seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Self

import numpy as np
import numpy.typing as npt

_ENTRY: Final = np.dtype([("word", "<u4"), ("prefix", "<u8"), ("rest", "V24")])
_HOLE: Final = 1 << 31

_Column = npt.NDArray[np.uint64]


class SeedTable:
    """Where chunks lie, by the first 8 bytes of their names: 16 bytes a chunk. A find is a hint, to be checked."""

    def __init__(self, prefixes: _Column, places: _Column) -> None:
        """Columns of equal length, in any order."""
        order = np.argsort(prefixes, kind="stable")
        self._prefixes, self._places = prefixes[order], places[order]

    @classmethod
    def empty(cls) -> Self:
        """No chunks."""
        return cls(np.empty(0, np.uint64), np.empty(0, np.uint64))

    def joined(self, pages: Iterable[tuple[bytes, int]]) -> SeedTable:
        """These chunks and behind them those of encoded pages, each page with the place of its first byte."""
        columns = [(self._prefixes, self._places), *(_chunks_of(page, start) for page, start in pages)]
        prefixes, places = zip(*columns, strict=True)
        return SeedTable(np.concatenate(prefixes), np.concatenate(places))

    def places(self, names: Sequence[bytes]) -> Iterable[tuple[int, int]]:
        """Position in `names` and place of each name that may be here."""
        if not names or not len(self._prefixes):
            return []
        keys = np.array([int.from_bytes(name[:8], "little") for name in names], np.uint64)
        at = np.minimum(np.searchsorted(self._prefixes, keys), len(self._prefixes) - 1)
        hits = np.nonzero(self._prefixes[at] == keys)[0]
        return zip(hits.tolist(), self._places[at[hits]].tolist(), strict=True)


def _chunks_of(page: bytes, start: int) -> tuple[_Column, _Column]:
    """Name prefixes and places of the chunks of an encoded page."""
    entries = np.frombuffer(page, _ENTRY)
    words = entries["word"].astype(np.uint64)
    lengths = words & np.uint64(_HOLE - 1)
    places = np.cumsum(lengths, dtype=np.uint64) - lengths + np.uint64(start)
    is_chunk = words < _HOLE
    return entries["prefix"][is_chunk].astype(np.uint64), places[is_chunk]
