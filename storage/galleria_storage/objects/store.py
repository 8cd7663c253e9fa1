"""The seam between a volume and the place where its bytes lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ObjectInfo(NamedTuple):
    """A committed object: its name and its size in bytes."""

    name: str
    size: int


class Space(NamedTuple):
    """Room of a store in bytes: all there is, and what is free for us."""

    total: int
    free: int


class ObjectWriter(Protocol):
    """An object that grows and is not visible yet. One thread at a time.

    After append or commit has raised one of the errors below, what was written is in doubt: the writer raises
    the same error for every later append or commit, and only abort is left.
    """

    def append(self, data: Buffer) -> None:
        """Add bytes at the end; `data` is any C-contiguous buffer and may be reused when the call returns.

        Raises StoreFull, StoreFailed, WriterClosed; TypeError, with nothing added, for another kind of buffer.
        """
        ...

    def commit(self) -> None:
        """Make the object durable, then visible under its name, whole; durable as to its name on return.

        Raises ObjectExists if the name was taken meanwhile, with nothing replaced; StoreFull, StoreFailed,
        WriterClosed. After StoreFailed the name may or may not be taken: never use it again.
        """
        ...

    def abort(self) -> None:
        """Drop what was written. Idempotent, never raises for a store's failure, a no-op after commit."""
        ...

    @property
    def size(self) -> int:
        """Bytes appended so far, the offset of the next append."""
        ...


class ObjectStore(Protocol):
    """Named byte strings that become visible whole and are never changed by a writer. Safe for many threads.

    A name is `FOLDER/NAME`, or `NAME.EXT` outside folders, of [A-Za-z0-9._-]: no dot in FOLDER nor in front,
    120 characters a part at most; `index` and `tmp` are no folders of objects. Every method that takes a name
    raises InvalidObjectName for anything else, and any method StoreFailed when the place below fails.
    """

    def create(self, name: str) -> ObjectWriter:
        """Start a new object. Several writers of one name may grow side by side, one of them can commit.

        Raises ObjectExists, StoreFull.
        """
        ...

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        """Bytes of a committed object from `offset`, to its end without `length`; None if there is no object.

        Shorter than `length` only where the object ends, so empty at or past its end. Raises ValueError for a
        negative offset or length.
        """
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Committed objects whose name begins with `prefix`, sorted by name.

        Objects committed or deleted while the iterator is in use may or may not appear.
        """
        ...

    def delete(self, name: str) -> bool:
        """Remove an object durably; False if there was none. A read under way ends with the old bytes or None.

        After StoreFailed the object may or may not be there.
        """
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Set a small object's whole content, atomically and durably, whether it was there or not.

        A reader and a crash see the old or the new content. Raises StoreFull.
        """
        ...

    def space(self) -> Space:
        """How much room the store has."""
        ...


def check_range(offset: int, length: int | None) -> None:
    """Refuse what is no range. Raises ValueError."""
    if offset < 0 or (length is not None and length < 0):
        message = f"no range: offset {offset}, length {length}"
        raise ValueError(message)


def flat(data: Buffer) -> memoryview:
    """The buffer as bytes in a row, without a copy. Raises TypeError if it is not C-contiguous."""
    view = memoryview(data)
    if not view.c_contiguous:
        message = "the buffer is not C-contiguous"
        raise TypeError(message)
    return view.cast("B") if view.nbytes else memoryview(b"")
