# Written by client/unasync.py from the module of the same name in _async: change that one.
"""The namespace of contents: the bytes of disks and of versions, read back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from galleria.v1 import contents_pb2 as pb
from galleria.v1.contents_pb2_grpc import ContentsStub
from galleria_client._sync.transport import Transport
from galleria_client.pull.options import PullOptions, PullProgress, PullReport
from galleria_client.pull.pipeline import pull_content, verify_content


class Contents:
    """Content of a disk, by its name, or of a version, by its name (`latest` allowed) and a region."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = ContentsStub(transport.channel)

    def layout(
        self, name: str, region: str = "", *, digest: str = "", lun: int | None = None, configuration: bool = False
    ) -> pb.ContentLayout:
        """The layout, and the exact name that `latest` meant; `lun` is a data disk of an image version.

        `configuration` means the default configuration of an application version, not its package.

        Raises:
            NotFound, RegionUnknown, WrongState, NotInRegion.
        """
        source = pb.ContentSource(name=name, region=region, digest=digest, lun=lun, configuration=configuration)
        return self._transport.unary(self._stub.GetLayout, pb.GetLayoutRequest(source=source), repeat=True)

    def pages(
        self, name: str, region: str = "", *, first_segment: int = 0, segment_count: int = 0
    ) -> Iterator[pb.SegmentPage]:
        """The pages of segments as the server sends them, in ascending order, not verified."""
        request = pb.ReadPagesRequest(
            source=pb.ContentSource(name=name, region=region),
            first_segment=first_segment,
            segment_count=segment_count,
        )
        yield from self._transport.stream(self._stub.ReadPages(request))

    def range(self, name: str, region: str = "", *, offset: int = 0, length: int = 0) -> Iterator[pb.RangeData]:
        """Raw bytes of a range as the server sends them, not verified; `length` 0 means to the end."""
        source = pb.ContentSource(name=name, region=region)
        request = pb.ReadRangeRequest(source=source, offset=offset, length=length)
        yield from self._transport.stream(self._stub.ReadRange(request))

    def pull(
        self,
        name: str,
        output: str | Path,
        *,
        region: str = "",
        lun: int | None = None,
        configuration: bool = False,
        seeds: Sequence[str | Path] = (),
        options: PullOptions | None = None,
        progress: PullProgress | None = None,
    ) -> PullReport:
        """Write the content, verified, to a sparse file, a block device, or with `-` to the standard output.

        Takes chunks from `seeds` and from what an earlier pull left in `OUTPUT.part`, fetches the rest, and gives the
        file its name when it is complete. Goes on by itself after a break. `lun` is a data disk of an image version,
        without it its operating system disk is meant; of an application version the package is meant, or its default
        `configuration`. `progress` is called from another thread.

        Raises:
            OutputError: the output cannot be written; OUTPUT.part stays.
            ContentCorrupt: the server sent wrong bytes.
            CallFailed: the server refused.
            GaveUp: the server was away too long; call again to go on.
        """
        stop = threading.Event()
        paths = [str(seed) for seed in seeds]
        return self._transport.in_thread(
            stop,
            pull_content,
            self._transport.blocking(),
            _source(name, region, lun, configuration=configuration, digest=options.digest if options else ""),
            str(output),
            paths,
            options,
            progress,
            stop,
        )

    def verify(
        self, name: str, *, region: str = "", lun: int | None = None, progress: PullProgress | None = None
    ) -> PullReport:
        """Read everything back and check every chunk against its name; keeps nothing. `lun` as for `pull`.

        Raises:
            ContentCorrupt, DataLoss: something is wrong with it.
        """
        stop = threading.Event()
        return self._transport.in_thread(
            stop, verify_content, self._transport.blocking(), _source(name, region, lun), progress, stop
        )


def _source(
    name: str, region: str, lun: int | None, *, configuration: bool = False, digest: str = ""
) -> pb.ContentSource:
    return pb.ContentSource(name=name, region=region, lun=lun, configuration=configuration, digest=digest)
