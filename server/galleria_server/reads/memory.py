"""Which chunks an answer has carried already."""

from __future__ import annotations

from collections.abc import Iterable

# Bounds the memory of a pull to about 30 MB whatever the image; what is forgotten is sent again.
MOST = 250_000


class SentNames:
    """The first `most` names that were sent."""

    def __init__(self, most: int = MOST) -> None:
        self._names: set[bytes] = set()
        self._most = most

    def new(self, names: Iterable[bytes]) -> list[bytes]:
        """The distinct names that are not remembered, in order; they are from now on, as long as there is room."""
        fresh = [name for name in dict.fromkeys(names) if name not in self._names]
        self._names.update(fresh[: self._most - len(self._names)])
        return fresh
