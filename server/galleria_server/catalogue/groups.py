"""Resource groups: create, get, list, update, delete, and make on first write."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import subscriptions
from galleria_server.catalogue.writes import Change, check_etag, check_uid, new_etag
from galleria_server.domain.errors import AlreadyExists, InUse, NotFound
from galleria_server.domain.names import GroupName
from galleria_server.domain.tenancy import GroupSpec, ResourceGroup, check_group
from galleria_server.domain.validation import refuse
from galleria_server.metadata import groups
from galleria_server.metadata.engine import Transaction

KIND = "resource group"
FIELD = "resource_group"


def create(transaction: Transaction, name: GroupName, spec: GroupSpec, now: datetime) -> ResourceGroup:
    """Add a resource group. Raises NotFound for the subscription, AlreadyExists."""
    subscriptions.require(transaction, name.subscription)
    existing = groups.find(transaction, name)
    if existing is not None:
        raise AlreadyExists(KIND, str(existing.name))
    return _add(transaction, name, spec, now, uuid4())


def ensure(transaction: Transaction, name: GroupName, now: datetime, uid: UUID | None = None) -> ResourceGroup:
    """The resource group of that name, made when there is none, with `uid` if that is given and free.

    Raises NotFound for the subscription, or for the group where the subscription wants them made explicitly.
    """
    found = groups.find(transaction, name)
    if found is not None:
        return found
    if subscriptions.require(transaction, name.subscription).spec.explicit_resource_groups:
        raise NotFound(KIND, str(name))
    taken = uid is None or groups.is_taken(transaction, uid)
    return _add(transaction, name, GroupSpec(), now, uuid4() if uid is None or taken else uid)


def require(transaction: Transaction, name: GroupName) -> ResourceGroup:
    """The resource group of that name. Raises NotFound."""
    group = groups.find(transaction, name)
    if group is None:
        raise NotFound(KIND, str(name))
    return group


def recall(transaction: Transaction, uid: UUID) -> ResourceGroup:
    """The group that an earlier request made. Raises NotFound."""
    group = groups.find_by_uid(transaction, uid)
    if group is None:
        raise NotFound(KIND, str(uid))
    return group


def page(
    transaction: Transaction, subscription: UUID, after: str, limit: int, *, descending: bool
) -> list[ResourceGroup]:
    """Up to `limit` groups by name, those beyond the key `after`. Raises NotFound for the subscription."""
    subscriptions.require(transaction, subscription)
    return groups.page(transaction, subscription, after, limit, descending=descending)


def update(
    transaction: Transaction, name: GroupName, change: Change[ResourceGroup, GroupSpec], now: datetime
) -> ResourceGroup:
    """Change a resource group. Raises NotFound, MoveNotSupported, EtagMismatch, InvalidRequest."""
    before = require(transaction, name)
    check_uid(KIND, str(before.name), before.uid, change.uid)
    check_etag(str(before.name), change.etag, before.etag)
    spec = change.apply(before)
    refuse(check_group(FIELD, spec))
    after = replace(before, spec=spec, update_time=now, etag=new_etag())
    groups.change(transaction, after)
    return after


def remove(transaction: Transaction, name: GroupName, etag: str) -> None:
    """Remove an empty resource group, even while the bytes of deleted disks still go.

    Raises NotFound, EtagMismatch, InUse.
    """
    group = require(transaction, name)
    check_etag(str(group.name), etag, group.etag)
    child = groups.child(transaction, group.uid)
    if child is not None:
        raise InUse(KIND, str(group.name), f"{group.name}/{child}", 1)
    groups.drop(transaction, group.uid)


def _add(transaction: Transaction, name: GroupName, spec: GroupSpec, now: datetime, uid: UUID) -> ResourceGroup:
    group = ResourceGroup(uid, name, spec, now, now, new_etag())
    groups.add(transaction, group)
    return group
