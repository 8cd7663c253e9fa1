"""What a copy and a repair read from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from galleria_storage.roots import Root
    from galleria_storage.volume.core import Core
    from galleria_storage.volume.places import Loaded


class Source(Protocol):
    """A root that is read. `page` and `load` may wait for the disk, the rest does not."""

    @property
    def root(self) -> Root:
        """The root."""
        ...

    def lies_on(self, core: Core) -> bool:
        """Whether the root lies on the volume of `core`."""
        ...

    def segments(self) -> Iterator[int]:
        """Numbers of the segments that are not empty, in order."""
        ...

    def page(self, segment: int) -> bytes | None:
        """The page of a segment, checked against its name; None if the segment is empty.

        Raises SegmentOutside, RecordsUnreadable, StoreFailed, LeaseLapsed.
        """
        ...

    def load(self, names: Sequence[bytes]) -> Iterator[Loaded]:
        """Records of chunks by names that were taken from this root's pages, checked, in the order in which they lie.

        Raises RecordsUnreadable at the end, with the names that could not be read; else as `page`.
        """
        ...
