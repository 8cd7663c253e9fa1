"""Reads one volume from within work on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from galleria_storage.volume import Root, Source
    from galleria_storage.volume.core import Core
    from galleria_storage.volume.places import Loaded


class ForeignSource:
    """A source on another volume than the one that is worked on; `away` is entered while that is waited for."""

    def __init__(self, source: Source, away: Callable[[], AbstractContextManager[None]]) -> None:
        self._source = source
        self._away = away

    @property
    def root(self) -> Root:
        """The root."""
        return self._source.root

    def lies_on(self, core: Core) -> bool:
        """Whether the root lies on the volume of `core`."""
        return self._source.lies_on(core)

    def segments(self) -> Iterator[int]:
        """As the source."""
        return self._source.segments()

    def page(self, segment: int) -> bytes | None:
        """As the source."""
        with self._away():
            return self._source.page(segment)

    def load(self, names: Sequence[bytes]) -> Iterator[Loaded]:
        """As the source."""
        loaded = self._source.load(names)
        while True:
            with self._away():
                found = next(loaded, None)
            if found is None:
                return
            yield found
