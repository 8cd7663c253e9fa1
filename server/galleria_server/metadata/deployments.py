"""Deployments."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, select, update

from galleria_server.domain.deployment import Deployment
from galleria_server.domain.names import DeploymentName, GroupName, fold
from galleria_server.domain.pages import Position
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import deployments, resource_groups

_DEPLOYMENTS = select(
    deployments, resource_groups.c.subscription, resource_groups.c.name.label("group_name")
).join_from(deployments, resource_groups)


def find(transaction: Transaction, name: DeploymentName) -> Deployment | None:
    """The deployment of that name."""
    return _one(transaction, _DEPLOYMENTS.where(_of_group(name.group), deployments.c.key == fold(name.deployment)))


def find_by_uid(transaction: Transaction, uid: UUID) -> Deployment | None:
    """The deployment with that uid."""
    return _one(transaction, _DEPLOYMENTS.where(deployments.c.uid == uid))


def page(
    transaction: Transaction, of: GroupName | UUID, after: Position | None, limit: int, *, descending: bool
) -> list[Deployment]:
    """Up to `limit` deployments of a group, or of the version with that uid, by key and uid, beyond `after`."""
    own = _of_group(of) if isinstance(of, GroupName) else deployments.c.version_uid == of
    statement = _DEPLOYMENTS.where(own)
    if after is not None:
        key, uid = str(after[0]), UUID(str(after[1]))
        same = and_(deployments.c.key == key, deployments.c.uid < uid if descending else deployments.c.uid > uid)
        statement = statement.where((deployments.c.key < key if descending else deployments.c.key > key) | same)
    order = (deployments.c.key, deployments.c.uid)
    ordered = statement.order_by(*(column.desc() for column in order) if descending else order)
    return [_deployment(row) for row in transaction.execute(ordered.limit(limit))]


def count_of(transaction: Transaction, version_uid: UUID) -> int:
    """How many deployments a version has."""
    own = deployments.c.version_uid == version_uid
    return transaction.execute(select(func.count()).select_from(deployments).where(own)).scalar_one()


def add(transaction: Transaction, deployment: Deployment) -> None:
    """Add a deployment whose name is free."""
    values = {
        "uid": deployment.uid,
        "group_uid": deployment.group_uid,
        "name": deployment.name.deployment,
        "key": fold(deployment.name.deployment),
        "create_time": deployment.create_time,
        **_changing(deployment),
    }
    transaction.execute(insert(deployments).values(values))


def change(transaction: Transaction, deployment: Deployment) -> None:
    """Write what may change of a deployment."""
    transaction.execute(update(deployments).where(deployments.c.uid == deployment.uid).values(_changing(deployment)))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a deployment."""
    transaction.execute(delete(deployments).where(deployments.c.uid == uid))


def _of_group(group: GroupName) -> ColumnElement[bool]:
    return and_(resource_groups.c.subscription == group.subscription, resource_groups.c.key == fold(group.group))


def _changing(deployment: Deployment) -> dict[str, object]:
    return {
        "version_uid": deployment.version_uid,
        "spec": deployment.spec,
        "update_time": deployment.update_time,
        "etag": deployment.etag,
    }


def _one(transaction: Transaction, statement: Select[tuple[object, ...]]) -> Deployment | None:
    row = transaction.execute(statement).one_or_none()
    return None if row is None else _deployment(row)


def _deployment(row: Row[tuple[object, ...]]) -> Deployment:
    return Deployment(
        uid=row.uid,
        group_uid=row.group_uid,
        name=DeploymentName(GroupName(row.subscription, row.group_name), row.name),
        version_uid=row.version_uid,
        spec=row.spec,
        create_time=row.create_time,
        update_time=row.update_time,
        etag=row.etag,
    )
