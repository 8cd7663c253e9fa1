"""What can go wrong in an index."""

from __future__ import annotations

from pathlib import Path

from galleria_storage.errors import StorageError


class _IndexError(StorageError):
    """An error of the index at `path`, with the engine's own words as `reason`."""

    problem = ""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"index {self.path} {self.problem}: {self.reason}"


class IndexDamaged(_IndexError):
    """The index is missing, incomplete or corrupt: make it anew and rebuild it."""

    problem = "is damaged or missing"


class IndexLocked(_IndexError):
    """Somebody has the index open already, in this process or another."""

    problem = "is in use"


class IndexFailed(_IndexError):
    """The disk under the index refused or failed; nothing is known to be wrong with the index itself."""

    problem = "cannot be used"


class IndexClosed(StorageError):
    """The index was closed before this call, or while a scan was under way."""

    def __str__(self) -> str:
        return "the index is closed"
