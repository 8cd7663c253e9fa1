"""Raw pushes: bytes in order of offset, cut and compressed on this side."""

from __future__ import annotations

from typing import Final

from galleria_storage.chunking import Cutter
from galleria_storage.compression import compress
from galleria_storage.digest import names_of
from galleria_storage.page import encode_page
from galleria_storage.volume.errors import OffsetRefused
from galleria_storage.volume.intake import stored_chunk
from galleria_storage.volume.stream import PushStream

_WINDOW: Final = 4 << 20
_LEVEL: Final = 1
_ZEROS: Final = bytes(1 << 20)


class RawStream:
    """Feeds a PushStream from raw bytes. For one thread at a time; memory is one window.

    A segment is offered when its last byte has come, or when a later one begins: what was left out is zeros.
    """

    def __init__(self, stream: PushStream) -> None:
        self._stream = stream
        self._rule = stream.rule
        self._segment = -1
        self._next = 0
        self._window = bytearray()
        self._pieces: list[int] = []
        self._names: list[bytes] = []
        self._cutter = Cutter(self._rule, self._rule.segment)
        self._fed = self._cut_to = self._pieced = 0

    def write(self, offset: int, data: bytes) -> None:
        """Take bytes that begin at `offset` in the disk. Raises OffsetRefused, and what a PushStream raises."""
        if self._segment < 0:
            if offset % self._rule.segment:
                raise OffsetRefused(
                    offset, f"a stream begins on a segment's border, a multiple of {self._rule.segment}"
                )
            self._next = offset
        if offset < self._next:
            raise OffsetRefused(offset, f"bytes up to {self._next} came before")
        if offset + len(data) > self._rule.max_disk:
            raise OffsetRefused(offset, f"a disk has at most {self._rule.max_disk} bytes")
        view = memoryview(data)
        while view:
            segment, start = divmod(offset, self._rule.segment)
            self._enter(segment)
            part = view[: self._rule.segment - start]
            self._fill(start)
            self._feed(part)
            offset += len(part)
            view = view[len(part) :]
        self._next = max(self._next, offset)

    def finish(self, size: int | None) -> None:
        """End the stream; `size` of the disk in bytes if this stream carries its last segment.

        Raises OffsetRefused when bytes lie past `size`, or when the last segment is neither whole nor the disk's end.
        """
        if size is not None:
            if size < self._next:
                raise OffsetRefused(self._next, f"the disk's size is {size}")
            self._reach_end(size)
        elif self._segment >= 0 and self._next % self._rule.segment:
            raise OffsetRefused(self._next, "a stream ends on a segment's border or at the disk's end")
        self._leave(self._rule.segment)
        self._stream.flush()

    def _reach_end(self, size: int) -> None:
        """Go up to the disk's end where that matters: in its last segment, if it is begun or too short for a hole."""
        last = (size - 1) // self._rule.segment
        end = size - last * self._rule.segment
        if last != self._segment:
            self._leave(self._rule.segment)
            if self._rule.blocks(end) >= self._rule.hole_blocks:
                return
            self._enter(last)
        self._leave(end)

    def _enter(self, segment: int) -> None:
        if segment != self._segment:
            self._leave(self._rule.segment)
            self._segment = segment
            self._cutter = Cutter(self._rule, self._rule.segment)
            self._fed = self._cut_to = self._pieced = 0

    def _fill(self, start: int) -> None:
        while self._fed < start:
            self._feed(memoryview(_ZEROS)[: min(len(_ZEROS), start - self._fed)])

    def _feed(self, part: memoryview) -> None:
        self._fed += len(part)
        self._window += part
        if len(self._window) >= _WINDOW:
            self._cut(final=False)

    def _leave(self, end: int) -> None:
        """The segment is over at `end`: fill it up, cut what is left, offer its page."""
        if self._segment < 0:
            return
        self._fill(end)
        self._cut(final=True)
        if self._names:
            if self._stream.crowded:
                # Whoever sends raw bytes cannot count segments, so this side waits.
                self._stream.flush()
            self._stream.offer_segment(self._segment, encode_page(self._pieces, self._names))
        self._segment, self._pieces, self._names = -1, [], []

    def _cut(self, *, final: bool) -> None:
        window = memoryview(bytes(self._window))
        pieces, used = self._cutter.cut(window, final)
        chunks = []
        for piece in pieces:
            # A hole is reported when it ends and may have begun windows ago.
            start = self._pieced - self._cut_to
            self._pieced += abs(piece)
            if piece > 0:
                chunks.append(window[start : start + piece])
        self._cut_to += used
        self._pieces.extend(pieces)
        self._store(chunks)
        del self._window[:used]

    def _store(self, chunks: list[memoryview]) -> None:
        names = names_of(chunks)
        self._names.extend(names)
        lengths = {name: len(chunk) for name, chunk in zip(names, chunks, strict=True)}
        needed = self._stream.need(lengths)
        fresh = {name: chunk for name, chunk in zip(names, chunks, strict=True) if name in needed}
        packed = compress(list(fresh.values()), _LEVEL)
        domain = self._stream.lease.domain
        stored = [
            stored_chunk(name, raw, payload, self._rule, domain)
            for (name, raw), payload in zip(fresh.items(), packed, strict=True)
        ]
        if stored:
            self._stream.claim(list(fresh))
            self._stream.store(stored, sum(len(item.header) + len(item.record.payload) for item in stored))
