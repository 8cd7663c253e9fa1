"""An index in memory, gone with the process: for tests and trials."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from galleria_storage.index.errors import IndexClosed
from galleria_storage.index.store import Batch, Table

Rows = dict[Table, dict[bytes, bytes]]


class MemoryIndex:
    """An Index in dictionaries. Open it again, as another one, on the `rows` of the first."""

    def __init__(self, rows: Rows | None = None) -> None:
        self.rows: Rows = rows or {table: {} for table in Table}
        self._lock = threading.Lock()
        self._closed = False

    def get(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        with self._lock:
            self._refuse_closed()
            return [self.rows[table].get(key) for key in keys]

    def scan(self, table: Table, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        with self._lock:
            self._refuse_closed()
            found = sorted(row for row in self.rows[table].items() if row[0].startswith(prefix))
        return self._until_closed(found)

    def apply(self, batch: Batch) -> None:
        with self._lock:
            self._refuse_closed()
            for table, key, value in batch:
                if value is None:
                    self.rows[table].pop(key, None)
                else:
                    self.rows[table][key] = value

    def close(self) -> None:
        self._closed = True

    def clear(self) -> None:
        with self._lock:
            self._refuse_closed()
            for rows in self.rows.values():
                rows.clear()

    def load(self, table: Table, rows: Iterable[tuple[bytes, bytes]]) -> None:
        self._refuse_closed()
        # Whoever makes the rows may read this index.
        found = list(rows)
        if any(key >= after for (key, _), (after, _) in pairwise(found)):
            raise ValueError(f"keys for {table.value} do not ascend")
        with self._lock:
            self._refuse_closed()
            self.rows[table].update(found)

    def _until_closed(self, rows: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for row in rows:
            self._refuse_closed()
            yield row

    def _refuse_closed(self) -> None:
        if self._closed:
            raise IndexClosed
