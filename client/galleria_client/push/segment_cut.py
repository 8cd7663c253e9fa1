"""Cutting and naming one segment window by window."""

from __future__ import annotations

import time

from galleria_client.push.statistics import Statistics
from galleria_storage.chunking import Cutter
from galleria_storage.digest import names_of
from galleria_storage.layout import encode_page
from galleria_storage.rules import Rule


class SegmentCut:
    """The pieces of one segment so far.

    Args:
        rule: the rule to cut by.
        length: bytes of the segment, or `rule.segment` where the source's end is not known.
        statistics: takes times and the number of chunks.
    """

    def __init__(self, rule: Rule, length: int, statistics: Statistics) -> None:
        self._cutter = Cutter(rule, length)
        self._statistics = statistics
        self._lengths: list[int] = []
        self._names: list[bytes] = []
        self._open_hole = 0

    def take(self, window: memoryview, *, final: bool) -> int:
        """Cut and name what can be decided; returns how many bytes of the window are consumed."""
        began = time.perf_counter()
        lengths, consumed = self._cutter.cut(window, final)
        cut = time.perf_counter()
        self._names += names_of(self._chunks(window, lengths))
        self._lengths += lengths
        self._open_hole += consumed - sum(map(abs, lengths))
        self._statistics.spend(cut=cut - began, hash=time.perf_counter() - cut)
        return consumed

    def skip_hole(self, length: int) -> int:
        """Pass over zeros as `Cutter.skip_hole` does: 0 when done, else so many zeros must be taken first."""
        zeros = self._cutter.skip_hole(length)
        if not zeros:
            self._open_hole += length
        return zeros

    def page(self) -> bytes | None:
        """The encoded page after the final window; None when the segment is one hole."""
        self._statistics.count(chunks=len(self._names))
        return encode_page(self._lengths, self._names) if self._names else None

    def _chunks(self, window: memoryview, lengths: list[int]) -> list[memoryview]:
        chunks = []
        # A hole that ends here may have begun in an earlier window.
        position = -self._open_hole
        for length in lengths:
            if length > 0:
                chunks.append(window[position : position + length])
            position += abs(length)
        return chunks
