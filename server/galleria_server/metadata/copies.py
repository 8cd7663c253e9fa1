"""Copies: desired and observed state, and who works on it.

A claim gives its holder an epoch. Every function that takes an epoch does nothing and returns False when the copy has
moved on: claimed by another, cancelled or being deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, and_, bindparam, delete, exists, func, insert, or_, select, update

from galleria_server.domain.models import Copy, CopyState
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import contents, copies

_COPIES = select(*(copies.c[field.name] for field in fields(Copy)))
_ORDER = (
    copies.c.version_uid,
    copies.c.region,
    copies.c.ordinal,
    copies.c.zone,
    copies.c.volume,
    copies.c.position,
)
UNFINISHED = (CopyState.PENDING, CopyState.COPYING)


# Made once: to put it together takes longer than to run it.
_OF_VERSIONS = _COPIES.where(copies.c.version_uid.in_(bindparam("uids", expanding=True))).order_by(*_ORDER)
_CONTENT = (contents.c.version_uid == copies.c.version_uid) & (contents.c.position == copies.c.position)
_OCCUPIED = contents.c.occupied_bytes


def add(transaction: Transaction, new: Sequence[Copy]) -> None:
    """Add copies."""
    transaction.execute(insert(copies), [asdict(copy) for copy in new])


def find(transaction: Transaction, uid: UUID) -> Copy | None:
    """The copy with that uid."""
    row = transaction.execute(_COPIES.where(copies.c.uid == uid)).one_or_none()
    return None if row is None else _copy(row)


def of_version(transaction: Transaction, version_uid: UUID) -> list[Copy]:
    """All copies of a version by region, ordinal and zone."""
    return of_versions(transaction, [version_uid])[version_uid]


def of_versions(transaction: Transaction, version_uids: Iterable[UUID]) -> dict[UUID, list[Copy]]:
    """All copies of each version, as `of_version`."""
    found: dict[UUID, list[Copy]] = {uid: [] for uid in version_uids}
    for row in transaction.execute(_OF_VERSIONS, {"uids": list(found)}) if found else ():
        found[row.version_uid].append(_copy(row))
    return found


def ready(transaction: Transaction, version_uid: UUID, position: int, region: str | None = None) -> list[Copy]:
    """The READY copies of one content of a version, in one region or in all."""
    own = (copies.c.version_uid == version_uid, copies.c.position == position)
    statement = _COPIES.where(*own, copies.c.state == CopyState.READY)
    if region is not None:
        statement = statement.where(copies.c.region == region)
    return [_copy(row) for row in transaction.execute(statement.order_by(*_ORDER))]


def served(transaction: Transaction, version_uid: UUID, position: int, region: str | None = None) -> list[Copy]:
    """The READY copies of one content of a version, then those that were READY and came to lack something.

    Of the latter the rest is read. In one region or in all.
    """
    statement = _SET_BACK.where(copies.c.version_uid == version_uid, copies.c.position == position)
    if region is not None:
        statement = statement.where(copies.c.region == region)
    set_back = [_copy(row) for row in transaction.execute(statement.order_by(*_ORDER))]
    return [*ready(transaction, version_uid, position, region), *set_back]


def out_of_service(transaction: Transaction, region: str, volume: str) -> list[Copy]:
    """The copies on a volume that were READY and came to lack something."""
    statement = _SET_BACK.where(copies.c.region == region, copies.c.volume == volume)
    return [_copy(row) for row in transaction.execute(statement.order_by(*_ORDER))]


def on_volume(transaction: Transaction, region: str, volume: str) -> list[Copy]:
    """All copies on a volume."""
    statement = _COPIES.where(copies.c.region == region, copies.c.volume == volume)
    return [_copy(row) for row in transaction.execute(statement.order_by(*_ORDER))]


def due(transaction: Transaction, now: datetime, limit: int, full: Iterable[str] = ()) -> list[Copy]:
    """Copies that wait for work: PENDING or DELETING whose time has come, COPYING whose claim has lapsed.

    Deletions first, then those that have waited longest, of these none into regions that are `full`.
    """
    come = or_(copies.c.next_try_at.is_(None), copies.c.next_try_at <= now)
    unclaimed = or_(copies.c.lease_until.is_(None), copies.c.lease_until <= now)
    statement = _COPIES.where(
        or_(
            and_(copies.c.state.in_((CopyState.PENDING, CopyState.DELETING)), come, unclaimed),
            and_(copies.c.state == CopyState.COPYING, unclaimed),
        )
    )
    statement = statement.where(or_(copies.c.state == CopyState.DELETING, copies.c.region.not_in(list(full))))
    deletions_first = (copies.c.state != CopyState.DELETING, copies.c.next_try_at, *_ORDER)
    return [_copy(row) for row in transaction.execute(statement.order_by(*deletions_first).limit(limit))]


def claim(transaction: Transaction, uid: UUID, owner: UUID, now: datetime, lease_until: datetime) -> Copy | None:
    """Claim a copy that is due: it becomes COPYING, or stays DELETING, under a new epoch. None: it is not due."""
    copy = find(transaction, uid)
    if copy is None or copy.state in (CopyState.READY, CopyState.FAILED):
        return None
    if copy.lease_until is not None and copy.lease_until > now:
        return None
    state = CopyState.DELETING if copy.state is CopyState.DELETING else CopyState.COPYING
    values = {
        "state": state,
        "owner": owner,
        "epoch": copy.epoch + 1,
        "lease_until": lease_until,
        "attempts": copy.attempts + 1,
        "details": "",
    }
    transaction.execute(update(copies).where(copies.c.uid == uid).values(values))
    return find(transaction, uid)


def checkpoint(transaction: Transaction, uid: UUID, epoch: int, done_bytes: int, lease_until: datetime) -> bool:
    """Tell how far a COPYING copy is, and keep the claim. False: stop, it is no longer ours or no longer wanted."""
    return _move(transaction, uid, epoch, CopyState.COPYING, {"done_bytes": done_bytes, "lease_until": lease_until})


def set_lease(transaction: Transaction, uid: UUID, epoch: int, lease_id: UUID) -> bool:
    """Give a COPYING copy a new lease on its volume, after the old one lapsed."""
    return _move(transaction, uid, epoch, CopyState.COPYING, {"lease_id": lease_id})


def finish(transaction: Transaction, uid: UUID, epoch: int, done_bytes: int) -> bool:
    """COPYING becomes READY: its root is pinned. Follow with `catalogue.settlement.settle_version`."""
    values = {**_UNCLAIMED, "state": CopyState.READY, "done_bytes": done_bytes, "next_try_at": None}
    return _move(transaction, uid, epoch, CopyState.COPYING, values)


def retry(transaction: Transaction, uid: UUID, epoch: int, next_try_at: datetime, details: str) -> bool:
    """Give a claim back: COPYING becomes PENDING, DELETING stays; due again at `next_try_at`."""
    values = {**_UNCLAIMED, "next_try_at": next_try_at, "details": details}
    pending = _move(transaction, uid, epoch, CopyState.COPYING, {**values, "state": CopyState.PENDING})
    return pending or _move(transaction, uid, epoch, CopyState.DELETING, values)


def fail(transaction: Transaction, uid: UUID, epoch: int, details: str) -> bool:
    """COPYING becomes FAILED for good. Follow with `catalogue.settlement.settle_version`."""
    return _move(
        transaction, uid, epoch, CopyState.COPYING, {**_UNCLAIMED, "state": CopyState.FAILED, "details": details}
    )


def set_back(transaction: Transaction, uid: UUID, next_try_at: datetime, details: str) -> bool:
    """READY becomes PENDING, all its bytes counted: its root is there, but lacks something. Due at `next_try_at`."""
    statement = update(copies).where(copies.c.uid == uid, copies.c.state == CopyState.READY)
    values = {
        **_UNCLAIMED,
        "state": CopyState.PENDING,
        "done_bytes": select(_OCCUPIED).where(_CONTENT).scalar_subquery(),
        "attempts": 0,
        "next_try_at": next_try_at,
        "details": details,
    }
    return transaction.execute(statement.values(values)).rowcount == 1


def hurry(transaction: Transaction, version_uid: UUID, now: datetime) -> None:
    """Let PENDING copies of a version that wait for another try be due now."""
    statement = update(copies).where(copies.c.version_uid == version_uid, copies.c.state == CopyState.PENDING)
    transaction.execute(statement.where(copies.c.next_try_at > now).values(next_try_at=now))


def fail_unfinished(transaction: Transaction, version_uid: UUID, details: str) -> None:
    """Give up what is PENDING or COPYING and never was READY; who works on it learns so at its next checkpoint."""
    statement = update(copies).where(copies.c.version_uid == version_uid, copies.c.state.in_(UNFINISHED))
    was_ready = exists().where(_CONTENT, copies.c.done_bytes > 0, copies.c.done_bytes == _OCCUPIED)
    statement = statement.where(~was_ready)
    transaction.execute(statement.values(**_UNCLAIMED, state=CopyState.FAILED, details=details))


def fail_from(transaction: Transaction, source_uid: UUID, details: str) -> list[UUID]:
    """Give up what is PENDING or COPYING from a version and READY nowhere else of its own version.

    Returns the uids of these versions. Follow with `catalogue.settlement.settle_version` for each.
    """
    sibling = copies.alias()
    elsewhere = exists().where(
        sibling.c.version_uid == copies.c.version_uid,
        sibling.c.position == copies.c.position,
        sibling.c.state == CopyState.READY,
    )
    from_it = exists().where(_CONTENT, contents.c.source_version_uid == source_uid)
    lost = and_(copies.c.version_uid != source_uid, copies.c.state.in_(UNFINISHED), from_it, ~elsewhere)
    found = transaction.execute(select(copies.c.version_uid).where(lost).distinct()).scalars().all()
    if found:
        transaction.execute(update(copies).where(lost).values(**_UNCLAIMED, state=CopyState.FAILED, details=details))
    return list(found)


def begin_anew(transaction: Transaction, region: str, volume: str, root_id: UUID, new_root: UUID) -> None:
    """The root of a copy is lost: the copy is PENDING, due now, under another root. One being deleted stays so.

    Whoever works on it learns so at its next checkpoint.
    """
    own = and_(copies.c.region == region, copies.c.volume == volume, copies.c.root_id == root_id)
    values = {
        **_UNCLAIMED,
        "state": CopyState.PENDING,
        "root_id": new_root,
        "lease_id": uuid4(),
        "epoch": copies.c.epoch + 1,
        "done_bytes": 0,
        "attempts": 0,
        "next_try_at": None,
        "details": "its content was lost",
    }
    transaction.execute(update(copies).where(own, copies.c.state != CopyState.DELETING).values(values))


def delete_all(transaction: Transaction, version_uid: UUID) -> None:
    """Mark every copy of a version DELETING, due now."""
    transaction.execute(update(copies).where(copies.c.version_uid == version_uid).values(_TO_GO))


def give_up(transaction: Transaction, uids: Sequence[UUID]) -> None:
    """Mark copies DELETING, due now."""
    transaction.execute(update(copies).where(copies.c.uid.in_(uids)).values(_TO_GO))


def try_again(transaction: Transaction, version_uid: UUID) -> None:
    """FAILED copies of a version become PENDING, due now, as if they had never been tried."""
    statement = update(copies).where(copies.c.version_uid == version_uid, copies.c.state == CopyState.FAILED)
    values = {**_UNCLAIMED, "state": CopyState.PENDING, "next_try_at": None, "attempts": 0, "details": ""}
    transaction.execute(statement.values(values))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a DELETING copy whose root was released. Follow with `catalogue.settlement.settle_version`."""
    transaction.execute(delete(copies).where(copies.c.uid == uid, copies.c.state == CopyState.DELETING))


def release_claims(transaction: Transaction, now: datetime) -> int:
    """End all claims, those of an earlier incarnation of the only server. Returns how many there were."""
    statement = update(copies).where(copies.c.lease_until > now).values(owner=None, lease_until=now)
    return transaction.execute(statement).rowcount


def count_unfinished_from(transaction: Transaction, uid: UUID) -> int:
    """How many copies of contents that come from that disk or version are PENDING or COPYING: it must stay."""
    statement = (
        select(func.count())
        .select_from(copies.join(contents, _CONTENT))
        .where(
            or_(contents.c.source_disk_uid == uid, contents.c.source_version_uid == uid),
            copies.c.version_uid != uid,
            copies.c.state.in_(UNFINISHED),
        )
    )
    return transaction.execute(statement).scalar_one()


# Of a copy that never was READY not all bytes are counted.
_SET_BACK = _COPIES.join(contents, _CONTENT).where(
    copies.c.state.in_(UNFINISHED), copies.c.done_bytes > 0, copies.c.done_bytes == _OCCUPIED
)
_UNCLAIMED: dict[str, object] = {"owner": None, "lease_until": None}
_TO_GO = {**_UNCLAIMED, "state": CopyState.DELETING, "next_try_at": None, "attempts": 0, "details": ""}


def _move(transaction: Transaction, uid: UUID, epoch: int, state: CopyState, values: dict[str, object]) -> bool:
    statement = update(copies).where(copies.c.uid == uid, copies.c.epoch == epoch, copies.c.state == state)
    return transaction.execute(statement.values(values)).rowcount == 1


def _copy(row: Row[tuple[object, ...]]) -> Copy:
    values: Any = row
    return Copy(*values)
