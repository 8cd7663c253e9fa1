"""Operations: work that outlives its call."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, tuple_, update

from galleria_server.domain.models import Failure, Operation, OperationState
from galleria_server.metadata.columns import Time
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import operations


def find(transaction: Transaction, uid: UUID) -> Operation | None:
    """The operation with that uid."""
    row = transaction.execute(select(operations).where(operations.c.uid == uid)).one_or_none()
    return None if row is None else _operation(row)


def running_on(transaction: Transaction, target_uid: UUID) -> list[Operation]:
    """The running operations on a resource, oldest first."""
    statement = select(operations).where(
        operations.c.target_uid == target_uid, operations.c.state == OperationState.RUNNING
    )
    return [_operation(row) for row in transaction.execute(statement.order_by(operations.c.create_time))]


def page(transaction: Transaction, before: tuple[datetime, UUID] | None, limit: int) -> list[Operation]:
    """Up to `limit` operations, newest first, those older than `before` (creation time and uid)."""
    statement = select(operations).order_by(operations.c.create_time.desc(), operations.c.uid.desc()).limit(limit)
    if before is not None:
        position = tuple_(operations.c.create_time, operations.c.uid, types=(Time, operations.c.uid.type))
        statement = statement.where(position < before)
    return [_operation(row) for row in transaction.execute(statement)]


def add(transaction: Transaction, operation: Operation) -> None:
    """Add a running operation."""
    values = asdict(operation)
    transaction.execute(insert(operations).values(values))


def finish(
    transaction: Transaction, uid: UUID, state: OperationState, end_time: datetime, failure: Failure | None = None
) -> bool:
    """End a running operation. False: it had ended before, nothing was written."""
    statement = update(operations).where(operations.c.uid == uid, operations.c.state == OperationState.RUNNING)
    values = {"state": state, "end_time": end_time, "failure": None if failure is None else asdict(failure)}
    return transaction.execute(statement.values(values)).rowcount == 1


def request_cancel(transaction: Transaction, uid: UUID) -> None:
    """Note that somebody wants a running operation to end."""
    statement = update(operations).where(operations.c.uid == uid, operations.c.state == OperationState.RUNNING)
    transaction.execute(statement.values(cancel_requested=True))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Forget an operation."""
    transaction.execute(delete(operations).where(operations.c.uid == uid))


def _operation(row: Row[tuple[object, ...]]) -> Operation:
    return Operation(
        uid=row.uid,
        verb=row.verb,
        target_uid=row.target_uid,
        target=row.target,
        state=row.state,
        cancel_requested=row.cancel_requested,
        failure=None if row.failure is None else Failure(**row.failure),
        create_time=row.create_time,
        end_time=row.end_time,
        begun_bytes=row.begun_bytes,
    )
