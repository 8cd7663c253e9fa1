"""Locks on resources, found by the uids of the resources: a name that is used again inherits nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from uuid import UUID

from sqlalchemy import Row, ScalarSelect, Select, bindparam, delete, insert, or_, select, tuple_

from galleria_server.domain.locks import Lock, LockName
from galleria_server.domain.names import (
    DefinitionName,
    DeploymentName,
    DiskName,
    GalleryName,
    GroupName,
    SubscriptionName,
    VersionName,
    VersionNumber,
    fold,
)
from galleria_server.domain.scopes import Scope, parse_scope
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.named import values_of
from galleria_server.metadata.tables import (
    definitions,
    deployments,
    disks,
    galleries,
    lock_places,
    locks,
    resource_groups,
    subscriptions,
    versions,
)

_Selection = Select[tuple[object, ...]]

_LOCKS: _Selection = select(locks)
_ORDER = (locks.c.scope, locks.c.key)

# The uid of each resource that a scope is or lies in, out of its name, within the statement that needs it.
_SUBSCRIPTION = select(subscriptions.c.uid).where(subscriptions.c.uid == bindparam("subscription")).scalar_subquery()
_GROUP = (
    select(resource_groups.c.uid)
    .where(resource_groups.c.subscription == bindparam("subscription"), resource_groups.c.key == bindparam("group"))
    .scalar_subquery()
)
_GALLERY = (
    select(galleries.c.uid)
    .where(galleries.c.group_uid == _GROUP, galleries.c.key == bindparam("gallery"))
    .scalar_subquery()
)
_DEFINITION = (
    select(definitions.c.uid)
    .where(
        definitions.c.gallery_uid == _GALLERY,
        definitions.c.artifact == bindparam("artifact"),
        definitions.c.key == bindparam("definition"),
    )
    .scalar_subquery()
)
_VERSION = (
    select(versions.c.uid)
    .where(
        versions.c.definition_uid == _DEFINITION,
        *(versions.c[part] == bindparam(part) for part in VersionNumber._fields),
    )
    .scalar_subquery()
)
_DISK = select(disks.c.uid).where(disks.c.group_uid == _GROUP, disks.c.key == bindparam("disk")).scalar_subquery()
_DEPLOYMENT = (
    select(deployments.c.uid)
    .where(deployments.c.group_uid == _GROUP, deployments.c.key == bindparam("deployment"))
    .scalar_subquery()
)
_PATHS: Mapping[type[Scope], tuple[ScalarSelect[UUID], ...]] = {
    SubscriptionName: (_SUBSCRIPTION,),
    GroupName: (_SUBSCRIPTION, _GROUP),
    GalleryName: (_SUBSCRIPTION, _GROUP, _GALLERY),
    DefinitionName: (_SUBSCRIPTION, _GROUP, _GALLERY, _DEFINITION),
    VersionName: (_SUBSCRIPTION, _GROUP, _GALLERY, _DEFINITION, _VERSION),
    DiskName: (_SUBSCRIPTION, _GROUP, _DISK),
    DeploymentName: (_SUBSCRIPTION, _GROUP, _DEPLOYMENT),
}


def _selection(path: Sequence[ScalarSelect[UUID]], *, inherited: bool, recursive: bool) -> _Selection:
    at_scope = locks.c.scope_uid.in_(path if inherited else path[-1:])
    inside = select(lock_places.c.lock_uid).where(lock_places.c.resource_uid == path[-1])
    return _LOCKS.where(or_(at_scope, locks.c.uid.in_(inside)) if recursive else at_scope)


# By kind of scope, inherited and recursive. Made once: to put one together takes longer than to run it.
_SELECTIONS: Mapping[tuple[type[Scope], bool, bool], _Selection] = {
    (kind, inherited, recursive): _selection(_PATHS[kind], inherited=inherited, recursive=recursive)
    for kind, inherited, recursive in product(_PATHS, (False, True), (False, True))
}


def in_force(transaction: Transaction, scope: Scope, *, within: bool) -> list[Lock]:
    """The locks on the scope and on those that it lies in, outermost first; with `within` also those in it.

    One that is not there has those of where it would be.
    """
    statement = _SELECTIONS[type(scope), True, within].order_by(*_ORDER)
    return [_lock(row) for row in transaction.execute(statement, values_of(scope))]


def page(
    transaction: Transaction,
    scope: Scope,
    after: tuple[str, str],
    limit: int,
    *,
    inherited: bool,
    recursive: bool,
) -> list[Lock]:
    """Up to `limit` locks on the scope by scope and key, those above `after`; also those above it and in it."""
    statement = _SELECTIONS[type(scope), inherited, recursive]
    statement = statement.where(tuple_(*_ORDER) > after).order_by(*_ORDER).limit(limit)
    return [_lock(row) for row in transaction.execute(statement, values_of(scope))]


def find(transaction: Transaction, name: LockName) -> Lock | None:
    """The lock of that name."""
    statement = _SELECTIONS[type(name.scope), False, False].where(locks.c.key == fold(name.lock))
    row = transaction.execute(statement, values_of(name.scope)).one_or_none()
    return None if row is None else _lock(row)


def find_by_uid(transaction: Transaction, uid: UUID) -> Lock | None:
    """The lock with that uid."""
    row = transaction.execute(_LOCKS.where(locks.c.uid == uid)).one_or_none()
    return None if row is None else _lock(row)


def add(transaction: Transaction, lock: Lock) -> None:
    """Add a lock whose name is free, on a scope that is there."""
    values = {
        "uid": lock.uid,
        "scope_uid": lock.scope_uid,
        "scope": str(lock.name.scope),
        "name": lock.name.lock,
        "key": fold(lock.name.lock),
        "spec": lock.spec,
        "create_time": lock.create_time,
        "etag": lock.etag,
    }
    transaction.execute(insert(locks).values(values))
    places = transaction.execute(select(*_PATHS[type(lock.name.scope)]), values_of(lock.name.scope)).one()
    transaction.execute(insert(lock_places), [{"resource_uid": uid, "lock_uid": lock.uid} for uid in places])


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a lock."""
    transaction.execute(delete(lock_places).where(lock_places.c.lock_uid == uid))
    transaction.execute(delete(locks).where(locks.c.uid == uid))


def _lock(row: Row[tuple[object, ...]]) -> Lock:
    name = LockName(parse_scope("scope", row.scope), row.name)
    return Lock(row.uid, row.scope_uid, name, row.spec, row.create_time, row.etag)
