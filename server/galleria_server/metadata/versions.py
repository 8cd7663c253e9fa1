"""Image versions with their target regions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, delete, exists, func, insert, select, tuple_, update

from galleria_server.domain.models import CopyState, ImageVersion, TargetRegion, VersionState
from galleria_server.domain.names import GalleryName, GroupName, ImageName, VersionName, VersionNumber, fold
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import (
    copies,
    galleries,
    image_definitions,
    image_versions,
    resource_groups,
    target_regions,
)

_NUMBER = (image_versions.c.major, image_versions.c.minor, image_versions.c.patch)
_VERSIONS = (
    select(
        image_versions,
        image_definitions.c.name.label("image_name"),
        galleries.c.name.label("gallery_name"),
        galleries.c.group_uid,
        resource_groups.c.name.label("group_name"),
        resource_groups.c.subscription,
    )
    .join_from(image_versions, image_definitions)
    .join(galleries)
    .join(resource_groups)
)


def find(transaction: Transaction, name: VersionName) -> ImageVersion | None:
    """The version of that name, whose number must be exact."""
    if name.number is None:
        raise ValueError(name)
    group = name.image.gallery.group
    statement = _VERSIONS.where(
        resource_groups.c.subscription == group.subscription,
        resource_groups.c.key == fold(group.group),
        galleries.c.key == fold(name.image.gallery.gallery),
        image_definitions.c.key == fold(name.image.image),
        tuple_(*_NUMBER) == tuple(name.number),
    )
    return _one(transaction, statement)


def find_by_uid(transaction: Transaction, uid: UUID) -> ImageVersion | None:
    """The version with that uid."""
    return _one(transaction, _VERSIONS.where(image_versions.c.uid == uid))


def with_digest(transaction: Transaction, digest: str) -> list[ImageVersion]:
    """All versions with that content."""
    return _all(transaction, _VERSIONS.where(image_versions.c.digest == digest))


def find_latest(transaction: Transaction, definition_uid: UUID, region: str) -> ImageVersion | None:
    """The highest version by number that has a READY copy in `region` and is not excluded from latest there."""
    ready = exists().where(
        copies.c.version_uid == image_versions.c.uid,
        copies.c.region == region,
        copies.c.state == CopyState.READY,
    )
    excluded = exists().where(
        target_regions.c.version_uid == image_versions.c.uid,
        target_regions.c.region == region,
        target_regions.c.exclude_from_latest.is_(True),
    )
    statement = _VERSIONS.where(
        image_versions.c.definition_uid == definition_uid,
        image_versions.c.state != VersionState.DELETING,
        image_versions.c.exclude_from_latest.is_(False),
        ready,
        ~excluded,
    )
    return _one(transaction, _highest_first(statement).limit(1))


def page(transaction: Transaction, definition_uid: UUID, below: VersionNumber | None, limit: int) -> list[ImageVersion]:
    """Up to `limit` versions of the definition, highest number first, those whose number is less than `below`."""
    statement = _VERSIONS.where(image_versions.c.definition_uid == definition_uid)
    if below is not None:
        statement = statement.where(tuple_(*_NUMBER) < tuple(below))
    return _all(transaction, _highest_first(statement).limit(limit))


def count(transaction: Transaction, definition_uid: UUID) -> int:
    """How many versions the definition has, those being deleted too."""
    statement = select(func.count()).where(image_versions.c.definition_uid == definition_uid)
    return transaction.execute(statement).scalar_one()


def add(transaction: Transaction, version: ImageVersion) -> None:
    """Add a version whose number is free, with its target regions."""
    number = version.number
    values = {
        "uid": version.uid,
        "definition_uid": version.definition_uid,
        "major": number.major,
        "minor": number.minor,
        "patch": number.patch,
        "location": version.location,
        "tags": version.tags,
        "source_disk_uid": version.source_disk_uid,
        "source_disk": version.source_disk,
        "exclude_from_latest": version.exclude_from_latest,
        "size_bytes": version.size_bytes,
        "occupied_bytes": version.occupied_bytes,
        "digest": version.digest,
        "sha256": version.sha256,
        "state": version.state,
        "operation_uid": version.operation_uid,
        "create_time": version.create_time,
        "published_time": version.published_time,
        "etag": version.etag,
    }
    transaction.execute(insert(image_versions).values(values))
    targets = [_target_values(version.uid, i, target) for i, target in enumerate(version.target_regions)]
    transaction.execute(insert(target_regions), targets)


def order_at_least(transaction: Transaction, uid: UUID, target: TargetRegion) -> None:
    """Order as many replicas of a version in a region, unless as many are ordered there."""
    own = (target_regions.c.version_uid == uid) & (target_regions.c.region == target.region)
    row = transaction.execute(select(target_regions).where(own)).one_or_none()
    if row is None:
        highest = select(func.max(target_regions.c.position)).where(target_regions.c.version_uid == uid)
        position = transaction.execute(highest).scalar_one()
        values = _target_values(uid, 0 if position is None else position + 1, target)
        transaction.execute(insert(target_regions).values(values))
    elif row.replica_count < target.replica_count:
        transaction.execute(update(target_regions).where(own).values(replica_count=target.replica_count))


def set_state(
    transaction: Transaction, uid: UUID, state: VersionState, etag: str, published_time: datetime | None = None
) -> None:
    """Move a version to `state` with a new etag; `published_time` stays as it is when None."""
    values: dict[str, object] = {"state": state, "etag": etag}
    if published_time is not None:
        values["published_time"] = published_time
    transaction.execute(update(image_versions).where(image_versions.c.uid == uid).values(values))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a version that has no copies any more."""
    transaction.execute(delete(target_regions).where(target_regions.c.version_uid == uid))
    transaction.execute(delete(image_versions).where(image_versions.c.uid == uid))


def _target_values(uid: UUID, position: int, target: TargetRegion) -> dict[str, object]:
    return {
        "version_uid": uid,
        "region": target.region,
        "position": position,
        "replica_count": target.replica_count,
        "account": target.account,
        "exclude_from_latest": target.exclude_from_latest,
    }


def _highest_first(statement: Select[tuple[object, ...]]) -> Select[tuple[object, ...]]:
    return statement.order_by(*(column.desc() for column in _NUMBER))


def _one(transaction: Transaction, statement: Select[tuple[object, ...]]) -> ImageVersion | None:
    return next(iter(_all(transaction, statement)), None)


def _all(transaction: Transaction, statement: Select[tuple[object, ...]]) -> list[ImageVersion]:
    rows = transaction.execute(statement).all()
    targets = _targets_of(transaction, [row.uid for row in rows])
    return [_version(row, tuple(targets[row.uid])) for row in rows]


def _targets_of(transaction: Transaction, uids: Sequence[UUID]) -> dict[UUID, list[TargetRegion]]:
    found: dict[UUID, list[TargetRegion]] = {uid: [] for uid in uids}
    statement = select(target_regions).where(target_regions.c.version_uid.in_(uids)).order_by(target_regions.c.position)
    for row in transaction.execute(statement) if uids else ():
        target = TargetRegion(row.region, row.replica_count, row.account, row.exclude_from_latest)
        found[row.version_uid].append(target)
    return found


def _version(row: Row[tuple[object, ...]], targets: tuple[TargetRegion, ...]) -> ImageVersion:
    image = ImageName(GalleryName(GroupName(row.subscription, row.group_name), row.gallery_name), row.image_name)
    return ImageVersion(
        uid=row.uid,
        group_uid=row.group_uid,
        definition_uid=row.definition_uid,
        name=VersionName(image, VersionNumber(row.major, row.minor, row.patch)),
        location=row.location,
        tags=row.tags,
        source_disk_uid=row.source_disk_uid,
        source_disk=row.source_disk,
        target_regions=targets,
        exclude_from_latest=row.exclude_from_latest,
        size_bytes=row.size_bytes,
        occupied_bytes=row.occupied_bytes,
        digest=row.digest,
        sha256=row.sha256,
        state=row.state,
        operation_uid=row.operation_uid,
        create_time=row.create_time,
        published_time=row.published_time,
        etag=row.etag,
    )
