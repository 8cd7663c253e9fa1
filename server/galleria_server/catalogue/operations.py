"""Operations with what they work on: get, list, cancel, delete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from galleria_server.catalogue import protection
from galleria_server.catalogue.settlement import settle_version
from galleria_server.catalogue.versions import VersionView, view
from galleria_server.domain.errors import NotFound, WrongState
from galleria_server.domain.locks import Effect
from galleria_server.domain.models import Operation, Verb
from galleria_server.domain.names import format_operation
from galleria_server.metadata import copies, operations, versions
from galleria_server.metadata.engine import Transaction

KIND = "operation"


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation and the version that it works on; None when that is gone."""

    operation: Operation
    target: VersionView | None

    @property
    def uid(self) -> UUID:
        """The operation's uid."""
        return self.operation.uid


def get(transaction: Transaction, uid: UUID) -> OperationView:
    """The operation with that uid. Raises NotFound."""
    return look(transaction, require(transaction, uid))


def look(transaction: Transaction, operation: Operation) -> OperationView:
    """The operation with the version that it works on."""
    version = versions.find_by_uid(transaction, operation.target_uid)
    return OperationView(operation, None if version is None else view(transaction, version))


def page(transaction: Transaction, before: tuple[datetime, UUID] | None, limit: int) -> list[OperationView]:
    """Up to `limit` operations, newest first, those older than `before`."""
    return [look(transaction, operation) for operation in operations.page(transaction, before, limit)]


def require(transaction: Transaction, uid: UUID) -> Operation:
    """The operation with that uid. Raises NotFound."""
    operation = operations.find(transaction, uid)
    if operation is None:
        raise NotFound(KIND, format_operation(uid))
    return operation


def cancel(transaction: Transaction, uid: UUID, now: datetime) -> None:
    """End a running creation: copies that are not ready are given up, the version becomes FAILED.

    An operation that has ended stays as it is. Raises NotFound, WrongState for a deletion, ScopeLocked.
    """
    operation = require(transaction, uid)
    if operation.done:
        return
    if operation.verb is Verb.DELETE:
        raise WrongState(KIND, format_operation(uid), "a deletion", "a creation")
    target = versions.find_by_uid(transaction, operation.target_uid)
    if target is not None:
        protection.check(transaction, target.name, Effect.CHANGE)
    operations.request_cancel(transaction, uid)
    copies.fail_unfinished(transaction, operation.target_uid, "cancelled")
    settle_version(transaction, operation.target_uid, now)


def remove(transaction: Transaction, uid: UUID) -> None:
    """Forget an operation that has ended. Raises NotFound, WrongState while it runs."""
    operation = require(transaction, uid)
    if not operation.done:
        raise WrongState(KIND, format_operation(uid), operation.state.value, "ended")
    operations.drop(transaction, uid)
