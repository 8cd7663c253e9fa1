"""Limits: enforced with each creation, shown with what is used of them, set by operators."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from galleria_server.catalogue import subscriptions
from galleria_server.domain.errors import NotFound, QuotaExceeded
from galleria_server.domain.limits import COUNTED, IMAGE_REPLICAS, LIMITS, Limit
from galleria_server.domain.names import LimitName
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.usages import LimitInForce, LimitOverride, Usage, check_number, ordered, too_many_replicas
from galleria_server.domain.validation import refuse
from galleria_server.metadata import limits
from galleria_server.metadata.engine import Transaction

KIND = "limit"


def check_count(transaction: Transaction, limit: Limit, subscription: UUID, region: str) -> None:
    """Call before one more is added, in the same transaction. Raises QuotaExceeded when there may be no more."""
    most = _number(transaction, limit, subscription)
    current = limits.count(transaction, limit, subscription, region)
    if current >= most:
        raise QuotaExceeded(limit.key, subscription, region, current, most)


def check_replicas(
    transaction: Transaction,
    subscription: UUID,
    field: str,
    wanted: Sequence[TargetRegion],
    had: Sequence[TargetRegion] = (),
) -> None:
    """Call with the regions of a version, which is at `field`. Raises InvalidRequest for too many replicas.

    Those that it `had` stay, though its subscription may order fewer by now.
    """
    most = _number(transaction, IMAGE_REPLICAS, subscription)
    refuse(too_many_replicas(f"{field}.target_regions", wanted, max(most, ordered(had))))


def usages(transaction: Transaction, subscription: UUID, region: str) -> list[Usage]:
    """What the subscription uses in a region of each limit that is counted so. Raises NotFound."""
    counted = [limit for limit in in_force(transaction, subscription) if limit.limit in COUNTED]
    return [Usage(one, region, limits.count(transaction, one.limit, subscription, region)) for one in counted]


def in_force(transaction: Transaction, subscription: UUID) -> list[LimitInForce]:
    """All limits of the subscription. Raises NotFound."""
    subscriptions.require(transaction, subscription)
    given = limits.numbers(transaction, subscription)
    return [LimitInForce(limit, subscription, given.get(key, limit.number)) for key, limit in LIMITS.items()]


def put(transaction: Transaction, name: LimitName, number: int) -> LimitOverride:
    """Set a limit for one subscription; what it has stays, even if that is more. Raises NotFound, InvalidRequest."""
    limit = _require(transaction, name)
    refuse(check_number(limit, number))
    override = LimitOverride(uuid4(), name.subscription, limit.key, number)
    limits.put(transaction, override)
    return override


def recall(transaction: Transaction, uid: UUID) -> LimitOverride:
    """What an earlier request set. Raises NotFound when it was set anew or cleared since."""
    override = limits.find_by_uid(transaction, uid)
    if override is None:
        raise NotFound(KIND, str(uid))
    return override


def clear(transaction: Transaction, name: LimitName) -> None:
    """Let the limit's own number hold again. Raises NotFound."""
    limits.drop(transaction, name.subscription, _require(transaction, name).key)


def _require(transaction: Transaction, name: LimitName) -> Limit:
    subscriptions.require(transaction, name.subscription)
    if name.key not in LIMITS:
        raise NotFound(KIND, str(name))
    return LIMITS[name.key]


def _number(transaction: Transaction, limit: Limit, subscription: UUID) -> int:
    override = limits.find(transaction, subscription, limit.key)
    return limit.number if override is None else override.number
