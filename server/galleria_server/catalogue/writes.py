"""What all writes share: repeats by request id, checks without a change, etags."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from galleria_server.catalogue import protection
from galleria_server.domain.errors import EtagMismatch, MoveNotSupported, RequestIdReused
from galleria_server.domain.locks import Effect
from galleria_server.domain.scopes import Scope
from galleria_server.metadata import requests
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.requests import Answered, RequestKey


@dataclass(frozen=True, slots=True)
class Write:
    """How a write was asked for, and what it does to which scope; None where nothing can be locked.

    `fingerprint` is a digest of the request without its request id.
    """

    method: str
    scope: Scope | None
    effect: Effect
    fingerprint: bytes
    request_id: UUID | None = None
    validate_only: bool = False
    caller: str = ""

    @property
    def key(self) -> RequestKey | None:
        """What it is remembered by; None when nobody wants to repeat it."""
        return None if self.request_id is None else RequestKey(self.caller, self.method, self.request_id)


Resource = TypeVar("Resource")
Spec = TypeVar("Spec")


@dataclass(frozen=True, slots=True)
class Change(Generic[Resource, Spec]):
    """How an update was asked for: `apply` makes the new spec out of the resource as it is.

    A `uid` must be the resource's, an `etag` its current one; None and "" ask for nothing.
    """

    uid: UUID | None
    etag: str
    apply: Callable[[Resource], Spec]


class Identified(Protocol):
    """Anything with a uid."""

    @property
    def uid(self) -> UUID: ...


Made = TypeVar("Made", bound=Identified)


def make_once(
    transaction: Transaction,
    write: Write,
    now: datetime,
    make: Callable[[Transaction], Made],
    recall: Callable[[Transaction, UUID], Made],
) -> Made:
    """Make a resource or an operation; a repeat of the same write finds it again by `recall`, as it is then.

    A write that only validates does everything and takes it back.

    Raises:
        RequestIdReused: the caller's request id belongs to another write by the same method, of the last day.
        ScopeLocked: a lock forbids it.
    """
    answered = _answered(transaction, write, now)
    if answered is not None and answered.answer is not None:
        return recall(transaction, answered.answer)
    _check_locks(transaction, write)
    made = make(transaction)
    _remember(transaction, write, made.uid, now)
    return made


def remove_once(transaction: Transaction, write: Write, now: datetime, remove: Callable[[Transaction], None]) -> None:
    """Remove a resource; a repeat of the same write does nothing. Otherwise as `make_once`."""
    if _answered(transaction, write, now) is None:
        _check_locks(transaction, write)
        remove(transaction)
        _remember(transaction, write, None, now)


def check_etag(name: str, given: str, current: str) -> None:
    """Raises EtagMismatch when an etag is given and is not the current one."""
    if given and given != current:
        raise EtagMismatch(name, given, current)


def check_uid(kind: str, name: str, current: UUID, given: UUID | None) -> None:
    """Raises MoveNotSupported when a uid is given and is another resource's."""
    if given is not None and given != current:
        raise MoveNotSupported(kind, name, str(given), str(current))


def new_etag() -> str:
    """An etag that no resource had before."""
    return secrets.token_hex(8)


def _check_locks(transaction: Transaction, write: Write) -> None:
    if write.scope is not None:
        protection.check(transaction, write.scope, write.effect)


def _answered(transaction: Transaction, write: Write, now: datetime) -> Answered | None:
    answered = None if write.key is None else requests.find(transaction, write.key, now)
    if answered is not None and answered.fingerprint != write.fingerprint:
        raise RequestIdReused(str(write.request_id))
    return answered


def _remember(transaction: Transaction, write: Write, answer: UUID | None, now: datetime) -> None:
    if write.validate_only:
        transaction.rollback()
    elif write.key is not None:
        requests.add(transaction, Answered(write.key, write.fingerprint, answer), now)
