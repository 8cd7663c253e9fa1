"""Stretches of lists by a key, which cost the same wherever they lie."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import Column, Select

S = TypeVar("S", bound=Select[tuple[object, ...]])


def stretch(statement: S, key: Column[str], after: str, limit: int, *, descending: bool) -> S:
    """Up to `limit` rows in order of key, those that come after `after` in that order; "" stands before all."""
    if after:
        statement = statement.where(key < after if descending else key > after)
    return statement.order_by(key.desc() if descending else key).limit(limit)
