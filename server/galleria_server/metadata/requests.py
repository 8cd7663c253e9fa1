"""Requests that were answered, by their request id, so that a repeat gets the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, insert, select

from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import requests

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered: `fingerprint` is a digest of it, `answer` the uid of what it made, if anything."""

    request_id: UUID
    method: str
    fingerprint: bytes
    answer: UUID | None


def find(transaction: Transaction, request_id: UUID) -> Answered | None:
    """The request that was answered under that id in the last day."""
    row = transaction.execute(select(requests).where(requests.c.request_id == request_id)).one_or_none()
    return None if row is None else Answered(row.request_id, row.method, row.fingerprint, row.answer)


def add(transaction: Transaction, answered: Answered, now: datetime) -> None:
    """Remember an answered request, and forget those older than a day."""
    transaction.execute(delete(requests).where(requests.c.create_time < now - KEPT))
    values = {
        "request_id": answered.request_id,
        "method": answered.method,
        "fingerprint": answered.fingerprint,
        "answer": answered.answer,
        "create_time": now,
    }
    transaction.execute(insert(requests).values(values))
