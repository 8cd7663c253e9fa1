"""SHA-256 of a raw stream whose holes are known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

_ZEROS: Final = bytes(4 << 20)


class Checksum:
    """SHA-256 of everything fed, in order; zeros need no buffer of the caller's. Single-threaded."""

    def __init__(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        self._hash = hashlib.sha256()
        self._interrupted = interrupted

    def feed(self, data: memoryview) -> None:
        """The stream's next bytes."""
        self._hash.update(data)

    def feed_zeros(self, length: int) -> None:
        """The stream's next `length` bytes are zero. Ends early when interrupted: terabytes take minutes."""
        whole, rest = divmod(length, len(_ZEROS))
        for _ in range(whole):
            if self._interrupted():
                return
            self._hash.update(_ZEROS)
        self._hash.update(_ZEROS[:rest])

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()
