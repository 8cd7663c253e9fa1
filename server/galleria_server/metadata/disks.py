"""Disks."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Row, Select, delete, insert, select, update

from galleria_server.domain.models import Disk, DiskState
from galleria_server.domain.names import DiskName, GroupName, fold
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.keysets import stretch
from galleria_server.metadata.tables import disks, resource_groups

_DISKS = select(disks, resource_groups.c.subscription, resource_groups.c.name.label("group_name")).join_from(
    disks, resource_groups
)


def find(transaction: Transaction, name: DiskName) -> Disk | None:
    """The disk of that name; one that was condemned has none."""
    statement = _DISKS.where(
        resource_groups.c.subscription == name.group.subscription,
        resource_groups.c.key == fold(name.group.group),
        disks.c.key == fold(name.disk),
    )
    return _one(transaction, statement)


def find_by_uid(transaction: Transaction, uid: UUID) -> Disk | None:
    """The disk with that uid, condemned or not."""
    return _one(transaction, _DISKS.where(disks.c.uid == uid))


def find_by_session(transaction: Transaction, session: UUID) -> Disk | None:
    """The disk that the push fills or has filled."""
    return _one(transaction, _DISKS.where(disks.c.session == session))


def find_by_root(transaction: Transaction, location: str, volume: str, root_id: UUID) -> Disk | None:
    """The disk whose content that root on a volume pins, or will pin."""
    own = (disks.c.location == location, disks.c.volume == volume, disks.c.root_id == root_id)
    return _one(transaction, _DISKS.where(*own))


def with_digest(transaction: Transaction, digest: str) -> list[Disk]:
    """All disks with that content, condemned or not."""
    return [_disk(row) for row in transaction.execute(_DISKS.where(disks.c.digest == digest))]


def page(transaction: Transaction, group: GroupName, after: str, limit: int, *, descending: bool = False) -> list[Disk]:
    """Up to `limit` disks of the group in order of key, those beyond `after`; "" stands before all."""
    statement = _DISKS.where(
        resource_groups.c.subscription == group.subscription,
        resource_groups.c.key == fold(group.group),
        disks.c.state != DiskState.DELETING,
    )
    found = transaction.execute(stretch(statement, disks.c.key, after, limit, descending=descending))
    return [_disk(row) for row in found]


def in_states(transaction: Transaction, states: Sequence[DiskState]) -> list[Disk]:
    """All disks in one of the states."""
    return [_disk(row) for row in transaction.execute(_DISKS.where(disks.c.state.in_(states)))]


def add(transaction: Transaction, disk: Disk) -> None:
    """Add a disk whose name is free."""
    values = {"uid": disk.uid, "group_uid": disk.group_uid, "name": disk.name.disk, "key": fold(disk.name.disk)}
    fixed = {"location": disk.location, "volume": disk.volume, "create_time": disk.create_time}
    said = {"kind": disk.kind, "system": disk.system}
    transaction.execute(insert(disks).values({**values, **fixed, **said, **_changing(disk)}))


def save(transaction: Transaction, disk: Disk, when: DiskState) -> bool:
    """Write what changes in a disk's life, if its state is still `when`. False: it is not, nothing was written."""
    statement = update(disks).where(disks.c.uid == disk.uid, disks.c.state == when)
    return transaction.execute(statement.values(_changing(disk))).rowcount == 1


def condemn(transaction: Transaction, uid: UUID) -> None:
    """Make a disk DELETING. Its name is free from now on."""
    values = {"state": DiskState.DELETING, "key": f"/{uid}"}
    transaction.execute(update(disks).where(disks.c.uid == uid).values(values))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a DELETING disk whose root was released."""
    transaction.execute(delete(disks).where(disks.c.uid == uid, disks.c.state == DiskState.DELETING))


def _changing(disk: Disk) -> dict[str, object]:
    return {
        "root_id": disk.root_id,
        "state": disk.state,
        "session": disk.session,
        "size_bytes": disk.size_bytes,
        "occupied_bytes": disk.occupied_bytes,
        "digest": disk.digest,
        "sha256": disk.sha256,
        "statistics": disk.statistics,
        "ready_time": disk.ready_time,
        "etag": disk.etag,
    }


def _one(transaction: Transaction, statement: Select[tuple[object, ...]]) -> Disk | None:
    row = transaction.execute(statement).one_or_none()
    return None if row is None else _disk(row)


def _disk(row: Row[tuple[object, ...]]) -> Disk:
    return Disk(
        uid=row.uid,
        group_uid=row.group_uid,
        name=DiskName(GroupName(row.subscription, row.group_name), row.name),
        location=row.location,
        volume=row.volume,
        root_id=row.root_id,
        state=row.state,
        session=row.session,
        size_bytes=row.size_bytes,
        occupied_bytes=row.occupied_bytes,
        digest=row.digest,
        sha256=row.sha256,
        statistics=row.statistics,
        create_time=row.create_time,
        ready_time=row.ready_time,
        etag=row.etag,
        kind=row.kind,
        system=row.system,
    )
