"""One stream of a push: what it offered, what it was asked for, and what has become durable of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from galleria_storage.errors import PageInvalid, StorageError
from galleria_storage.page import Page
from galleria_storage.records import CHUNK, Record, records_in
from galleria_storage.rules import Rule
from galleria_storage.volume.core import Core, Stored
from galleria_storage.volume.errors import ChunkNotRequested, SegmentUnderWay, TooManySegments
from galleria_storage.volume.intake import check_frame, verify
from galleria_storage.volume.pool import PackPool
from galleria_storage.volume.segments import Proof, SegmentTable, check_segment

Durable = Callable[[list[int], int], None]
Failed = Callable[[StorageError], None]
MAX_SEGMENTS: Final = 128
_SEAL_FROM: Final = 96


@dataclass(slots=True)
class _Waiting:
    """A segment under way: the chunks it still misses, and what was proved of those that are durable."""

    segment: int
    page: Page
    encoded: bytes
    missing: set[bytes]
    proofs: dict[bytes, Proof]


class PushStream:
    """A stream of whole segments. `offer_segment` and `receive` may run at once in several threads.

    A chunk goes asked → landing → durable; when all chunks of a segment are durable, so is the segment.
    """

    def __init__(
        self,
        core: Core,
        pool: PackPool,
        segments: SegmentTable,
        rule: Rule,
        count: Callable[[int, int], bytes],
        slot: int,
        durable: Durable,
        failed: Failed,
    ) -> None:
        self.lease = segments.lease
        self.rule = rule
        self._core = core
        self._pool = pool
        self._segments = segments
        self._count = count
        self._slot = slot
        self._durable = durable
        self._failed = failed
        self._lock = threading.Lock()
        self._asked: dict[bytes, int] = {}
        self._landing: dict[bytes, Proof | None] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._segments_of: dict[bytes, list[int]] = {}
        self._entering: set[int] = set()
        self._received = 0
        self._closed = False
        self._failure: StorageError | None = None

    @property
    def in_flight(self) -> int:
        """Segments offered and not durable."""
        return len(self._waiting) + len(self._entering)

    @property
    def crowded(self) -> bool:
        """Whether so many segments are under way that the stream has begun to seal for their sake."""
        return self.in_flight >= _SEAL_FROM

    def offer_segment(self, segment: int, encoded: bytes) -> bytes:
        """Take a segment's page; a bit per chunk of it, 1 for each that must be sent now on this stream.

        Raises PageInvalid, SegmentOutside, TooManySegments, SegmentUnderWay, LeaseLapsed, and what was told `failed`.
        """
        check_segment(segment, self.rule)
        page = _parsed(segment, encoded, self.rule)
        lengths = _raw_lengths(segment, page)
        self._core.leases.renew(self.lease)
        self._admit(segment)
        try:
            needed = self.need(lengths, (segment, page, encoded))
        finally:
            self._entering.discard(segment)
        bits = bytearray((len(page.names) + 7) // 8)
        for position, name in enumerate(page.names):
            if name in needed:
                needed.discard(name)
                bits[position >> 3] |= 1 << (position & 7)
        return bytes(bits)

    def need(self, lengths: Mapping[bytes, int], offer: tuple[int, Page, bytes] | None = None) -> set[bytes]:
        """Of chunks by raw length in bytes, those to be sent; they count as asked for from now on."""
        self._check_alive()
        with self._lock:
            landing = [name for name in lengths if name in self._landing]
        have = self._core.known_chunks(self.lease, list(lengths))
        settled: _Waiting | None = None
        with self._lock:
            # What was landing before `have` was read may have become durable just after it: look again.
            landed = [name for name in landing if name not in have and name not in self._landing]
            if landed:
                have.update(self._core.known_chunks(self.lease, landed))
            missing = {name for name in lengths if name not in have}
            needed = {name for name in missing if name not in self._asked and name not in self._landing}
            for name in needed:
                self._asked[name] = lengths[name]
            if offer is not None:
                waiting = _Waiting(*offer, missing, {name: row.proof for name, row in have.items()})
                settled = waiting if self._wait_for(waiting) else None
        if settled is not None:
            self._settle([settled])
        return needed

    def receive(self, frame: bytes | memoryview) -> None:
        """Verify the records of a message and store them. May wait while packs are sealed.

        Raises RecordInvalid, FrameRefused, ChunkNotRequested, DigestMismatch, ChunkNotByRule, StoreFull, StoreFailed,
        LeaseLapsed, and what was told `failed`. After an error the stream is of no more use; nothing of the message is
        stored.
        """
        self._check_alive()
        records = list(records_in(frame, self.rule))
        check_frame(records)
        self._claim(records)
        self.store(verify(records, self.rule, self.lease.domain), len(frame))

    def store(self, chunks: Sequence[Stored], wire: int) -> None:
        """Store chunks that were asked for and are verified; `wire` bytes brought them."""
        self._check_alive()
        names = [record.name for record, _ in chunks]
        self._core.leases.renew(self.lease)
        # Held from here on: until their pack is sealed nothing else keeps those that are here already.
        present = self._core.hold_present(self.lease, CHUNK, names)
        absent = [stored for stored in chunks if stored.record.name not in present]
        with self._lock:
            self._landing.update({record.name: (record.raw_length, record.flags, record.zeros) for record, _ in chunks})
        self._pool.append(self._slot, self, absent, names, wire)

    def claim(self, names: Sequence[bytes]) -> None:
        """Mark asked chunks as landing; for what was cut on this side and needs no proof of being asked for."""
        with self._lock:
            for name in names:
                self._asked.pop(name, None)
                self._landing[name] = None

    def flush(self) -> None:
        """Seal what waits; returns when `durable` has been called for it. Raises what was told `failed`."""
        self._pool.flush(self._slot)
        self._check_alive()

    def close(self) -> None:
        """Detach: nothing is told any more. What is not durable yet may become so, unannounced."""
        self._closed = True

    def landed(self, names: Sequence[bytes], received: int) -> None:
        """For the pool: these chunks are durable."""
        with self._lock:
            self._received += received
            ready = [self._waiting.pop(segment) for name in names for segment in self._land(name)]
        self._settle(ready, len(names), received)

    def lost(self, error: StorageError) -> None:
        """For the pool: what is landing will not be durable."""
        with self._lock:
            tell = not self._closed
            self._closed = True
            self._failure = self._failure or error
        if tell:
            self._failed(error)

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _admit(self, segment: int) -> None:
        with self._lock:
            if segment in self._waiting or segment in self._entering:
                raise SegmentUnderWay(segment)
            if self.in_flight >= MAX_SEGMENTS:
                raise TooManySegments(MAX_SEGMENTS)
            self._entering.add(segment)
        if self.crowded:
            self._pool.seal(self._slot)

    def _claim(self, records: Sequence[Record]) -> None:
        with self._lock:
            for position, record in enumerate(records):
                if self._asked.pop(record.name, None) != record.raw_length:
                    raise ChunkNotRequested(position)
                self._landing[record.name] = None

    def _wait_for(self, waiting: _Waiting) -> bool:
        """Wait for what a segment misses; True if that is nothing."""
        if not waiting.missing:
            return True
        self._entering.discard(waiting.segment)
        self._waiting[waiting.segment] = waiting
        for name in waiting.missing:
            self._segments_of.setdefault(name, []).append(waiting.segment)
        return False

    def _land(self, name: bytes) -> list[int]:
        proof = self._landing.pop(name, None)
        ready = []
        for segment in self._segments_of.pop(name, ()):
            waiting = self._waiting[segment]
            waiting.missing.discard(name)
            if proof is not None:
                waiting.proofs[name] = proof
            if not waiting.missing:
                ready.append(segment)
        return ready

    def _settle(self, ready: Sequence[_Waiting], chunks: int = 0, received: int = 0) -> None:
        pages = sum(len(waiting.encoded) for waiting in ready)
        proofs = {name: proof for waiting in ready for name, proof in waiting.proofs.items()}
        settled = [(waiting.segment, waiting.page, waiting.encoded) for waiting in ready]
        try:
            self._segments.settle(settled, self._count(chunks, received + pages), proofs)
        except StorageError as error:
            self.lost(error)
            return
        if not self._closed:
            self._durable([waiting.segment for waiting in ready], self._received)


def _parsed(segment: int, encoded: bytes, rule: Rule) -> Page:
    try:
        return Page.parse(encoded, rule)
    except PageInvalid as error:
        error.segment = segment
        raise


def _raw_lengths(segment: int, page: Page) -> dict[bytes, int]:
    lengths: dict[bytes, int] = {}
    sizes = (length for length in page.lengths if length > 0)
    for name, length in zip(page.names, sizes, strict=True):
        if lengths.setdefault(name, length) != length:
            raise PageInvalid(segment, None, "one name with two lengths", "bytes of the chunk", length, lengths[name])
    return lengths
