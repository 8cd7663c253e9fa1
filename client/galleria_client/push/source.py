"""Where the bytes of a push come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from galleria_client.push.checksum import Checksum


class SegmentBytes(Protocol):
    """The bytes of one segment, readable until they are released."""

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill `target` with the bytes at `offset` of the segment. Any thread may call it.

        Raises:
            SourceError: they are no longer there or cannot be read.
        """

    def release(self) -> None:
        """They are not needed any more. May be called more than once."""


@dataclass(frozen=True, slots=True)
class ScannedSegment:
    """A segment that was cut and named.

    Attributes:
        number: which segment of the disk.
        end: where it ends in the disk, in bytes.
        page: its encoded page; None when the segment is one hole.
        name: name of the page, 32 bytes; None as `page`.
        content: its bytes, held for sending; None as `page`.
    """

    number: int
    end: int
    page: bytes | None
    name: bytes | None
    content: SegmentBytes | None


class Source(Protocol):
    """A disk to push. Used by one thread, but for the `content` of its segments."""

    path: str
    size: int | None
    """Bytes, None while a pipe has not ended."""
    can_repeat: bool
    """Whether `scan` may be called again from the start."""

    def scan(self, checksum: Checksum | None) -> Iterator[ScannedSegment]:
        """Read, cut and name all segments in order; sets `size` at the latest at the end.

        Raises:
            SourceError: it cannot be read, is not a disk, or changed.
        """

    def check_unchanged(self) -> None:
        """See that what was scanned is still what is there.

        Raises:
            SourceChanged: it is not.
        """

    def close(self) -> None:
        """Give everything back."""
