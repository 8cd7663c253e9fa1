"""A pipe as output: the bytes in order."""

from __future__ import annotations

import mmap
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from galleria_client.output_errors import OutputUnwritable
from galleria_client.pull.segment import Segment
from galleria_client.pull.sink import Writes

HELD_SEGMENTS: Final = 2
"""Segments in memory: the one that is passed on and the one that arrives."""
ZEROS: Final = bytes(1 << 20)


class _Held:
    """A segment in memory, or a stretch of zeros; passed on once it is full."""

    def __init__(self, start: int, end: int, *, zeros: bool) -> None:
        self.start = start
        self.end = end
        self.full = zeros
        self.memory = None if zeros else mmap.mmap(-1, end - start)


class StreamSink:
    """Writes to a descriptor in ascending order, whatever order segments become complete in.

    Args:
        fd: open for writing; not closed.
        path: what messages call it.
        changed: the pull's condition, told when there is room again.
        ended: whether the pull has ended.
    """

    def __init__(self, fd: int, path: str, changed: threading.Condition, ended: Callable[[], bool]) -> None:
        self._fd = fd
        self._path = path
        self._changed = changed
        self._ended = ended
        self._held: deque[_Held] = deque()
        self._by_start: dict[int, _Held] = {}
        self._writing = threading.Lock()

    def begin(self, segment: Segment) -> bool:
        """As `Sink.begin`."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended() or len(self._by_start) < HELD_SEGMENTS)
            if self._ended():
                return False
            held = _Held(segment.start, segment.end, zeros=False)
            self._held.append(held)
            self._by_start[segment.start] = held
            return True

    def present(self, segment: Segment) -> list[int]:
        """As `Sink.present`."""
        return []

    def clear(self, start: int, end: int) -> None:
        """As `Sink.clear`: stretches between segments; holes inside them are zero from the start."""
        with self._changed:
            self._held.append(_Held(start, end, zeros=True))
        self._pass_on()

    def write(self, segment: Segment, writes: Writes) -> None:
        """As `Sink.write`."""
        memory = self._by_start[segment.start].memory
        if memory is None:
            raise AssertionError(segment.start)
        for position, data in writes:
            offset = position - segment.start
            memory[offset : offset + len(data)] = data

    def finish(self, segment: Segment) -> None:
        """As `Sink.finish`."""
        self._by_start[segment.start].full = True
        self._pass_on()

    def _pass_on(self) -> None:
        with self._writing:
            while (held := self._head()) is not None:
                if held.memory is None:
                    for position in range(held.start, held.end, len(ZEROS)):
                        self._write(memoryview(ZEROS)[: held.end - position])
                else:
                    self._write(memoryview(held.memory))
                with self._changed:
                    self._held.popleft()
                    self._by_start.pop(held.start, None)
                    self._changed.notify_all()

    def _head(self) -> _Held | None:
        with self._changed:
            return self._held[0] if self._held and self._held[0].full and not self._ended() else None

    def _write(self, data: memoryview) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done : done + len(ZEROS)])
        except OSError as error:
            raise OutputUnwritable(self._path, error.strerror or str(error)) from None
