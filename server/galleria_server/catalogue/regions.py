"""Who may use which region, and what cannot be written while one is down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import subscriptions
from galleria_server.domain.errors import NotFound, RegionDown, RegionRestricted, RegionUnknown, WrongState
from galleria_server.domain.names import AccessName
from galleria_server.domain.region_access import ASKABLE, DECISIONS, AccessState, RegionAccess, RegionStatus
from galleria_server.metadata import regions
from galleria_server.metadata.engine import Transaction

KIND = "region access"


def check_home(transaction: Transaction, region: str) -> None:
    """Raises RegionDown while what has its home there cannot be written."""
    status = regions.find(transaction, region)
    if status is not None and status.down_time is not None:
        raise RegionDown(region, status.down_reason)


def check_access(transaction: Transaction, subscription: UUID, used: Iterable[str]) -> None:
    """Raises RegionRestricted for a region that the subscription may not use."""
    for region in used:
        status = regions.find(transaction, region)
        if status is not None and status.restricted:
            access = regions.find_access(transaction, subscription, region)
            if access is None or access.state is not AccessState.APPROVED:
                raise RegionRestricted(region, "not requested" if access is None else access.state.value)


def ask(transaction: Transaction, name: AccessName, justification: str, now: datetime) -> RegionAccess:
    """Ask for access. Raises NotFound for the subscription, WrongState when that was done."""
    subscriptions.require(transaction, name.subscription)
    before = regions.find_access(transaction, name.subscription, name.region)
    state = None if before is None else before.state
    if state not in ASKABLE:
        raise WrongState(KIND, str(name), "" if state is None else state.value, "denied, or never asked for")
    access = RegionAccess(
        uid=uuid4() if before is None else before.uid,
        subscription=name.subscription,
        region=name.region,
        state=AccessState.REQUESTED,
        justification=justification,
        reason="",
        request_time=now,
        decide_time=None,
    )
    regions.put_access(transaction, access)
    return access


def decide(transaction: Transaction, name: AccessName, state: AccessState, reason: str, now: datetime) -> RegionAccess:
    """Make something of a request, or approve without one. Raises NotFound, WrongState."""
    subscriptions.require(transaction, name.subscription)
    before = regions.find_access(transaction, name.subscription, name.region)
    if state not in DECISIONS[None if before is None else before.state]:
        if before is None:
            raise NotFound(KIND, str(name))
        needed = " or ".join(sorted(at.value for at, to in DECISIONS.items() if at is not None and state in to))
        raise WrongState(KIND, str(name), before.state.value, needed)
    asked = before or RegionAccess(uuid4(), name.subscription, name.region, state, "", "", now, None)
    access = replace(asked, state=state, reason=reason, decide_time=now)
    regions.put_access(transaction, access)
    return access


def require_access(transaction: Transaction, name: AccessName) -> RegionAccess:
    """The access of that name. Raises NotFound."""
    access = regions.find_access(transaction, name.subscription, name.region)
    if access is None:
        raise NotFound(KIND, str(name))
    return access


def recall_access(transaction: Transaction, uid: UUID) -> RegionAccess:
    """The access that an earlier request was about. Raises NotFound."""
    access = regions.find_access_by_uid(transaction, uid)
    if access is None:
        raise NotFound(KIND, str(uid))
    return access


def page_access(
    transaction: Transaction, subscription: UUID | None, after: tuple[UUID, str] | None, limit: int
) -> list[RegionAccess]:
    """Up to `limit` accesses of a subscription, or of all. Raises NotFound for the subscription."""
    if subscription is not None:
        subscriptions.require(transaction, subscription)
    return regions.page_access(transaction, subscription, after, limit)


def status(transaction: Transaction, region: str) -> RegionStatus:
    """How a configured region is. Raises RegionUnknown."""
    found = regions.find(transaction, region)
    if found is None:
        raise RegionUnknown(region, ())
    return found


def recall_status(transaction: Transaction, uid: UUID) -> RegionStatus:
    """The region that an earlier request was about. Raises NotFound."""
    found = regions.find_by_uid(transaction, uid)
    if found is None:
        raise NotFound("region", str(uid))
    return found


def mark(transaction: Transaction, region: str, reason: str, now: datetime, *, down: bool) -> RegionStatus:
    """Say that a region is down, or up again; one that is down stays so since then. Raises RegionUnknown."""
    before = status(transaction, region)
    since = (before.down_time or now) if down else None
    after = replace(before, down_time=since, down_reason=reason if down else "")
    regions.mark(transaction, after)
    return after
