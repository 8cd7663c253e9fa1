"""Versions of images and applications with their contents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, delete, exists, func, insert, literal, or_, select, tuple_, update

from galleria_server.domain.models import CopyState
from galleria_server.domain.names import DefinitionName, GalleryName, GroupName, VersionName, VersionNumber
from galleria_server.domain.soft_deletion import ImageState, SoftDeletion
from galleria_server.domain.version import AnyVersion, Content, Version, VersionState
from galleria_server.metadata.columns import Time
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.named import OF_VERSION, values_of
from galleria_server.metadata.tables import (
    contents,
    copies,
    definitions,
    galleries,
    resource_groups,
    target_regions,
    versions,
)

_NUMBER = (versions.c.major, versions.c.minor, versions.c.patch)
_VERSIONS = (
    select(
        versions,
        definitions.c.name.label("definition_name"),
        galleries.c.name.label("gallery_name"),
        galleries.c.group_uid,
        resource_groups.c.name.label("group_name"),
    )
    .join_from(versions, definitions)
    .join(galleries)
    .join(resource_groups)
)


# Made once: to put one together takes longer than to run it.
_BY_NAME = _VERSIONS.where(*OF_VERSION)
_BY_UID = _VERSIONS.where(versions.c.uid == bindparam("uid"))
_CONTENTS = (
    select(contents).where(contents.c.version_uid.in_(bindparam("uids", expanding=True))).order_by(contents.c.position)
)


def _highest_first(statement: Select[tuple[object, ...]]) -> Select[tuple[object, ...]]:
    return statement.order_by(*(column.desc() for column in _NUMBER))


def _usable_in_region() -> Select[tuple[object, ...]]:
    ready = exists().where(
        copies.c.version_uid == contents.c.version_uid,
        copies.c.position == contents.c.position,
        copies.c.region == bindparam("region"),
        copies.c.state == CopyState.READY,
    )
    lacking = exists().where(contents.c.version_uid == versions.c.uid, ~ready)
    counts = exists().where(
        target_regions.c.version_uid == versions.c.uid,
        target_regions.c.region == bindparam("region"),
        target_regions.c.excluded.is_(False),
    )
    return _VERSIONS.where(
        versions.c.definition_uid == bindparam("definition_uid"),
        versions.c.state != VersionState.DELETING,
        versions.c.soft_delete_time.is_(None),
        counts,
        ~lacking,
    )


_END = versions.c.end_of_life_time
_LATEST = _highest_first(_usable_in_region()).limit(1)
_LATEST_LIVING = _LATEST.where(or_(_END.is_(None), bindparam("living_at") < _END))
_OF_DEFINITION = _VERSIONS.where(versions.c.definition_uid == bindparam("definition_uid")).limit(bindparam("limit"))
_BOUND = tuple_(*(bindparam(f"bound_{part}") for part in VersionNumber._fields))
_ALL_OF = _highest_first(_OF_DEFINITION)
_ABOVE = _ALL_OF.where(tuple_(*_NUMBER) > _BOUND)


@cache
def _page(state: ImageState | None, ascending: bool, bounded: bool) -> Select[tuple[object, ...]]:  # noqa: FBT001
    statement, number = _OF_DEFINITION, tuple_(*_NUMBER)
    if state is not None:
        active = versions.c.soft_delete_time.is_(None)
        statement = statement.where(active if state is ImageState.ACTIVE else ~active)
    if bounded:
        statement = statement.where(number > _BOUND if ascending else number < _BOUND)
    return statement.order_by(*_NUMBER) if ascending else _highest_first(statement)


def _bound(number: VersionNumber | None) -> dict[str, int]:
    return {} if number is None else {f"bound_{part}": n for part, n in number._asdict().items()}


def find(transaction: Transaction, name: VersionName) -> AnyVersion | None:
    """The version of that name, whose number must be exact."""
    return _one(transaction, _BY_NAME, values_of(name))


def find_by_uid(transaction: Transaction, uid: UUID) -> AnyVersion | None:
    """The version with that uid."""
    return _one(transaction, _BY_UID, {"uid": uid})


def with_digest(transaction: Transaction, digest: str) -> list[tuple[AnyVersion, int]]:
    """All versions that have that content, and at which position."""
    statement = select(contents.c.version_uid, contents.c.position).where(contents.c.digest == digest)
    rows = transaction.execute(statement).all()
    found = {version.uid: version for version in _some(transaction, [row.version_uid for row in rows])}
    return [(found[row.version_uid], row.position) for row in rows]


def find_latest(
    transaction: Transaction, definition_uid: UUID, region: str, living_at: datetime | None = None
) -> AnyVersion | None:
    """The highest version by number all of whose contents are READY in `region` and that is not excluded there.

    With `living_at` one whose end of life has come by then is passed over.
    """
    values = {"definition_uid": definition_uid, "region": region}
    if living_at is None:
        return _one(transaction, _LATEST, values)
    return _one(transaction, _LATEST_LIVING, {**values, "living_at": living_at})


def page(
    transaction: Transaction,
    definition_uid: UUID,
    after: VersionNumber | None,
    limit: int,
    state: ImageState | None = None,
    *,
    ascending: bool = False,
) -> list[AnyVersion]:
    """Up to `limit` versions of the definition, highest number first unless `ascending`, those beyond `after`.

    Of those in `state`, or of all.
    """
    values = {"definition_uid": definition_uid, "limit": limit, **_bound(after)}
    return _all(transaction, _page(state, ascending, after is not None), values)


def past_hard_deletion(
    transaction: Transaction, now: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> list[AnyVersion]:
    """Up to `limit` soft-deleted versions whose time has come and whose deletion has not begun, by that time and uid.

    Those after a time and uid.
    """
    time = versions.c.hard_deletion_time
    statement = _VERSIONS.where(time <= now, versions.c.state != VersionState.DELETING)
    if after is not None:
        position = tuple_(time, versions.c.uid, types=(Time, versions.c.uid.type))
        statement = statement.where(position > after)
    return _all(transaction, statement.order_by(time, versions.c.uid).limit(limit))


def each(transaction: Transaction, definition_uid: UUID, at_once: int = 500) -> Iterator[AnyVersion]:
    """All versions of the definition, whatever their state, highest number first."""
    statement = _highest_first(_VERSIONS.where(versions.c.definition_uid == definition_uid).limit(at_once))
    found = _all(transaction, statement)
    while found:
        yield from found
        found = _all(transaction, statement.where(tuple_(*_NUMBER) < tuple(found[-1].number)))


def above(transaction: Transaction, definition_uid: UUID, number: VersionNumber | None, limit: int) -> list[AnyVersion]:
    """Up to `limit` versions of the definition whose number is above `number`, or any, highest first."""
    values = {"definition_uid": definition_uid, "limit": limit}
    return _all(transaction, _ALL_OF if number is None else _ABOVE, {**values, **_bound(number)})


def count(transaction: Transaction, definition_uid: UUID, above: VersionNumber | None = None) -> int:
    """How many versions the definition has, those being deleted too; with `above` those whose number is higher."""
    statement = select(func.count()).where(versions.c.definition_uid == definition_uid)
    if above is not None:
        statement = statement.where(tuple_(*_NUMBER) > tuple(above))
    return transaction.execute(statement).scalar_one()


def add(transaction: Transaction, version: AnyVersion) -> None:
    """Add a version whose number is free, with its contents."""
    number = version.number
    values = {
        "uid": version.uid,
        "subscription": version.name.definition.gallery.group.subscription,
        "artifact": version.name.definition.artifact,
        "definition_uid": version.definition_uid,
        "major": number.major,
        "minor": number.minor,
        "patch": number.patch,
        "location": version.location,
        "create_time": version.create_time,
    }
    transaction.execute(insert(versions).values({**values, **_changing(version)}))
    add_contents(transaction, version.uid, version.contents)
    _index_regions(transaction, version)


def add_contents(transaction: Transaction, uid: UUID, added: Sequence[Content]) -> None:
    """Add contents of a version, at positions that it has nothing at."""
    transaction.execute(insert(contents), [{"version_uid": uid, **asdict(content)} for content in added])


def change(transaction: Transaction, version: AnyVersion) -> None:
    """Write what may change of a version."""
    transaction.execute(update(versions).where(versions.c.uid == version.uid).values(_changing(version)))
    transaction.execute(delete(target_regions).where(target_regions.c.version_uid == version.uid))
    _index_regions(transaction, version)


def set_state(
    transaction: Transaction, uid: UUID, state: VersionState, etag: str, published_time: datetime | None = None
) -> None:
    """Move a version to `state` with a new etag; `published_time` is set unless it is None or was set before."""
    values: dict[str, object] = {"state": state, "etag": etag}
    if published_time is not None:
        values["published_time"] = func.coalesce(versions.c.published_time, literal(published_time, Time))
    transaction.execute(update(versions).where(versions.c.uid == uid).values(values))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a version that has no copies any more."""
    for table in (target_regions, contents):
        transaction.execute(delete(table).where(table.c.version_uid == uid))
    transaction.execute(delete(versions).where(versions.c.uid == uid))


def drop_contents(transaction: Transaction, uid: UUID) -> None:
    """Remove the contents of a version that has no copies."""
    transaction.execute(delete(contents).where(contents.c.version_uid == uid))


def _changing(version: AnyVersion) -> dict[str, object]:
    return {
        **_soft_deletion_columns(version.soft_deletion),
        "spec": version.spec,
        "state": version.state,
        "operation_uid": version.operation_uid,
        "update_time": version.update_time,
        "published_time": version.published_time,
        "end_of_life_time": version.spec.end_of_life_time,
        "etag": version.etag,
    }


def _soft_deletion_columns(deletion: SoftDeletion | None) -> dict[str, object]:
    return {field.name: deletion and getattr(deletion, field.name) for field in fields(SoftDeletion)}


def _soft_deletion(row: Row[tuple[object, ...]]) -> SoftDeletion | None:
    if row.soft_delete_time is None:
        return None
    return SoftDeletion(row.soft_delete_time, row.consumption_end_time, row.hard_deletion_time)


def _index_regions(transaction: Transaction, version: AnyVersion) -> None:
    rows = [
        {"version_uid": version.uid, "region": target.region, "excluded": version.spec.excludes(target)}
        for target in version.target_regions
    ]
    transaction.execute(insert(target_regions), rows)


def _one(
    transaction: Transaction, statement: Select[tuple[object, ...]], values: Mapping[str, object] | None = None
) -> AnyVersion | None:
    return next(iter(_all(transaction, statement, values)), None)


def _some(transaction: Transaction, uids: Sequence[UUID]) -> list[AnyVersion]:
    return _all(transaction, _VERSIONS.where(versions.c.uid.in_(uids))) if uids else []


def _all(
    transaction: Transaction, statement: Select[tuple[object, ...]], values: Mapping[str, object] | None = None
) -> list[AnyVersion]:
    rows = transaction.execute(statement, values).all()
    found = _contents_of(transaction, [row.uid for row in rows])
    return [_version(row, tuple(found[row.uid])) for row in rows]


def _contents_of(transaction: Transaction, uids: Sequence[UUID]) -> dict[UUID, list[Content]]:
    found: dict[UUID, list[Content]] = defaultdict(list)
    for version_uid, *values in transaction.execute(_CONTENTS, {"uids": uids}) if uids else ():
        found[version_uid].append(Content(*values))
    return found


def _version(row: Row[tuple[object, ...]], found: tuple[Content, ...]) -> AnyVersion:
    gallery = GalleryName(GroupName(row.subscription, row.group_name), row.gallery_name)
    definition = DefinitionName(gallery, row.definition_name, row.artifact)
    return Version(
        uid=row.uid,
        group_uid=row.group_uid,
        definition_uid=row.definition_uid,
        name=VersionName(definition, VersionNumber(row.major, row.minor, row.patch)),
        location=row.location,
        spec=row.spec,
        contents=found,
        state=row.state,
        operation_uid=row.operation_uid,
        create_time=row.create_time,
        update_time=row.update_time,
        published_time=row.published_time,
        etag=row.etag,
        soft_deletion=_soft_deletion(row),
    )
