"""A store that fails when told to, for tests of what stands above it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from galleria_storage.errors import StorageError
from galleria_storage.objects.errors import translate
from galleria_storage.objects.store import ObjectInfo, ObjectStore, ObjectWriter, Space

if TYPE_CHECKING:
    from typing_extensions import Buffer

_OPERATIONS = frozenset({"create", "append", "commit", "abort", "read", "list", "delete", "replace", "space"})


class Plan:
    """When an operation fails, and how: `plan("append").fail(OSError(ENOSPC)).after(3).times(1)`.

    Without `after` the next call fails, without `times` every one from then on. An OSError is raised as the
    error a real store makes of it, any other exception as it is; the operation itself is not carried out.
    """

    def __init__(self) -> None:
        self._error: Exception | None = None
        self._spared = 0
        self._left: int | None = None

    def fail(self, error: Exception) -> Self:
        """Fail with this error."""
        self._error = error
        return self

    def after(self, calls: int) -> Self:
        """Let this many calls, from now on, pass first."""
        self._spared = calls
        return self

    def times(self, calls: int) -> Self:
        """Fail this many calls, then let all pass."""
        self._left = calls
        return self

    def next_error(self) -> Exception | None:
        """Count one call; the error it fails with, or None."""
        if self._error is None or self._left == 0:
            return None
        if self._spared:
            self._spared -= 1
            return None
        if self._left is not None:
            self._left -= 1
        return self._error


class FaultyObjectStore:
    """An ObjectStore over another one, with planned failures; `calls` counts the calls of each operation."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        self._plans: dict[str, list[Plan]] = {}
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()

    def plan(self, operation: str) -> Plan:
        """A new plan for a method of the store or of its writers. Raises ValueError for an unknown one."""
        if operation not in _OPERATIONS:
            message = f"no operation {operation!r}: one of {', '.join(sorted(_OPERATIONS))}"
            raise ValueError(message)
        with self._lock:
            plan = Plan()
            self._plans.setdefault(operation, []).append(plan)
        return plan

    def heal(self) -> None:
        """Forget all plans."""
        with self._lock:
            self._plans.clear()

    def meet(self, operation: str, name: str) -> None:
        """Count a call and raise what is planned for it; the first plan with an error to give wins."""
        with self._lock:
            self.calls[operation] += 1
            errors = [plan.next_error() for plan in self._plans.get(operation, [])]
        for error in errors:
            if isinstance(error, OSError):
                raise translate(name, operation, error) from error
            if error is not None:
                raise error

    def create(self, name: str) -> ObjectWriter:
        self.meet("create", name)
        return _FaultyWriter(self, name, self._inner.create(name))

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        self.meet("read", name)
        return self._inner.read(name, offset, length)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.meet("list", prefix)
        return self._inner.list(prefix)

    def delete(self, name: str) -> bool:
        self.meet("delete", name)
        return self._inner.delete(name)

    def replace(self, name: str, data: bytes) -> None:
        self.meet("replace", name)
        self._inner.replace(name, data)

    def space(self) -> Space:
        self.meet("space", "")
        return self._inner.space()


class _FaultyWriter:
    def __init__(self, store: FaultyObjectStore, name: str, inner: ObjectWriter) -> None:
        self._store = store
        self._name = name
        self._inner = inner
        self._failure: StorageError | None = None

    @property
    def size(self) -> int:
        return self._inner.size

    def append(self, data: Buffer) -> None:
        self._meet("append")
        self._inner.append(data)

    def commit(self) -> None:
        self._meet("commit")
        self._inner.commit()

    def abort(self) -> None:
        # Aborting never raises for a store's failure, so a planned one only leaves the rest behind.
        try:
            self._store.meet("abort", self._name)
        except StorageError:
            return
        self._inner.abort()

    def _meet(self, operation: str) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self._store.meet(operation, self._name)
        except StorageError as error:
            self._failure = error
            raise
