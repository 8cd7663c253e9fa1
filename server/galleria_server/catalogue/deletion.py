"""Deleting versions: for good, or softly, so that they may be restored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import galleries, protection, regions
from galleria_server.catalogue.settlement import end_cancelled, settle_version
from galleria_server.catalogue.version_kinds import kind_of
from galleria_server.catalogue.versions import VersionView, begin, require, view
from galleria_server.catalogue.writes import check_etag, new_etag
from galleria_server.domain.errors import DeletionBlocked, DomainError, InUse, WrongState
from galleria_server.domain.locks import Effect
from galleria_server.domain.models import Operation, OperationState, Verb
from galleria_server.domain.names import Artifact, VersionName
from galleria_server.domain.soft_deletion import ImageState, SoftDeletion, deleted_under
from galleria_server.domain.version import UNDER_WAY, AnyVersion, VersionState
from galleria_server.metadata import aliases, copies, deployments, operations, versions
from galleria_server.metadata.engine import Transaction

Position = tuple[datetime, UUID]
"""Hard deletion time and uid of a version."""


def remove(
    transaction: Transaction,
    name: VersionName,
    etag: str,
    now: datetime,
    *,
    bypass_soft_delete: bool = False,
    force: bool = False,
) -> Operation:
    """Delete a version as its gallery's policy says: softly, which is done at once, or for good, which begins here.

    Its creation ends as cancelled. One that is being deleted has its operation already. Raises NotFound, EtagMismatch,
    WrongState for one that is soft-deleted unless that is bypassed, DeletionBlocked before its end of life, InUse while
    an alias points at it or, without `force`, it has deployments or others are copied from it.
    """
    version = require(transaction, name)
    gallery = galleries.require_writable(transaction, name.definition.gallery)
    check_etag(str(version.name), etag, version.etag)
    begun = _begun(transaction, version)
    if begun is not None:
        return begun
    policy = gallery.spec.soft_delete_policy
    keeps = policy.enabled and name.definition.artifact is Artifact.IMAGE
    softly = keeps and not bypass_soft_delete
    if version.soft_deletion is not None and not bypass_soft_delete:
        raise _wrong(version, version.image_state.value, "active; restore or purge it")
    check_deletable(transaction, version, now, force=force)
    if softly:
        return _delete_softly(transaction, version, deleted_under(policy, now), now)
    return delete_for_good(transaction, version, now)


def purge(transaction: Transaction, name: VersionName, etag: str, now: datetime, *, force: bool = False) -> Operation:
    """Begin to delete a soft-deleted version for good. Raises as `remove`, WrongState for one that is active."""
    version = require(transaction, name)
    if version.soft_deletion is None:
        raise _wrong(version, version.image_state.value, ImageState.SOFT_DELETED.value)
    return remove(transaction, name, etag, now, bypass_soft_delete=True, force=force)


def restore(transaction: Transaction, name: VersionName, etag: str, now: datetime) -> VersionView:
    """Make a soft-deleted version active again, as it was. Raises NotFound, EtagMismatch, WrongState, RegionDown."""
    version = require(transaction, name)
    galleries.require_writable(transaction, name.definition.gallery)
    check_etag(str(version.name), etag, version.etag)
    if version.state is VersionState.DELETING:
        raise _wrong(version, version.state.value, ImageState.SOFT_DELETED.value)
    if version.soft_deletion is None:
        raise _wrong(version, version.image_state.value, ImageState.SOFT_DELETED.value)
    end = version.soft_deletion.hard_deletion_time
    if now >= end:
        raise _wrong(version, f"gone since {end.isoformat()}", "restored before that")
    after = replace(version, soft_deletion=None, update_time=now, etag=new_etag())
    versions.change(transaction, after)
    return view(transaction, after)


def purge_due(
    transaction: Transaction, now: datetime, after: Position | None, limit: int
) -> tuple[list[AnyVersion], Position | None]:
    """Begin to delete soft-deleted versions whose time has come, of up to `limit` after a position.

    Those that may not go now are passed over and met again in the next round. Returns those that go, and the position
    to go on from, None at the end.
    """
    due = versions.past_hard_deletion(transaction, now, after, limit)
    going = [version for version in due if _may_go(transaction, version, now)]
    for version in going:
        delete_for_good(transaction, version, now)
    if len(due) < limit:
        return going, None
    last = due[-1]
    return going, (_hard_deletion_time(last), last.uid)


def _may_go(transaction: Transaction, version: AnyVersion, now: datetime) -> bool:
    try:
        gallery = galleries.require(transaction, version.name.definition.gallery)
        regions.check_home(transaction, gallery.location)
        protection.check(transaction, version.name, Effect.DELETE)
        # Whether anything runs from it was asked when it was deleted; its use has ended since.
        check_deletable(transaction, version, now, force=True)
        check_no_source(transaction, version)
    except DomainError:
        return False
    return True


def _hard_deletion_time(version: AnyVersion) -> datetime:
    if version.soft_deletion is None:
        raise ValueError(version.name)
    return version.soft_deletion.hard_deletion_time


def _wrong(version: AnyVersion, state: str, needed: str) -> WrongState:
    return WrongState(kind_of(version.name).name, str(version.name), state, needed)


def _begun(transaction: Transaction, version: AnyVersion) -> Operation | None:
    running = operations.running_on(transaction, version.uid)
    return next((operation for operation in running if operation.verb is Verb.DELETE), None)


def check_deletable(transaction: Transaction, version: AnyVersion, now: datetime, *, force: bool = False) -> None:
    """As `check_unneeded`; raises InUse also while an alias points at the version, whatever the force."""
    check_unaliased(transaction, version)
    check_unneeded(transaction, version, now, force=force)


def check_unneeded(transaction: Transaction, version: AnyVersion, now: datetime, *, force: bool = False) -> None:
    """Raises DeletionBlocked before its end of life, InUse, without `force`, as `check_unused`."""
    kept_until = version.spec.kept_until(now)
    if kept_until is not None:
        raise DeletionBlocked(kind_of(version.name).name, str(version.name), kept_until.isoformat())
    if not force:
        check_unused(transaction, version)


def check_unused(transaction: Transaction, version: AnyVersion) -> None:
    """Raises InUse while the version has deployments or others are copied from it."""
    found = deployments.page(transaction, version.uid, None, 1, descending=False)
    if found:
        count = deployments.count_of(transaction, version.uid)
        raise InUse(kind_of(version.name).name, str(version.name), str(found[0].name), count)
    check_no_source(transaction, version)


def check_unaliased(transaction: Transaction, version: AnyVersion) -> None:
    """Raises InUse while an alias points at the version."""
    pointing = aliases.of_version(transaction, version.uid)
    if pointing:
        raise InUse(kind_of(version.name).name, str(version.name), str(pointing[0].name), len(pointing))


def check_no_source(transaction: Transaction, version: AnyVersion) -> None:
    """Raises InUse while others are copied from the version."""
    unfinished = copies.count_unfinished_from(transaction, version.uid)
    if unfinished:
        raise InUse(kind_of(version.name).name, str(version.name), "a copy that is being made from it", unfinished)


def delete_for_good(transaction: Transaction, version: AnyVersion, now: datetime) -> Operation:
    """Begin to delete a version that may go; what runs on it is cancelled, what only it had for others fails."""
    for creation in operations.running_on(transaction, version.uid):
        end_cancelled(transaction, creation.uid, creation.target, now)
    versions.set_state(transaction, version.uid, VersionState.DELETING, new_etag())
    copies.delete_all(transaction, version.uid)
    for uid in copies.fail_from(transaction, version.uid, f"its source {version.name} was deleted"):
        settle_version(transaction, uid, now)
    operation = begin(transaction, version, Verb.DELETE, uuid4(), now)
    settle_version(transaction, version.uid, now)
    return operations.find(transaction, operation.uid) or operation


def _delete_softly(transaction: Transaction, version: AnyVersion, deletion: SoftDeletion, now: datetime) -> Operation:
    if version.state in UNDER_WAY:
        _cancel(transaction, version, now)
    settled = require(transaction, version.name)
    versions.change(transaction, replace(settled, soft_deletion=deletion, update_time=now, etag=new_etag()))
    operation = begin(transaction, version, Verb.DELETE, uuid4(), now)
    operations.finish(transaction, operation.uid, OperationState.SUCCEEDED, now)
    return operations.find(transaction, operation.uid) or operation


def _cancel(transaction: Transaction, version: AnyVersion, now: datetime) -> None:
    """Give up what is still being made of a version: nobody waits for it any more."""
    for operation in operations.running_on(transaction, version.uid):
        operations.request_cancel(transaction, operation.uid)
    copies.fail_unfinished(transaction, version.uid, "cancelled")
    settle_version(transaction, version.uid, now)
