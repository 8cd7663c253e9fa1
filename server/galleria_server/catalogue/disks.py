"""Disks: made, filled by one push, deleted. Every function is one step of a transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import groups, protection
from galleria_server.catalogue.writes import Write, check_etag, make_once, new_etag, remove_once
from galleria_server.domain.disk_system import DiskSystem
from galleria_server.domain.errors import AlreadyExists, InUse, NotFound, WrongState
from galleria_server.domain.errors_content import PushMissing
from galleria_server.domain.locks import Effect
from galleria_server.domain.models import BEFORE_READY, Disk, DiskKind, DiskState
from galleria_server.domain.names import DiskName
from galleria_server.metadata import copies, disks
from galleria_server.metadata import groups as group_rows
from galleria_server.metadata.engine import Transaction

KIND = "disk"


@dataclass(frozen=True, slots=True)
class NewDisk:
    """An empty disk that is asked for; `size_bytes` is 0 while nobody knows it."""

    name: DiskName
    location: str
    size_bytes: int
    kind: DiskKind
    system: DiskSystem


@dataclass(frozen=True, slots=True)
class Pinned:
    """Content that is safe on its volume: sizes in bytes, the disk's digest, chunks with repeated ones each time."""

    size_bytes: int
    occupied_bytes: int
    digest: str
    chunks: int


def get(transaction: Transaction, name: DiskName) -> Disk:
    """The disk of that name. Raises NotFound."""
    disk = disks.find(transaction, name)
    if disk is None:
        raise NotFound(KIND, str(name))
    return disk


def pushed_in(transaction: Transaction, session: UUID) -> Disk:
    """The disk that a push fills or has filled. Raises PushMissing."""
    disk = disks.find_by_session(transaction, session)
    if disk is None or disk.state is DiskState.DELETING:
        raise PushMissing(str(session))
    return disk


def written_in(transaction: Transaction, session: UUID) -> Disk:
    """The disk of a push, when it may be written. Raises PushMissing, ScopeLocked."""
    disk = pushed_in(transaction, session)
    protection.check(transaction, disk.name, Effect.CHANGE)
    return disk


def create(
    transaction: Transaction,
    write: Write,
    now: datetime,
    wanted: NewDisk,
    choose_volume: Callable[[UUID], str],
) -> Disk:
    """A new empty disk; `choose_volume` gives the volume for a resource group's uid. Raises AlreadyExists."""

    def make(transaction: Transaction) -> Disk:
        group = groups.ensure(transaction, wanted.name.group, now)
        taken = disks.find(transaction, wanted.name)
        if taken is not None:
            raise AlreadyExists(KIND, str(taken.name))
        there = replace(wanted, name=DiskName(group.name, wanted.name.disk))
        disk = _empty(there, group.uid, choose_volume(group.uid), now)
        disks.add(transaction, disk)
        return disk

    def recall(transaction: Transaction, uid: UUID) -> Disk:
        disk = disks.find_by_uid(transaction, uid)
        if disk is None or disk.state is DiskState.DELETING:
            raise NotFound(KIND, str(wanted.name))
        return disk

    return make_once(transaction, write, now, make, recall)


def delete(transaction: Transaction, write: Write, now: datetime, name: DiskName, etag: str) -> None:
    """Mark a disk DELETING; its name is free at once. Raises NotFound, EtagMismatch, InUse."""

    def remove(transaction: Transaction) -> None:
        disk = get(transaction, name)
        check_etag(str(name), etag, disk.etag)
        unfinished = copies.count_unfinished_from(transaction, disk.uid)
        if unfinished:
            raise InUse(KIND, str(name), "a copy that is being made from it", unfinished)
        disks.condemn(transaction, disk.uid)

    remove_once(transaction, write, now, remove)


def forget(transaction: Transaction, disk: Disk) -> None:
    """The root of a condemned disk was released: remove its row, and that of its group if only that kept it."""
    disks.drop(transaction, disk.uid)
    group_rows.drop_condemned(transaction, disk.group_uid)


def open_push(transaction: Transaction, name: DiskName) -> Disk:
    """The disk with an open push, which begins here unless there is one. Raises NotFound, WrongState, ScopeLocked."""
    disk = get(transaction, name)
    protection.check(transaction, disk.name, Effect.CHANGE)
    if disk.state is DiskState.EMPTY:
        return _moved(transaction, disk, replace(disk, state=DiskState.PUSHING, session=uuid4()))
    if disk.state is DiskState.LOST:
        anew = replace(disk, state=DiskState.PUSHING, session=uuid4(), size_bytes=0, occupied_bytes=0)
        return _moved(transaction, disk, replace(anew, digest="", sha256="", statistics={}, ready_time=None))
    if disk.state not in (DiskState.PUSHING, DiskState.COMMITTING):
        raise WrongState(KIND, str(name), disk.state.value, DiskState.EMPTY.value)
    return disk


def begin_again(transaction: Transaction, uid: UUID) -> Disk:
    """A new session for a disk whose push has lapsed. Raises PushMissing when the disk has moved on."""
    disk = _unfinished(transaction, uid)
    return _moved(transaction, disk, replace(disk, state=DiskState.PUSHING, session=uuid4()))


def begin_commit(transaction: Transaction, uid: UUID, sha256: str, statistics: dict[str, object]) -> Disk:
    """Note that the content is about to be pinned, and what the client said of it. Raises PushMissing, ScopeLocked."""
    disk = _unfinished(transaction, uid)
    protection.check(transaction, disk.name, Effect.CHANGE)
    committing = replace(disk, state=DiskState.COMMITTING, sha256=sha256, statistics=statistics)
    return _moved(transaction, disk, committing)


def take_back_commit(transaction: Transaction, uid: UUID) -> Disk:
    """The content was not pinned: the push goes on. Raises PushMissing."""
    disk = _unfinished(transaction, uid)
    return _moved(transaction, disk, replace(disk, state=DiskState.PUSHING, sha256="", statistics={}))


def finish(transaction: Transaction, uid: UUID, now: datetime, content: Pinned) -> Disk:
    """The content is pinned: the disk is READY. Raises PushMissing when it was deleted meanwhile."""
    disk = _in(transaction, uid, BEFORE_READY)
    ready = replace(
        disk,
        state=DiskState.READY,
        size_bytes=content.size_bytes,
        occupied_bytes=content.occupied_bytes,
        digest=content.digest,
        statistics={**disk.statistics, "chunks": content.chunks},
        ready_time=now,
    )
    return _moved(transaction, disk, ready)


def end_push(transaction: Transaction, uid: UUID) -> None:
    """The push was given up or has lapsed: the disk is EMPTY again, unless it has moved on."""
    disk = disks.find_by_uid(transaction, uid)
    if disk is not None and disk.state in (DiskState.PUSHING, DiskState.COMMITTING):
        empty = replace(disk, state=DiskState.EMPTY, session=None, sha256="", statistics={})
        _moved(transaction, disk, empty)


def _unfinished(transaction: Transaction, uid: UUID) -> Disk:
    return _in(transaction, uid, (DiskState.PUSHING, DiskState.COMMITTING))


def _in(transaction: Transaction, uid: UUID, states: Collection[DiskState]) -> Disk:
    disk = disks.find_by_uid(transaction, uid)
    if disk is None or disk.state not in states:
        raise PushMissing(str(disk.session) if disk else str(uid))
    return disk


def _moved(transaction: Transaction, before: Disk, after: Disk) -> Disk:
    changed = replace(after, etag=new_etag())
    disks.save(transaction, changed, when=before.state)
    return changed


def _empty(wanted: NewDisk, group_uid: UUID, volume: str, now: datetime) -> Disk:
    return Disk(
        uid=uuid4(),
        group_uid=group_uid,
        name=wanted.name,
        location=wanted.location,
        volume=volume,
        root_id=uuid4(),
        state=DiskState.EMPTY,
        session=None,
        size_bytes=wanted.size_bytes,
        occupied_bytes=0,
        digest="",
        sha256="",
        statistics={},
        create_time=now,
        ready_time=None,
        etag=new_etag(),
        kind=wanted.kind,
        system=wanted.system,
    )
