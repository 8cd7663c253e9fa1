"""Disks pushed into a volume of this process, without a server between, and what work in this process costs."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from galleria_storage.errors import StorageError
from galleria_storage.volume import Holder, RawStream, Volume

PIECE = 4 << 20
SCOPE = UUID(int=1)

Pieces = Iterator[bytes]
"""A disk's bytes from its start on, in pieces of any size."""


class Spent(NamedTuple):
    """Seconds of the wall and of this process's CPU."""

    wall: float
    cpu: float


class Stopwatch:
    """Measures what runs inside `with`, and adds it to `spent`."""

    def __init__(self) -> None:
        self.spent = Spent(0.0, 0.0)

    def __enter__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        wall, cpu = self._start
        spent = Spent(time.perf_counter() - wall, time.process_time() - cpu)
        self.spent = Spent(self.spent.wall + spent.wall, self.spent.cpu + spent.cpu)


def push_interleaved(volume: Volume, disks: Sequence[Pieces]) -> list[UUID]:
    """Push disks at once, a piece of each in turn, so that they share the open packs; the ids of their roots."""
    left = {number: _pushing(volume, pieces) for number, pieces in enumerate(disks)}
    found: dict[int, UUID] = {}
    while left:
        for number, push in list(left.items()):
            try:
                next(push)
            except StopIteration as end:
                found[number] = end.value
                del left[number]
    return [found[number] for number in sorted(found)]


def _pushing(volume: Volume, pieces: Pieces) -> Generator[None, None, UUID]:
    push = volume.begin_push(SCOPE, uuid4(), lease_id=uuid4())
    stream = push.attach(lambda *_: None, _refuse)
    raw, offset = RawStream(stream), 0
    for piece in pieces:
        raw.write(offset, piece)
        offset += len(piece)
        yield
    raw.finish(offset)
    stream.close()
    root = push.commit(push.assemble(offset), Holder(SCOPE, uuid4(), "benchmark"))
    return root.id


def _refuse(error: StorageError) -> None:
    raise error


def data_of(image: Path, most: int) -> Pieces:
    """The first `most` bytes of an image that are not in a hole, in pieces."""
    file, end = os.open(image, os.O_RDONLY), 0
    try:
        while most > 0:
            try:
                start = os.lseek(file, end, os.SEEK_DATA)
            except OSError:
                return
            end = min(os.lseek(file, start, os.SEEK_HOLE), start + PIECE)
            piece = os.pread(file, min(end - start, most), start)
            most -= len(piece)
            yield piece
    finally:
        os.close(file)
