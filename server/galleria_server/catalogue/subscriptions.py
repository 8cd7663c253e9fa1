"""Subscriptions: create, get, update, delete."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from galleria_server.catalogue import tenants
from galleria_server.catalogue.writes import Change, check_etag, new_etag
from galleria_server.domain.errors import AlreadyExists, InUse, NotFound
from galleria_server.domain.names import SubscriptionName, TenantName
from galleria_server.domain.tenancy import Subscription, SubscriptionSpec, check, check_same_tenant
from galleria_server.domain.validation import refuse
from galleria_server.metadata import groups, limits, regions
from galleria_server.metadata import tenants as rows
from galleria_server.metadata.engine import Transaction

KIND = "subscription"


def create(
    transaction: Transaction, uid: UUID, tenant: TenantName, spec: SubscriptionSpec, now: datetime
) -> Subscription:
    """Add a subscription. Raises NotFound for the tenant, AlreadyExists."""
    owner = tenants.require(transaction, tenant.tenant)
    if rows.find_subscription(transaction, uid) is not None:
        raise AlreadyExists(KIND, str(SubscriptionName(uid)))
    spec = replace(spec, tenant=str(owner.name))
    subscription = Subscription(uid, owner.uid, spec, now, now, new_etag())
    rows.add_subscription(transaction, subscription)
    return subscription


def require(transaction: Transaction, uid: UUID) -> Subscription:
    """The subscription with that uid. Raises NotFound."""
    subscription = rows.find_subscription(transaction, uid)
    if subscription is None:
        raise NotFound(KIND, str(SubscriptionName(uid)))
    return subscription


def update(
    transaction: Transaction, uid: UUID, change: Change[Subscription, SubscriptionSpec], now: datetime
) -> Subscription:
    """Change a subscription. Raises NotFound, EtagMismatch, InvalidRequest."""
    before = require(transaction, uid)
    check_etag(str(before.name), change.etag, before.etag)
    spec = change.apply(before)
    refuse(check(KIND, spec), check_same_tenant(KIND, before.spec, spec))
    spec = replace(spec, tenant=before.spec.tenant)
    after = replace(before, spec=spec, update_time=now, etag=new_etag())
    rows.change_subscription(transaction, after)
    return after


def remove(transaction: Transaction, uid: UUID, etag: str) -> None:
    """Remove a subscription without resource groups. Raises NotFound, EtagMismatch, InUse."""
    subscription = require(transaction, uid)
    check_etag(str(subscription.name), etag, subscription.etag)
    found = groups.page(transaction, uid, "", 1)
    if found:
        raise InUse(KIND, str(subscription.name), str(found[0].name), 1)
    limits.drop_all(transaction, uid)
    regions.drop_access(transaction, uid)
    rows.drop_subscription(transaction, uid)
