"""What follows for a version and its operations when one of its copies has moved on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from galleria_server.catalogue.writes import new_etag
from galleria_server.domain.models import Copy, CopyState, Failure, OperationState
from galleria_server.domain.replication import wanted, was_ready
from galleria_server.domain.version import UNDER_WAY, AnyVersion, VersionState
from galleria_server.metadata import copies, definitions, galleries, operations, versions
from galleria_server.metadata.engine import Transaction


def settle_version(transaction: Transaction, version_uid: UUID, now: datetime) -> None:
    """Bring version and operations in line with the copies. Call in the transaction that moved a copy; ring after it.

    A version that is being made or changed is SUCCEEDED when every copy is READY, or was and came to lack something;
    FAILED when none is under way and one FAILED; and gone when it was being deleted and its last copy is.
    """
    version = versions.find_by_uid(transaction, version_uid)
    if version is None:
        return
    found = copies.of_version(transaction, version_uid)
    if version.state is VersionState.DELETING and not found:
        _end_operations(transaction, version_uid, OperationState.SUCCEEDED, now)
        versions.drop(transaction, version_uid)
        settle_definition(transaction, version.definition_uid, now)
    elif version.state in UNDER_WAY and _is_made(version, kept := wanted(version, found)):
        _end_making(transaction, version, kept, now)


def settle_definition(transaction: Transaction, uid: UUID, now: datetime) -> None:
    """Remove a definition that is deleted with its versions when they are gone, then its gallery likewise."""
    definition = definitions.find_by_uid(transaction, uid)
    if definition is None or not definition.deleting or versions.count(transaction, uid):
        return
    definitions.drop(transaction, uid)
    _end_operations(transaction, uid, OperationState.SUCCEEDED, now)
    settle_gallery(transaction, definition.gallery_uid, now)


def settle_gallery(transaction: Transaction, uid: UUID, now: datetime) -> None:
    """Remove a gallery that is deleted with its definitions when they are gone."""
    gallery = galleries.find_by_uid(transaction, uid)
    if gallery is not None and gallery.deleting and not definitions.count(transaction, uid):
        galleries.drop(transaction, uid)
        _end_operations(transaction, uid, OperationState.SUCCEEDED, now)


def _is_made(version: AnyVersion, found: Sequence[Copy]) -> bool:
    return all(copy.state not in copies.UNFINISHED or was_ready(version, copy) for copy in found)


def _end_making(transaction: Transaction, version: AnyVersion, found: Sequence[Copy], now: datetime) -> None:
    failed = [copy for copy in found if copy.state is CopyState.FAILED]
    if not failed:
        versions.set_state(transaction, version.uid, VersionState.SUCCEEDED, new_etag(), published_time=now)
        _end_operations(transaction, version.uid, OperationState.SUCCEEDED, now)
        return
    versions.set_state(transaction, version.uid, VersionState.FAILED, new_etag())
    for operation in operations.running_on(transaction, version.uid):
        if operation.cancel_requested:
            end_cancelled(transaction, operation.uid, operation.target, now)
    _end_operations(transaction, version.uid, OperationState.FAILED, now, _failure(version, failed))


def end_cancelled(transaction: Transaction, uid: UUID, target: str, now: datetime) -> None:
    """End a running operation as cancelled."""
    failure = Failure("CANCELLED", f"the replication of {target} was cancelled", {"target": target})
    operations.finish(transaction, uid, OperationState.CANCELLED, now, failure)


def _end_operations(
    transaction: Transaction, version_uid: UUID, state: OperationState, now: datetime, failure: Failure | None = None
) -> None:
    for operation in operations.running_on(transaction, version_uid):
        operations.finish(transaction, operation.uid, state, now, failure)


def _failure(version: AnyVersion, failed: Sequence[Copy]) -> Failure:
    regions = ", ".join(sorted({copy.region for copy in failed}))
    first = failed[0]
    values = {"name": str(version.name), "regions": regions, "volume": first.volume, "details": first.details}
    message = f"{version.name} could not be replicated to {regions}; volume {first.volume}: {first.details}"
    return Failure("VOLUME_UNAVAILABLE", message, values)
