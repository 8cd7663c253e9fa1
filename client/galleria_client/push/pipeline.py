"""A push from beginning to end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from galleria.v1 import disks_pb2 as pb
from galleria.v1.installation_pb2 import GetServerInfoRequest, ServerInfo
from galleria.v1.installation_pb2_grpc import ServersStub
from galleria_client._sync.transport import Transport
from galleria_client.errors import (
    CallFailed,
    DigestMismatch,
    DiskFilled,
    Interrupted,
    InvalidArgument,
    LayoutIncomplete,
    LeaseLapsed,
    WrongState,
)
from galleria_client.push.checksum import Checksum
from galleria_client.push.destination import Destination
from galleria_client.push.exchange import Exchange
from galleria_client.push.file_source import SECTOR, open_file_source
from galleria_client.push.options import PushOptions, PushProgress, PushReport, PushState
from galleria_client.push.pipe_source import PipeSource
from galleria_client.push.session import PushRun, SessionLost
from galleria_client.push.source import Source
from galleria_client.push.statistics import Statistics
from galleria_client.retry import persist
from galleria_client.rules import common_rule
from galleria_client.source_errors import SourceChanged, SourceChecksumMismatch, SourceError, SourceGone
from galleria_storage.layout import Layout
from galleria_storage.rules import Rule

PIPE = "-"
SESSIONS = 3
"""Push sessions that are begun at most, when each is lost."""


def push_disk(
    transport: Transport,
    path: str,
    name: str,
    location: str,
    options: PushOptions | None = None,
    progress: PushProgress | None = None,
    stop: threading.Event | None = None,
) -> PushReport:
    """Make the disk `name` out of `path`; see `Disks.push`."""
    return _Push(transport, path, name, options or PushOptions(), progress, stop or threading.Event()).push(location)


class _Push:
    """The state of one push over all its sessions."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        name: str,
        options: PushOptions,
        progress: PushProgress | None,
        stop: threading.Event,
    ) -> None:
        self._transport = transport
        self._path = path
        self._options = options
        self._progress = progress
        self._stop = stop
        self._statistics = Statistics()
        self._run = PushRun(self._statistics)
        self._breaks = 0
        self._destination = Destination(transport, name, options, stop)

    def push(self, location: str) -> PushReport:
        source, rule = self._open()
        try:
            self._destination.prepare(self._path, source.size or 0, location)
            disk = self._fill(source, rule)
        except DigestMismatch:
            # Every chunk was named and read again by this process, so the file is what differed.
            self._destination.undo()
            raise SourceChanged(self._path, "bytes read twice were not the same") from None
        except (SourceError, InvalidArgument):
            self._destination.undo()
            raise
        finally:
            source.close()
        return self._report(disk)

    def _open(self) -> tuple[Source, Rule]:
        info = self._server_info()
        rule = common_rule(info.rules)
        limit = min(rule.max_disk, info.max_disk_bytes or rule.max_disk)
        multiple = 1 if self._options.file else SECTOR
        if self._path != PIPE:
            return open_file_source(self._path, rule, limit, self._statistics, multiple), rule
        source = PipeSource(
            sys.stdin.fileno(), PIPE, rule, limit, self._statistics, self._wait_for_room, multiple=multiple
        )
        return source, rule

    def _server_info(self) -> ServerInfo:
        stub = ServersStub(self._transport.channel)

        def ask() -> ServerInfo:
            return self._transport.unary(stub.GetServerInfo, GetServerInfoRequest(), repeat=True)

        # That nobody is at an address should show soon; a server known to be there may be starting again.
        known = self._transport.answered.is_set()
        return persist(ask, self._options.give_up_seconds, self._stop) if known else ask()

    def _wait_for_room(self, test: Callable[[], bool]) -> bool:
        return self._run.wait_for_room(test)

    def _fill(self, source: Source, rule: Rule) -> pb.Disk:
        for tries_left in reversed(range(SESSIONS)):
            try:
                session = self._destination.begin()
            except WrongState as refusal:
                return self._filled(source, rule, refusal)
            try:
                return self._fill_once(source, rule, session)
            except SessionLost as lost:
                if not source.can_repeat:
                    self._refuse_filled(SourceGone(self._path))
                if not tries_left:
                    raise lost.failure from None
            self._breaks += self._run.breaks + 1
            self._run = PushRun(self._statistics)
        raise AssertionError

    def _fill_once(self, source: Source, rule: Rule, session: str) -> pb.Disk:
        checksum = self._checksum(lambda: self._run.ended)
        exchange = Exchange(self._transport, session, rule, self._run, self._options, self._statistics)
        layout = exchange.run(source, checksum, self._stop, lambda: self._tell(source))
        self._tell(source)
        actual = self._check(source, checksum)
        told = pb.PushStatistics(
            bytes_read=self._statistics["bytes_read"], stage_seconds=self._statistics.stage_seconds
        )
        try:
            return self._destination.commit(layout.encode(), actual, told)
        except (LeaseLapsed, LayoutIncomplete) as failure:
            raise SessionLost(failure) from None
        except WrongState as refusal:
            self._refuse_filled(refusal, layout.text)

    def _filled(self, source: Source, rule: Rule, refusal: CallFailed) -> pb.Disk:
        """The disk that another push has filled, when it has the content of `source`: then nothing is left to do."""
        found = self._destination.find()
        if found.state != pb.Disk.STATE_READY:
            raise refusal
        if not source.can_repeat:
            raise DiskFilled(found.name, found.digest, None)
        checksum = self._checksum(self._stop.is_set)
        own = self._layout(source, rule, checksum).text
        self._check(source, checksum)
        if found.digest != own:
            raise DiskFilled(found.name, found.digest, own)
        return found

    def _refuse_filled(self, otherwise: Exception, own: str | None = None) -> NoReturn:
        """Raise DiskFilled if another push has filled the disk, else `otherwise`."""
        found = self._destination.find()
        if found.state == pb.Disk.STATE_READY:
            raise DiskFilled(found.name, found.digest, own)
        raise otherwise

    def _layout(self, source: Source, rule: Rule, checksum: Checksum | None) -> Layout:
        """The layout of `source`, of which nothing is sent."""
        pages = []
        for segment in source.scan(checksum):
            if self._stop.is_set():
                raise Interrupted
            pages.append(segment.name)
            self._run.scanned_bytes = segment.end
            self._tell(source)
        return Layout(rule, source.size or 0, tuple(pages))

    def _checksum(self, interrupted: Callable[[], bool]) -> Checksum | None:
        wanted = self._options.sha256 or self._options.file
        return Checksum(interrupted) if wanted else None

    def _check(self, source: Source, checksum: Checksum | None) -> str:
        """See that what was scanned is what is there and was promised; returns its SHA-256 if that was computed."""
        source.check_unchanged()
        actual = checksum.hexdigest() if checksum is not None else ""
        if self._options.sha256 and actual != self._options.sha256.lower():
            raise SourceChecksumMismatch(self._path, self._options.sha256.lower(), actual)
        return actual

    def _tell(self, source: Source) -> None:
        if self._progress is not None:
            state = PushState(
                scanned=self._run.scanned_bytes,
                size=source.size,
                sent=self._statistics["bytes_sent"],
                retrying=self._run.retrying,
            )
            self._progress(state)

    def _report(self, disk: pb.Disk) -> PushReport:
        count = self._statistics
        return PushReport(
            disk=disk,
            created=self._destination.created,
            seconds=count.elapsed,
            bytes_read=count["bytes_read"],
            bytes_sent=count["bytes_sent"],
            chunks=disk.push_statistics.chunks or count["chunks"],
            chunks_sent=count["chunks_sent"],
            stage_seconds=count.stage_seconds,
            breaks=self._breaks + self._run.breaks,
        )
