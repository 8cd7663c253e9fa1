"""Locks as tests put them on scopes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from galleria.v1 import locks_pb2 as pb
from galleria.v1.locks_pb2_grpc import LocksStub

READ_ONLY = pb.LOCK_LEVEL_READ_ONLY
CAN_NOT_DELETE = pb.LOCK_LEVEL_CAN_NOT_DELETE


def put_lock(locks: LocksStub, scope: str, level: pb.LockLevel.ValueType = READ_ONLY, name: str = "keep") -> pb.Lock:
    return locks.CreateLock(pb.CreateLockRequest(parent=scope, lock_id=name, lock=pb.Lock(level=level)))


def take_lock(locks: LocksStub, name: str) -> None:
    locks.DeleteLock(pb.DeleteLockRequest(name=name))


@contextmanager
def locked(locks: LocksStub, scope: str, level: pb.LockLevel.ValueType = READ_ONLY) -> Iterator[pb.Lock]:
    """A scope with a lock, which goes at the end."""
    lock = put_lock(locks, scope, level)
    try:
        yield lock
    finally:
        take_lock(locks, lock.name)
