"""Cutting a segment into chunks and holes by a rule (FORMAT.md section 1), window by window or at once."""

from __future__ import annotations

from xxhash import xxh64_intdigest

from galleria_storage.rules import Rule
from galleria_storage.zero_runs import holes, run_end, run_start


def cut_by_hash(view: memoryview, start: int, end: int, rule: Rule, lengths: list[int]) -> int:
    """Append to `lengths` the chunks that end by rule in `view[start:end]`, which holds no hole.

    Args:
        view: the bytes; `start` is the start of a chunk.
        end: the start of a block, or the end of the view, where a short block counts as a block.
        start: as above.
        rule: the rule.
        lengths: takes the chunks' lengths in bytes.

    Returns:
        Where the rest begins that does not end by rule, less than a longest chunk; `end` when nothing is left.
    """
    # This loop decides the speed of a scan: blocks that cannot end a chunk are never hashed.
    digest, block, early, late = xxh64_intdigest, rule.block, rule.early_mask, rule.late_mask
    to_early, to_late = block * (rule.min_blocks - 1), block * (rule.mid_blocks - 1)
    to_last = block * (rule.max_blocks - 1)
    while start < end:
        for position in range(start + to_early, min(start + to_late, end), block):
            if not digest(view[position : position + block]) & early:
                break
        else:
            for position in range(start + to_late, min(start + to_last, end), block):
                if not digest(view[position : position + block]) & late:
                    break
            else:
                position = start + to_last
                if position >= end:
                    break
        stop = min(position + block, end)
        lengths.append(stop - start)
        start = stop
    return start


class Cutter:
    """Cuts one segment whose bytes come in windows; the pieces do not depend on how they are windowed.

    The caller keeps one buffer: it puts what `cut` did not consume at the front of the next window and fills up
    behind it. That tail is less than `rule.max_chunk` plus `rule.hole_blocks` blocks, so a window larger than that
    always gets on.

    Where the source is known to have zeros (SEEK_HOLE), the caller may leave them out, see `skip_hole`.
    """

    __slots__ = ("_hole", "_position", "_rest", "_rule", "_segment_length")

    def __init__(self, rule: Rule, segment_length: int) -> None:
        """Start at the first byte of a segment.

        Args:
            rule: the rule to cut by.
            segment_length: bytes of the segment, or `rule.segment` where the source's end is not known: a `final`
                window may then end it sooner.
        """
        self._rule = rule
        self._segment_length = segment_length
        self._position = 0
        self._hole = 0
        self._rest = 0

    def cut(self, window: memoryview, final: bool) -> tuple[list[int], int]:  # noqa: FBT001 - or `final=` by name
        """Cut what can be decided.

        Args:
            window: the segment's next bytes, beginning with those that the last call did not consume.
            final: the window reaches the end of the segment.

        Returns:
            The lengths in bytes of the pieces that are decided, in order, a hole's negative; and how many bytes of
            the window are consumed. A hole that may go on is consumed but reported only when it ends, as one piece.
            With `final` everything is consumed and reported.

        Raises:
            ValueError: the window goes past the segment's end.
        """
        if self._position + len(window) > self._segment_length:
            raise ValueError(f"{self._position + len(window)} bytes in a segment of {self._segment_length}")
        end = len(window) if final else len(window) - len(window) % self._rule.block
        lengths: list[int] = []
        start = self._go_on_with_hole(window, end, lengths, final=final)
        if not self._hole:
            start = self._cut_data(window, start, end, lengths, final=final)
        self._position += start
        self._rest = len(window) - start
        return lengths, start

    def skip_hole(self, length: int) -> int:
        """Pass over the next `length` bytes, which follow all the bytes fed so far and are known to be zero.

        The pieces are those that feeding the zeros would give: zero blocks fed before and after join the hole, and
        fewer than `rule.hole_blocks` zero blocks become part of chunks. So the skip is possible only once the cutter
        is inside a hole, which feeding the first `rule.min_hole` bytes of it brings about:

            while length:
                zeros = cutter.skip_hole(length)
                if not zeros:
                    break
                append `zeros` zero bytes to the window and cut it; length -= zeros

        Returns:
            0 when all `length` bytes have been passed over. Otherwise nothing has, and so many zero bytes, at most
            `length`, must first go through `cut` as data (together with its unconsumed tail, as ever).

        Raises:
            ValueError: `length` is not a positive multiple of the block and does not end with the segment, or goes
                past its end.
        """
        after = self._position + self._rest + length
        if length <= 0 or after > self._segment_length or (length % self._rule.block and after < self._segment_length):
            raise ValueError(f"a hole of {length} bytes up to {after} in a segment of {self._segment_length}")
        if not self._hole or self._rest:
            return min(length, self._rule.min_hole)
        self._hole += length
        self._position += length
        return 0

    def _go_on_with_hole(self, window: memoryview, end: int, lengths: list[int], *, final: bool) -> int:
        """Extend the open hole, if there is one, and close it where it ends; returns where the rest begins."""
        if not self._hole:
            return 0
        start = run_end(window, 0, end, self._rule)
        self._hole += start
        if start < end or final:
            lengths.append(-self._hole)
            self._hole = 0
        return start

    def _cut_data(self, window: memoryview, start: int, end: int, lengths: list[int], *, final: bool) -> int:
        """Cut from the start of a chunk or hole on; leaves a hole open when it reaches the end of the window."""
        rule = self._rule
        for first, last in holes(window, start, end, rule):
            _cut_stretch(window, start, first, rule, lengths)
            start = last
            if last == end and not final:
                self._hole = last - first
                return end
            lengths.append(first - last)
        if final:
            _cut_stretch(window, start, end, rule, lengths)
            return end
        # Zero blocks at the end may turn out to be the start of a hole, which would end the stretch before them.
        return cut_by_hash(window, start, run_start(window, start, end, rule), rule, lengths)


def _cut_stretch(view: memoryview, start: int, end: int, rule: Rule, lengths: list[int]) -> None:
    """Cut a whole stretch between holes; its end cuts too."""
    rest = cut_by_hash(view, start, end, rule, lengths)
    if rest < end:
        lengths.append(end - rest)


def cut_segment(data: bytes | memoryview, rule: Rule) -> list[int]:
    """The pieces of a whole segment: lengths in bytes, in order, a hole's negative.

    Raises:
        ValueError: `data` is longer than a segment.
    """
    return Cutter(rule, rule.segment).cut(memoryview(data), final=True)[0]
