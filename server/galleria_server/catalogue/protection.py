"""What locks forbid. Every write passes here: those of the catalogue in `writes`, others by themselves."""

from __future__ import annotations

from galleria_server.domain.errors import ScopeLocked
from galleria_server.domain.locks import Effect, forbidding
from galleria_server.domain.scopes import Scope
from galleria_server.metadata import resource_locks
from galleria_server.metadata.engine import Transaction


def check(transaction: Transaction, scope: Scope, effect: Effect) -> None:
    """Raises ScopeLocked, for the most restrictive of the locks that forbid to do that to the scope.

    Those in force are on the scope or on one that it lies in, whether the scope is there or yet to be made; for a
    deletion also those on what lies in it. Call in the transaction that writes.
    """
    found = blocking(transaction, scope, effect)
    if found:
        raise found[0]


def blocking(transaction: Transaction, scope: Scope, effect: Effect) -> list[ScopeLocked]:
    """What `check` would refuse it with, for each lock that forbids it."""
    found = forbidding(resource_locks.in_force(transaction, scope, within=effect is Effect.DELETE), effect)
    others = len(found) - 1
    return [
        ScopeLocked(str(scope), effect.value, str(lock.name.scope), lock.name.lock, lock.spec.level.value, others)
        for lock in found
    ]
