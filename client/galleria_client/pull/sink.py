"""Where pulled bytes go."""

from __future__ import annotations

from typing import Protocol

from galleria_client.pull.segment import Segment

Writes = list[tuple[int, bytes]]
"""Positions in the disk and the bytes that belong there, ascending and without overlap."""


class Sink(Protocol):
    """Takes the content. `begin`, `clear` and `present` come from one thread, in order; `write` from several."""

    def begin(self, segment: Segment) -> bool:
        """Make ready for a segment; waits while too many are under way. False: the pull has ended."""

    def present(self, segment: Segment) -> list[int]:
        """Indexes of the segment's chunks that are in place already, checked against their names."""

    def clear(self, start: int, end: int) -> None:
        """These bytes are zero.

        Raises:
            OutputError: they cannot be written.
        """

    def write(self, segment: Segment, writes: Writes) -> None:
        """Put verified bytes in place.

        Raises:
            OutputError: they cannot be written.
        """

    def finish(self, segment: Segment) -> None:
        """All of the segment is in place.

        Raises:
            OutputError: it cannot be passed on.
        """


class NullSink:
    """Keeps nothing: for checking."""

    def begin(self, segment: Segment) -> bool:
        return True

    def present(self, segment: Segment) -> list[int]:
        return []

    def clear(self, start: int, end: int) -> None:
        pass

    def write(self, segment: Segment, writes: Writes) -> None:
        pass

    def finish(self, segment: Segment) -> None:
        pass
