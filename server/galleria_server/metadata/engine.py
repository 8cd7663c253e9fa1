"""The connection to the metadata database: SQLite in one file, one writer at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import pysqlite3.dbapi2
from sqlalchemy import Connection, Engine, create_engine, event

from galleria_server.executor import BoundedExecutor

P = ParamSpec("P")
T = TypeVar("T")

Transaction = Connection
"""What the functions of this package take first: an open transaction. Others pass it on and never look inside."""

DATABASE_FILE = "galleria.db"
_PRAGMAS = ("busy_timeout = 30000", "foreign_keys = ON", "temp_store = MEMORY")


class Database:
    """The database in `folder`, which must exist. Thread-safe; every call blocks on disk."""

    def __init__(self, folder: Path, readers: int = 4) -> None:
        self.path = folder / DATABASE_FILE
        # A change that was answered survives a loss of power, hence FULL.
        self._writer = _engine(self.path, 1, "BEGIN IMMEDIATE", ("journal_mode = WAL", "synchronous = FULL"))
        self._readers = _engine(self.path, readers, "BEGIN", ("query_only = ON",))
        # Writers wait here, in order, rather than poll the file's lock.
        self._turn = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that may write: committed at the end, rolled back by an exception."""
        with self._turn, self._writer.begin() as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that sees one moment and writes nothing. The file must exist: write first."""
        with self._readers.connect() as transaction:
            yield transaction

    def close(self) -> None:
        """Close all connections; running transactions must have ended."""
        self._readers.dispose()
        self._writer.dispose()


class MetadataPool:
    """The database behind a bounded pool, for the event loop. `function` gets the transaction first.

    A transaction never spans an await. Raises ServerBusy when too many wait, and what `function` raises.
    """

    def __init__(self, database: Database, executor: BoundedExecutor) -> None:
        self._database = database
        self._executor = executor

    async def read(self, function: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a transaction of its own that only reads."""
        return await self._executor.run(self._read, function, args, kwargs)

    async def write(self, function: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a transaction of its own; it is committed when this returns."""
        return await self._executor.run(self._write, function, args, kwargs)

    def _read(self, function: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        with self._database.reading() as transaction:
            return function(transaction, *args, **kwargs)

    def _write(self, function: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        with self._database.writing() as transaction:
            return function(transaction, *args, **kwargs)


def _engine(path: Path, connections: int, begin: str, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        f"sqlite+pysqlite:///{path}", module=pysqlite3.dbapi2, pool_size=connections, max_overflow=0, pool_timeout=60
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401  # a DB-API connection
        connection.isolation_level = None
        for pragma in (*_PRAGMAS, *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
