"""The seam between a volume and the engine that keeps its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Protocol


class Table(Enum):
    """The tables of an index; each has its own keys."""

    CHUNKS = "chunks"
    SCOPES = "scopes"
    PACKS = "packs"
    ROOTS = "roots"
    LEASES = "leases"
    META = "meta"


Change = tuple[Table, bytes, bytes | None]
"""One row to set: table, key, value; or with no value to delete."""


class Batch:
    """Changes that are made together, in the order given: of two for one key, the later one counts."""

    def __init__(self) -> None:
        self._changes: list[Change] = []

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        """Set a row."""
        self._changes.append((table, key, value))

    def delete(self, table: Table, key: bytes) -> None:
        """Remove a row; nothing happens if it is not there."""
        self._changes.append((table, key, None))

    def __len__(self) -> int:
        """Number of changes."""
        return len(self._changes)

    def __iter__(self) -> Iterator[Change]:
        """The changes in order."""
        return iter(self._changes)


class Index(Protocol):
    """Ordered tables of rows, from bytes to bytes. Safe for many threads.

    Reads see every batch whose apply has returned. Each method raises IndexClosed after close, IndexDamaged
    where stored rows turn out to be corrupt, IndexFailed where the disk fails.
    """

    def get(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        """The value of each key, in the order of the keys; None where there is no row."""
        ...

    def scan(self, table: Table, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Rows whose key begins with `prefix`, in the order of their bytes, as they were when scan was called.

        Drop the iterator soon: it holds old rows on disk. After close it raises IndexClosed.
        """
        ...

    def apply(self, batch: Batch) -> None:
        """Make all changes of a batch, or none: durable when it returns, visible to all readers at once.

        After IndexFailed the batch may or may not be there when the index is opened again.
        """
        ...

    def close(self) -> None:
        """Free everything, so that the index can be opened again. Idempotent."""
        ...

    def clear(self) -> None:
        """Empty all tables, durably."""
        ...

    def load(self, table: Table, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Set very many rows, whose keys ascend strictly: all of them or none, durable when it returns.

        Memory does not grow with them where the index is on a disk. Whoever makes them may read the index and change
        other tables. Raises ValueError where a key does not ascend;
        what `rows` raises leaves the index as it was.
        """
        ...


def prefix_end(prefix: bytes) -> bytes | None:
    """The first key after all that begin with `prefix`; None if they reach to the end of the table."""
    head = prefix.rstrip(b"\xff")
    return head[:-1] + bytes([head[-1] + 1]) if head else None
