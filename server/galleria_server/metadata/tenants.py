"""Tenants and subscriptions, both by uid."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, insert, select, update

from galleria_server.domain.tenancy import Subscription, Tenant
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import subscriptions, tenants


def find(transaction: Transaction, uid: UUID) -> Tenant | None:
    """The tenant with that uid."""
    row = transaction.execute(select(tenants).where(tenants.c.uid == uid)).mappings().one_or_none()
    return None if row is None else Tenant(**row)


def page(transaction: Transaction, after: UUID | None, limit: int) -> list[Tenant]:
    """Up to `limit` tenants in order of uid, those above `after`."""
    statement = select(tenants).order_by(tenants.c.uid).limit(limit)
    if after is not None:
        statement = statement.where(tenants.c.uid > after)
    return [Tenant(**row) for row in transaction.execute(statement).mappings()]


def add(transaction: Transaction, tenant: Tenant) -> None:
    """Add a tenant whose uid is free."""
    transaction.execute(insert(tenants).values(_values(tenant)))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a tenant without subscriptions."""
    transaction.execute(delete(tenants).where(tenants.c.uid == uid))


def find_subscription(transaction: Transaction, uid: UUID) -> Subscription | None:
    """The subscription with that uid."""
    row = transaction.execute(select(subscriptions).where(subscriptions.c.uid == uid)).mappings().one_or_none()
    return None if row is None else Subscription(**row)


def subscription_of(transaction: Transaction, tenant: UUID) -> Subscription | None:
    """One subscription of the tenant, if it has any."""
    row = (
        transaction.execute(select(subscriptions).where(subscriptions.c.tenant_uid == tenant).limit(1))
        .mappings()
        .one_or_none()
    )
    return None if row is None else Subscription(**row)


def page_subscriptions(transaction: Transaction, after: UUID | None, limit: int) -> list[Subscription]:
    """Up to `limit` subscriptions in order of uid, those above `after`."""
    statement = select(subscriptions).order_by(subscriptions.c.uid).limit(limit)
    if after is not None:
        statement = statement.where(subscriptions.c.uid > after)
    return [Subscription(**row) for row in transaction.execute(statement).mappings()]


def add_subscription(transaction: Transaction, subscription: Subscription) -> None:
    """Add a subscription whose uid is free."""
    transaction.execute(insert(subscriptions).values({**_values(subscription), "tenant_uid": subscription.tenant_uid}))


def change_subscription(transaction: Transaction, subscription: Subscription) -> None:
    """Write a subscription again."""
    statement = update(subscriptions).where(subscriptions.c.uid == subscription.uid)
    transaction.execute(statement.values(_values(subscription)))


def drop_subscription(transaction: Transaction, uid: UUID) -> None:
    """Remove a subscription without groups."""
    transaction.execute(delete(subscriptions).where(subscriptions.c.uid == uid))


def _values(resource: Tenant | Subscription) -> dict[str, object]:
    names = ("uid", "spec", "create_time", "update_time", "etag")
    return {name: getattr(resource, name) for name in names}
