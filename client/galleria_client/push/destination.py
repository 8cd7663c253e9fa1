"""The disk that a push fills."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from uuid import uuid4

from galleria.v1 import disks_pb2 as pb
from galleria.v1.disks_pb2_grpc import DisksStub
from galleria_client._sync.transport import Transport
from galleria_client.errors import AlreadyExists, CallFailed
from galleria_client.push.options import PushOptions
from galleria_client.resource_names import last_part, parent_of
from galleria_client.retry import patience, persist
from galleria_client.source_errors import DiskDiffers

A = TypeVar("A")

COMMIT_SECONDS = 900.0
"""Deadline of a commit: the server writes all pages of a large disk in it."""


class Destination:
    """A disk on the server, made for a push or found waiting for one."""

    def __init__(self, transport: Transport, name: str, options: PushOptions, stop: threading.Event) -> None:
        self._transport = transport
        self._stub = DisksStub(transport.channel)
        self._name = name
        self._give_up = options.give_up_seconds
        self._stop = stop
        self._request_id = options.request_id or str(uuid4())
        self._session = ""
        self._kind = pb.DISK_KIND_FILE if options.file else pb.DISK_KIND_DISK
        self._describe = options.describe
        self.created = False

    def prepare(self, path: str, size: int, location: str) -> None:
        """Create the disk, or see that one of that name waits for this content; `size` 0 means unknown.

        Raises:
            AlreadyExists: it has its content already.
            DiskDiffers: it waits for other content.
        """
        disk = pb.Disk(location=location, size_bytes=size, kind=self._kind)
        if self._describe is not None:
            disk.MergeFrom(self._describe)
        request = pb.CreateDiskRequest(
            parent=parent_of(self._name), disk_id=last_part(self._name), disk=disk, request_id=self._request_id
        )
        try:
            self._persist(lambda: self._transport.unary(self._stub.CreateDisk, request, repeat=True))
            self.created = True
        except AlreadyExists as refusal:
            found = self.find()
            if found.state not in (pb.Disk.STATE_EMPTY, pb.Disk.STATE_PUSHING, pb.Disk.STATE_LOST):
                raise refusal from None
            self._check_same(found, path, size, location)

    def find(self) -> pb.Disk:
        """The disk as it is now.

        Raises:
            NotFound: it was deleted.
        """
        request = pb.GetDiskRequest(name=self._name)
        return self._persist(lambda: self._transport.unary(self._stub.GetDisk, request, repeat=True))

    def begin(self) -> str:
        """Open the push, or find the one that is open; returns its session.

        Raises:
            WrongState: the disk has its content already.
        """
        request = pb.BeginPushRequest(disk=self._name)
        session = self._persist(lambda: self._transport.unary(self._stub.BeginPush, request, repeat=True))
        self._session = session.session
        return self._session

    def commit(self, layout: bytes, sha256: str, statistics: pb.PushStatistics) -> pb.Disk:
        """End the push; returns the disk, READY. Another push that ended it with the same layout does as well.

        Raises:
            WrongState: another push ended it with another layout.
        """
        request = pb.CommitPushRequest(session=self._session, layout=layout, sha256=sha256, statistics=statistics)
        return self._persist(
            lambda: self._transport.unary(self._stub.CommitPush, request, repeat=True, timeout=COMMIT_SECONDS)
        )

    def undo(self) -> None:
        """Leave nothing half done, as far as the server can be reached. What another push has completed stays."""
        with suppress(CallFailed), patience(0.0):
            if self._session:
                self._transport.unary(self._stub.AbortPush, pb.AbortPushRequest(session=self._session), repeat=True)
            if self.created:
                self._delete_unless_ready()

    def _delete_unless_ready(self) -> None:
        found = self._transport.unary(self._stub.GetDisk, pb.GetDiskRequest(name=self._name), repeat=True)
        if found.state != pb.Disk.STATE_READY:
            request = pb.DeleteDiskRequest(name=self._name, etag=found.etag, request_id=str(uuid4()))
            self._transport.unary(self._stub.DeleteDisk, request, repeat=True)

    def _check_same(self, found: pb.Disk, path: str, size: int, location: str) -> None:
        if size and found.size_bytes and found.size_bytes != size:
            detail = f"exists and waits for {found.size_bytes} bytes, not {size}"
            raise DiskDiffers(path, found.name, detail)
        if found.kind not in (self._kind, pb.DISK_KIND_UNSPECIFIED):
            what = "a file" if found.kind == pb.DISK_KIND_FILE else "a disk"
            raise DiskDiffers(path, found.name, f"exists and is {what}")
        if location and found.location and _plain(location) != _plain(found.location):
            raise DiskDiffers(path, found.name, f"exists in {found.location}, not in {location}")

    def _persist(self, action: Callable[[], A]) -> A:
        return persist(action, self._give_up, self._stop)


def _plain(region: str) -> str:
    """A region's name as it compares: without case and spaces."""
    return region.replace(" ", "").lower()
