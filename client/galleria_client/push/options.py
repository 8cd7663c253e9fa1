"""What a push is asked to do, and what it tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from galleria.v1 import disks_pb2

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class PushOptions:
    """How to push.

    Attributes:
        streams: streams used at once.
        level: zstd level, 1 to 22.
        codec_threads: threads that compress.
        sha256: SHA-256 of the whole raw stream that is promised, 64 hexadecimal digits; computed while reading, and
            nothing is committed when it differs. None: not computed.
        give_up_seconds: how long to try to go on after a break without any progress.
        request_id: UUID for the creation of the disk; made when empty.
        file: make a file of any length, as packages of applications are, not a disk; its SHA-256 is always computed.
        describe: a disk with what else to say of a new one: os_type, os_state, hyper_v_generation, architecture.
    """

    streams: int = 1
    level: int = 1
    codec_threads: int = 2
    sha256: str | None = None
    give_up_seconds: float = 300.0
    request_id: str = ""
    file: bool = False
    describe: disks_pb2.Disk | None = None

    def __post_init__(self) -> None:
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256 is {self.sha256!r}; expected 64 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class PushState:
    """How far a push is, in bytes.

    Attributes:
        scanned: where the scanner is.
        size: size of the source; None for a pipe.
        sent: bytes of records and pages sent so far.
        retrying: why the stream is broken just now, or empty.
    """

    scanned: int
    size: int | None
    sent: int
    retrying: str = ""


PushProgress = Callable[[PushState], None]


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push did.

    Attributes:
        disk: the disk, READY.
        created: the disk was made by this push; False when it existed and waited for its content.
        seconds: wall time.
        bytes_read: read from the source, holes left out.
        bytes_sent: records and pages, as often as they were sent.
        chunks: in the disk's layout, repeated ones each time.
        chunks_sent: as often as they were sent.
        stage_seconds: read, cut, hash, sha256, compress, send; stages overlap.
        breaks: how often a stream was broken and continued.
    """

    disk: disks_pb2.Disk
    created: bool
    seconds: float
    bytes_read: int
    bytes_sent: int
    chunks: int
    chunks_sent: int
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    breaks: int = 0
