"""One stream of a push, kept alive over breaks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from typing import Final

import grpc

from galleria.v1 import disks_pb2 as pb
from galleria_client.bitmaps import positions_in
from galleria_client.errors import CallFailed, Failure, GaveUp, Idle, LeaseLapsed, NotFound, Unavailable
from galleria_client.outbox import Outbox
from galleria_client.push.calls import PushCall, PushOutbox
from galleria_client.push.codec import FRAME, CodecPool, CodecTask
from galleria_client.push.pieces import needed_pieces, portions
from galleria_client.push.session import PushRun, SessionLost
from galleria_client.push.source import ScannedSegment
from galleria_client.retry import RetryPolicy, is_break
from galleria_client.status import failure_of

MAX_OPEN: Final = 64
"""Segments offered on a stream and not yet durable, whatever the server would take: their pages are in memory."""
MAX_OFFER: Final = 4096
"""Pages in one offer."""


class _Attempt:
    """The state of one stream; a broken one is replaced as a whole."""

    def __init__(self) -> None:
        self.outbox: PushOutbox = Outbox()
        self.attached = False
        self.flushed = False
        """Nothing was sent since the last flush."""
        self.max_offered = 1
        self.frame = FRAME
        self.asked: set[int] = set()
        """Segments whose page was offered by name and not answered."""
        self.waiting: deque[int] = deque()
        """Unknown ones that wait for a place among the offered."""
        self.offered: set[int] = set()
        self.unanswered: set[int] = set()
        """Offered ones of which the server has not said what it needs."""
        self.tasks = 0
        """Portions at the codecs."""


class Lane:
    """Moves segments over one stream at a time: offers their pages, sends what is needed, until they are durable.

    All state is guarded by the run's condition. `run` is the lane's thread; the scanner calls `offer`.
    """

    def __init__(self, run: PushRun, push: PushCall, session: str, codecs: CodecPool, give_up_seconds: float) -> None:
        self._run = run
        self._push = push
        self._session = session
        self._codecs = codecs
        self._give_up_seconds = give_up_seconds
        self._open: dict[int, ScannedSegment] = {}
        self._finishing = False
        self._progress_at = time.monotonic()
        self._tries = 0
        self._call: grpc.Call | None = None
        self._now = _Attempt()

    @property
    def has_room(self) -> bool:
        """Whether one more segment may be offered."""
        return len(self._open) < MAX_OPEN

    @property
    def idle(self) -> bool:
        """Whether everything offered is durable."""
        return not self._open

    @property
    def load(self) -> int:
        """Segments offered and not yet durable."""
        return len(self._open)

    def offer(self, segment: ScannedSegment) -> None:
        """Take a segment that has a page."""
        with self._run.changed:
            self._open[segment.number] = segment
            if self._now.attached:
                self._ask([segment])

    def finish(self) -> None:
        """Everything is durable and nothing more comes: end the stream."""
        with self._run.changed:
            self._finishing = True
            self._now.outbox.finish()

    def stop(self) -> None:
        """Break the stream off."""
        self._now.outbox.close()
        if self._call is not None:
            self._call.cancel()

    def consider_flush(self) -> None:
        """Ask the server to make durable what it has, once it has everything that can be sent and more waits for it."""
        busy = not self._now.attached or self._now.flushed or self._now.asked or self._now.unanswered or self._now.tasks
        if busy or not self._now.offered:
            return
        if self._now.waiting or self._run.waits_for_durable:
            self._now.flushed = True
            self._now.outbox.post(pb.PushRequest(flush=pb.Flush()))

    def run(self) -> None:
        """Work until the push is finished or has failed."""
        while True:
            failure = self._attempt()
            with self._run.changed:
                self._now.attached = False
                self._now.outbox.close()
                self._run.statistics.spend(send=self._now.outbox.seconds)
                if self._run.ended or (self._finishing and self.idle):
                    return
                error = self._verdict(failure)
                if error is not None:
                    self._run.fail(error)
                    return
                self._run.broken(failure)
                pause = RetryPolicy().pause(self._tries)
                self._tries += 1
                if self._run.changed.wait_for(lambda: self._run.ended, pause):
                    return
                self._now = _Attempt()

    def _attempt(self) -> CallFailed:
        """Use one stream until it ends; returns why it did."""
        self._now.outbox.post(pb.PushRequest(attach=pb.Attach(session=self._session)))
        try:
            call = self._push(iter(self._now.outbox))
            self._call = call
            if self._run.ended:
                call.cancel()
            for answer in call:
                with self._run.changed:
                    self._take(answer)
        except grpc.RpcError as error:
            return failure_of(error)
        except Exception as error:  # noqa: BLE001 - whatever it is ends the push, not only this thread
            self._run.fail(error)
        return Unavailable(Failure("UNAVAILABLE", "the server ended the stream"))

    def _verdict(self, failure: CallFailed) -> Exception | None:
        """What ends the push; None when this stream may be mended."""
        if isinstance(failure, LeaseLapsed | NotFound):
            return SessionLost(failure)
        if not is_break(failure):
            return failure
        now = time.monotonic()
        if isinstance(failure, Idle):
            # Not a fault of the server: there was nothing to send, as with a pipe that stands still.
            self._progress_at = now
        quiet = now - self._progress_at
        return GaveUp(quiet, failure) if quiet > self._give_up_seconds else None

    def _take(self, answer: pb.PushResponse) -> None:
        kind = answer.WhichOneof("message")
        if kind == "attached":
            self._attach(answer.attached)
        elif kind == "pages_known":
            self._take_known(answer.pages_known)
        elif kind == "chunks_needed":
            self._take_needed(answer.chunks_needed)
        elif kind == "durable":
            self._take_durable(answer.durable.segments)
        self.consider_flush()

    def _attach(self, attached: pb.Attached) -> None:
        self._now.attached = True
        self._now.max_offered = max(1, attached.max_segments_in_flight)
        self._now.frame = min(FRAME, attached.max_records_bytes or FRAME)
        self._ask(sorted(self._open.values(), key=lambda segment: segment.number))

    def _ask(self, segments: list[ScannedSegment]) -> None:
        for start in range(0, len(segments), MAX_OFFER):
            batch = segments[start : start + MAX_OFFER]
            self._now.asked.update(segment.number for segment in batch)
            offer = pb.OfferPages(
                segments=[segment.number for segment in batch],
                digests=b"".join(segment.name or b"" for segment in batch),
            )
            self._run.statistics.count(bytes_sent=len(offer.digests))
            self._now.outbox.post(pb.PushRequest(offer_pages=offer))

    def _take_known(self, answer: pb.PagesKnown) -> None:
        self._now.asked.difference_update(answer.segments)
        known = {answer.segments[position] for position in positions_in(answer.known, len(answer.segments))}
        self._now.waiting.extend(number for number in answer.segments if number not in known and number in self._open)
        self._take_durable(known)

    def _take_needed(self, answer: pb.ChunksNeeded) -> None:
        self._now.unanswered.discard(answer.segment)
        segment = self._open.get(answer.segment)
        if segment is None:
            # That it is durable was told before the answer that nothing of it is needed.
            return
        if segment.page is None or segment.content is None:
            raise AssertionError(segment)
        for portion in portions(needed_pieces(segment.page, answer.needed)):
            self._now.tasks += 1
            self._codecs.submit(CodecTask(segment.content, portion, self._now.outbox, self._now.frame, self._task_done))

    def _take_durable(self, numbers: Collection[int]) -> None:
        for number in numbers:
            self._now.offered.discard(number)
            segment = self._open.pop(number, None)
            if segment is not None and segment.content is not None:
                segment.content.release()
        if numbers:
            self._progress_at = time.monotonic()
            self._tries = 0
            self._run.mended()
        while self._now.waiting and len(self._now.offered) < self._now.max_offered:
            self._offer_segment(self._open[self._now.waiting.popleft()])

    def _offer_segment(self, segment: ScannedSegment) -> None:
        page = segment.page or b""
        self._now.offered.add(segment.number)
        self._now.unanswered.add(segment.number)
        self._now.flushed = False
        self._run.statistics.count(bytes_sent=len(page))
        offer = pb.OfferSegment(segment=segment.number, page=page)
        self._now.outbox.post(pb.PushRequest(offer_segment=offer))

    def _task_done(self, outbox: PushOutbox) -> None:
        with self._run.changed:
            if outbox is self._now.outbox:
                self._now.tasks -= 1
                self._now.flushed = False
                self.consider_flush()
