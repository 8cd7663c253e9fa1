"""What a pull is asked to do, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PullOptions:
    """How to pull.

    Attributes:
        force: replace an output that exists; needed to write a block device.
        fsync: wait until the output is on its medium before it gets its name.
        threads: threads that expand and check.
        segments: segments asked for and not yet complete.
        give_up_seconds: how long to try to go on after a break without any progress.
        digest: another content than that with this digest is refused; any when it is empty.
    """

    force: bool = False
    fsync: bool = False
    threads: int = 2
    segments: int = 4
    give_up_seconds: float = 300.0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PullState:
    """How far a pull is, in occupied bytes.

    Attributes:
        done: verified and in place.
        total: of the whole content.
        received: bytes of pages and records received so far.
        retrying: why the stream is broken just now, or empty.
    """

    done: int
    total: int
    received: int
    retrying: str = ""


PullProgress = Callable[[PullState], None]


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did.

    Attributes:
        name: exact name of what was read, never `latest`.
        region: where it was read.
        digest: content digest, verified.
        size_bytes: virtual size.
        occupied_bytes: outside holes; the next three add up to it.
        fetched_bytes: raw bytes of chunks that came from the server, at each position that they were written to.
        seed_bytes: raw bytes taken from seeds.
        kept_bytes: raw bytes that were there already.
        received_bytes: bytes of pages and records received.
        seconds: wall time.
        breaks: how often a stream was broken and continued.
        warnings: what who deploys it should know, such as that its end of life has come.
    """

    name: str
    region: str
    digest: str
    size_bytes: int
    occupied_bytes: int
    fetched_bytes: int
    seed_bytes: int
    kept_bytes: int
    received_bytes: int
    seconds: float
    breaks: int
    warnings: tuple[str, ...] = ()
