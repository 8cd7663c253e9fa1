"""Locks on resources: create, get, list, delete. What they forbid is in `protection`.

Locks stand apart from what they protect: they forbid nothing about themselves, and they may be put on and taken from
what has its home in a region that is down, as nothing of the resource is written. No lock outlives its scope, as what
is locked is not deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from galleria_server.catalogue import definitions, deployments, disks, galleries, groups, subscriptions
from galleria_server.catalogue.writes import check_etag, new_etag
from galleria_server.domain.definition_kinds import AnyDefinition
from galleria_server.domain.deployment import Deployment
from galleria_server.domain.errors import AlreadyExists, NotFound, WrongState
from galleria_server.domain.gallery import Gallery
from galleria_server.domain.locks import Lock, LockName, LockSpec
from galleria_server.domain.models import Disk
from galleria_server.domain.names import (
    DefinitionName,
    DeploymentName,
    DiskName,
    GalleryName,
    GroupName,
    SubscriptionName,
    VersionName,
)
from galleria_server.domain.scopes import Scope
from galleria_server.domain.tenancy import ResourceGroup, Subscription
from galleria_server.domain.version import AnyVersion, Version, VersionState
from galleria_server.metadata import resource_locks as rows
from galleria_server.metadata import versions
from galleria_server.metadata.engine import Transaction

KIND = "lock"
Resource = Subscription | ResourceGroup | Gallery | AnyDefinition | AnyVersion | Disk | Deployment


def create(transaction: Transaction, scope: Scope, lock_id: str, spec: LockSpec, now: datetime) -> Lock:
    """Put a lock on a scope; an empty `lock_id` means its uid.

    Raises NotFound for the scope, WrongState when it is being deleted, AlreadyExists.
    """
    found = _find(transaction, scope)
    _check_stays(found)
    uid = uuid4()
    name = LockName(found.name, lock_id or str(uid))
    taken = rows.find(transaction, name)
    if taken is not None:
        raise AlreadyExists(KIND, str(taken.name))
    lock = Lock(uid, found.uid, name, spec, now, new_etag())
    rows.add(transaction, lock)
    return lock


def require(transaction: Transaction, name: LockName) -> Lock:
    """The lock of that name. Raises NotFound."""
    lock = rows.find(transaction, name)
    if lock is None:
        raise NotFound(KIND, str(name))
    return lock


def recall(transaction: Transaction, uid: UUID) -> Lock:
    """The lock that an earlier request made. Raises NotFound."""
    lock = rows.find_by_uid(transaction, uid)
    if lock is None:
        raise NotFound(KIND, str(uid))
    return lock


def page(
    transaction: Transaction, scope: Scope, after: tuple[str, str], limit: int, *, inherited: bool, recursive: bool
) -> list[Lock]:
    """Up to `limit` locks, as `metadata.resource_locks.page`. Raises NotFound for the scope."""
    _find(transaction, scope)
    return rows.page(transaction, scope, after, limit, inherited=inherited, recursive=recursive)


def remove(transaction: Transaction, name: LockName, etag: str) -> None:
    """Remove a lock. Raises NotFound, EtagMismatch."""
    lock = require(transaction, name)
    check_etag(str(lock.name), etag, lock.etag)
    rows.drop(transaction, lock.uid)


def _version(transaction: Transaction, name: VersionName) -> AnyVersion:
    version = versions.find(transaction, name)
    if version is None:
        raise NotFound(name.definition.artifact.version_kind, str(name))
    return version


_FINDING: Mapping[type[Scope], Callable[[Transaction, Any], Resource]] = {
    SubscriptionName: lambda transaction, name: subscriptions.require(transaction, name.subscription),
    GroupName: groups.require,
    GalleryName: galleries.require,
    DefinitionName: definitions.require,
    VersionName: _version,
    DiskName: disks.get,
    DeploymentName: deployments.find,
}


def _find(transaction: Transaction, scope: Scope) -> Resource:
    return _FINDING[type(scope)](transaction, scope)


def _check_stays(found: Resource) -> None:
    # The name goes on its own once a deletion has begun, and a lock would be left over.
    if isinstance(found, Version) and found.state is VersionState.DELETING:
        raise WrongState(
            found.name.definition.artifact.version_kind, str(found.name), found.state.value, "not to be deleted"
        )
