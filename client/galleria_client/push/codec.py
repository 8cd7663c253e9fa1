"""The threads that read needed chunks again, compress them and make records of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

from galleria.v1.record_messages import write_push_records
from galleria_client.push.calls import PushOutbox
from galleria_client.push.pieces import PORTION, Piece, contiguous
from galleria_client.push.source import SegmentBytes
from galleria_client.push.statistics import Statistics
from galleria_storage.compression import compress
from galleria_storage.records import CHUNK, HEADER_SIZE, encode_unproved_header
from galleria_storage.rules import Rule

FRAME: Final = 1 << 20
"""Bytes of records in a message, at most, unless the server takes less."""


@dataclass(frozen=True, slots=True)
class CodecTask:
    """A portion of a segment to be sent.

    Attributes:
        content: where its bytes are.
        pieces: its chunks.
        outbox: where the records go; a task whose outbox is closed is dropped.
        frame: bytes of records in a message, at most.
        done: called when all of it is posted, or dropped.
    """

    content: SegmentBytes
    pieces: list[Piece]
    outbox: PushOutbox
    frame: int
    done: Callable[[PushOutbox], None]


class CodecPool:
    """`threads` threads that work off tasks in order. Memory: about 6 MiB a thread."""

    def __init__(
        self, threads: int, level: int, rule: Rule, statistics: Statistics, failed: Callable[[Exception], None]
    ) -> None:
        self._tasks: SimpleQueue[CodecTask | None] = SimpleQueue()
        self._level = level
        self._rule = rule
        self._statistics = statistics
        self._failed = failed
        self._threads = [
            threading.Thread(target=self._work, name=f"galleria-codec-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: CodecTask) -> None:
        """Add a task. Never waits: tasks are small, and the number of segments under way bounds them."""
        self._tasks.put(task)

    def close(self) -> None:
        """End the threads; their outboxes must have been closed or drained."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        buffer = memoryview(bytearray(PORTION + self._rule.max_chunk))
        while (task := self._tasks.get()) is not None:
            try:
                if not task.outbox.closed:
                    self._run(task, buffer)
                task.done(task.outbox)
            except Exception as error:  # noqa: BLE001 - whatever it is ends the push, not this thread
                # The segment of a broken stream's task may have been released meanwhile.
                if not task.outbox.closed:
                    self._failed(error)

    def _run(self, task: CodecTask, buffer: memoryview) -> None:
        began = time.perf_counter()
        views = read_pieces(task, buffer)
        read = time.perf_counter()
        payloads = compress(views, self._level)
        self._statistics.spend(read=read - began, compress=time.perf_counter() - read)
        for message, chunks, size in frames(task.pieces, payloads, task.frame):
            if not task.outbox.post_data(message):
                return
            self._statistics.count(chunks_sent=chunks, bytes_sent=size)


def read_pieces(task: CodecTask, buffer: memoryview) -> list[memoryview]:
    """Read a task's chunks into the buffer; returns a view of each."""
    filled = 0
    for offset, length in contiguous(task.pieces):
        task.content.read_into(offset, buffer[filled : filled + length])
        filled += length
    views, start = [], 0
    for piece in task.pieces:
        views.append(buffer[start : start + piece.length])
        start += piece.length
    return views


def frames(
    pieces: list[Piece], payloads: list[tuple[int, bytes | memoryview]], limit: int
) -> Iterator[tuple[bytes, int, int]]:
    """Messages with records of the chunks, up to `limit` bytes of them, and how many chunks and bytes each has."""
    parts: list[bytes | memoryview] = []
    size = 0
    for piece, (codec, payload) in zip(pieces, payloads, strict=True):
        length = HEADER_SIZE + len(payload)
        if parts and size + length > limit:
            yield write_push_records(parts, size), len(parts) // 2, size
            parts, size = [], 0
        parts += (encode_unproved_header(CHUNK, codec, piece.length, len(payload), piece.name), payload)
        size += length
    if parts:
        yield write_push_records(parts, size), len(parts) // 2, size
