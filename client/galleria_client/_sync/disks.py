# Written by client/unasync.py from the module of the same name in _async: change that one.
"""The namespace of disks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import disks_pb2 as pb
from galleria.v1.disks_pb2_grpc import DisksStub
from galleria_client._sync.pager import Pager
from galleria_client._sync.transport import Transport
from galleria_client.push.options import PushOptions, PushProgress, PushReport
from galleria_client.push.pipeline import push_disk


class Disks:
    """Uploaded content."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = DisksStub(transport.channel)

    def create(
        self, parent: str, disk_id: str, disk: pb.Disk, *, request_id: str = "", validate_only: bool = False
    ) -> pb.Disk:
        """Create an empty disk in the resource group `parent`; a `request_id` is made unless given.

        Raises:
            InvalidField, DiskTooLarge, AlreadyExists, RegionUnknown.
        """
        request = pb.CreateDiskRequest(
            parent=parent,
            disk_id=disk_id,
            disk=disk,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return self._transport.unary(self._stub.CreateDisk, request, repeat=True)

    def get(self, name: str, *, fields: Sequence[str] = ()) -> pb.Disk:
        """One disk, or those `fields` of it and its name.

        Raises:
            NotFound: there is none.
        """
        request = pb.GetDiskRequest(name=name, read_mask=FieldMask(paths=fields))
        return self._transport.unary(self._stub.GetDisk, request, repeat=True)

    def list(
        self, parent: str, *, filter_: str = "", order_by: str = "", fields: Sequence[str] = (), page_size: int = 0
    ) -> Pager[pb.ListDisksRequest, pb.ListDisksResponse, pb.Disk]:
        """The disks of a resource group, by name, as `Galleries.list`."""
        request = pb.ListDisksRequest(
            parent=parent,
            filter=filter_,
            order_by=order_by,
            read_mask=FieldMask(paths=fields),
            page_size=page_size,
        )
        return Pager(self._transport, self._stub.ListDisks, request, lambda answer: answer.disks)

    def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Delete a disk, whatever its state.

        Raises:
            NotFound, EtagMismatch, InUse.
        """
        request = pb.DeleteDiskRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        self._transport.unary(self._stub.DeleteDisk, request, repeat=True)

    def begin_push(self, disk: str) -> pb.PushSession:
        """Open the push that fills a disk, or return the one that is open.

        Raises:
            NotFound, WrongState.
        """
        return self._transport.unary(self._stub.BeginPush, pb.BeginPushRequest(disk=disk), repeat=True)

    def get_push(self, session: str) -> pb.PushSession:
        """An open push, with the segments that are durable.

        Raises:
            NotFound: there is none.
        """
        return self._transport.unary(self._stub.GetPush, pb.GetPushRequest(session=session), repeat=True)

    def commit_push(
        self,
        session: str,
        *,
        layout: bytes = b"",
        size_bytes: int = 0,
        sha256: str = "",
        statistics: pb.PushStatistics | None = None,
    ) -> pb.Disk:
        """End a push with a layout, or with a size after raw pushes. Harmless when repeated.

        Raises:
            LayoutIncomplete, LeaseLapsed, LayoutInvalid, InvalidField, DiskTooLarge.
        """
        request = pb.CommitPushRequest(
            session=session, layout=layout, size_bytes=size_bytes, sha256=sha256, statistics=statistics
        )
        return self._transport.unary(self._stub.CommitPush, request, repeat=True)

    def abort_push(self, session: str) -> None:
        """Give up a push; the disk is empty again."""
        self._transport.unary(self._stub.AbortPush, pb.AbortPushRequest(session=session), repeat=True)

    def push(
        self,
        source: str | Path,
        name: str,
        *,
        location: str = "",
        options: PushOptions | None = None,
        progress: PushProgress | None = None,
    ) -> PushReport:
        """Make the disk `name` out of a file, a block device, or with `-` out of the standard input.

        Creates the disk unless it waits for its content already; goes on by itself after a break, and where an
        earlier call was broken off. `progress` is called from another thread, a few times a second.

        Raises:
            SourceError: the source cannot be pushed or changed meanwhile; a disk made here is deleted again.
            CallFailed: the server refused.
            GaveUp: the server was away too long; call again to go on.
        """
        stop = threading.Event()
        return self._transport.in_thread(
            stop, push_disk, self._transport.blocking(), str(source), name, location, options, progress, stop
        )
