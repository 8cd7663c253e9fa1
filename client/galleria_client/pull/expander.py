"""The threads that expand, check and write what arrives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

from galleria_client.output_errors import ContentCorrupt
from galleria_client.pull.segment import Segment
from galleria_client.pull.session import PullRun
from galleria_client.pull.sink import Sink, Writes
from galleria_storage.compression import expand
from galleria_storage.digest import name_of
from galleria_storage.errors import StorageError
from galleria_storage.records import records_in
from galleria_storage.rules import Rule

WAITING: Final = 8
"""Messages received and not yet worked off."""
WRITTEN_AT_ONCE: Final = 512 << 10
"""Bytes of chunks in one write: few enough to be written out of the processor's cache."""


@dataclass(frozen=True, slots=True)
class ExpandTask:
    """Records of a segment; `done` is called when they are in place."""

    segment: Segment
    records: bytes | memoryview
    done: Callable[[Segment], None]


class Expander:
    """`threads` threads. What is submitted beyond WAITING messages waits, which is the pull's flow control."""

    def __init__(self, threads: int, rule: Rule, sink: Sink, run: PullRun) -> None:
        self._tasks: SimpleQueue[ExpandTask | None] = SimpleQueue()
        self._room = threading.Semaphore(WAITING)
        self._rule = rule
        self._sink = sink
        self._run = run
        self._threads = [
            threading.Thread(target=self._work, name=f"galleria-expand-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: ExpandTask) -> None:
        """Add a task, when there is room."""
        self._room.acquire()
        self._tasks.put(task)

    def close(self) -> None:
        """End the threads after the tasks that are there."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                if not self._run.ended:
                    self._place(task)
            except Exception as error:  # noqa: BLE001 - whatever it is ends the pull, not this thread
                self._run.fail(error)
            finally:
                self._room.release()

    def _place(self, task: ExpandTask) -> None:
        segment = task.segment
        for found in self._verified(segment, task.records):
            writes = writes_of(segment, found)
            self._sink.write(segment, writes)
            with self._run.changed:
                for name in found:
                    segment.missing.pop(name, None)
                self._run.fetched += sum(len(data) for _, data in writes)
                self._run.progressed()
        task.done(segment)

    def _verified(self, segment: Segment, records: bytes | memoryview) -> Iterator[dict[bytes, bytes]]:
        """The chunks in the records by name, each checked against it, some at a time."""
        found: dict[bytes, bytes] = {}
        size = 0
        try:
            for record in records_in(records, self._rule):
                if record.name not in segment.names:
                    raise ContentCorrupt(f"a chunk that segment {segment.number} does not have")
                if record.name in segment.missing and record.name not in found:
                    data = expand(record.codec, record.payload, record.raw_length, self._rule.max_chunk)
                    if name_of(data) != record.name:
                        raise ContentCorrupt(f"a chunk of segment {segment.number} has other bytes")
                    found[record.name] = data
                    size += len(data)
                if size >= WRITTEN_AT_ONCE:
                    yield found
                    found, size = {}, 0
        except StorageError as error:
            raise ContentCorrupt(f"segment {segment.number}: {error}") from None
        if found:
            yield found


def writes_of(segment: Segment, found: dict[bytes, bytes]) -> Writes:
    """Where these chunks belong that are still missing there, in order of position.

    Raises:
        ContentCorrupt: the page states another length than the chunk has.
    """
    writes = []
    for name, data in found.items():
        for index in segment.missing.get(name, ()):
            position, length, _ = segment.chunks[index]
            if length != len(data):
                raise ContentCorrupt(f"a chunk of segment {segment.number} has {len(data)} bytes, not {length}")
            writes.append((position, data))
    return sorted(writes, key=lambda write: write[0])
