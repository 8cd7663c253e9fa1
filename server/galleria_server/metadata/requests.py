"""Requests that were answered, by caller, method and request id, so that a repeat gets the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, insert, select

from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import requests

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes a request the same: another caller or method may use the same id."""

    caller: str
    method: str
    request_id: UUID


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered: `fingerprint` is a digest of it, `answer` the uid of what it made, if anything."""

    key: RequestKey
    fingerprint: bytes
    answer: UUID | None


def find(transaction: Transaction, key: RequestKey, now: datetime) -> Answered | None:
    """The request that was answered under that key in the last day."""
    own = (
        requests.c.caller == key.caller,
        requests.c.method == key.method,
        requests.c.request_id == key.request_id,
        requests.c.create_time >= now - KEPT,
    )
    row = transaction.execute(select(requests).where(*own)).one_or_none()
    return None if row is None else Answered(key, row.fingerprint, row.answer)


def add(transaction: Transaction, answered: Answered, now: datetime) -> None:
    """Remember an answered request, and forget those older than a day."""
    transaction.execute(delete(requests).where(requests.c.create_time < now - KEPT))
    key = answered.key
    values = {
        "caller": key.caller,
        "method": key.method,
        "request_id": key.request_id,
        "fingerprint": answered.fingerprint,
        "answer": answered.answer,
        "create_time": now,
    }
    transaction.execute(insert(requests).values(values))
