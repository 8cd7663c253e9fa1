"""The stream of records, kept alive over breaks."""

from __future__ import annotations

import time
from typing import Final

import grpc

from galleria.v1 import contents_pb2 as pb
from galleria.v1.record_messages import ReadRecords
from galleria_client.errors import CallFailed, Failure, GaveUp, Idle, Unavailable
from galleria_client.outbox import Outbox
from galleria_client.output_errors import ContentCorrupt
from galleria_client.pull.calls import ReadChunksCall
from galleria_client.pull.expander import Expander, ExpandTask
from galleria_client.pull.segment import Segment
from galleria_client.pull.session import PullRun
from galleria_client.pull.sink import Sink
from galleria_client.retry import RetryPolicy, is_break
from galleria_client.status import failure_of

ROUNDS: Final = 3
"""How often a segment is asked for when answers leave something out."""


class Fetcher:
    """Asks for segments and hands what arrives to the expander. All state is guarded by the run's condition."""

    def __init__(
        self,
        read: ReadChunksCall,
        source: pb.ContentSource,
        expander: Expander,
        sink: Sink,
        run: PullRun,
        give_up: float,
    ) -> None:
        self._read = read
        self._source = source
        self._expander = expander
        self._sink = sink
        self._run = run
        self._give_up = give_up
        self._open: dict[int, Segment] = {}
        self._outbox: Outbox[pb.ReadChunksRequest] | None = None
        self._call: grpc.Call | None = None
        self._last = False

    @property
    def load(self) -> int:
        """Segments asked for and not yet complete."""
        return len(self._open)

    def want(self, segment: Segment) -> None:
        """Ask for what is missing of a segment."""
        with self._run.changed:
            self._open[segment.number] = segment
            self._ask(segment)
            self._run.changed.notify_all()

    def finish(self) -> None:
        """No further segment will be wanted."""
        with self._run.changed:
            self._last = True
            self._close_if_done()
            self._run.changed.notify_all()

    def stop(self) -> None:
        """Break the stream off."""
        if self._call is not None:
            self._call.cancel()

    def run(self) -> None:
        """Work until everything wanted is in place or the pull has failed."""
        tries = 0
        while self._wait_for_work():
            done_before = self._run.done
            failure = self._attempt()
            with self._run.changed:
                if self._outbox is not None:
                    self._outbox.close()
                    self._outbox = None
                if self._run.ended or (self._last and not self._open):
                    return
                if self._verdict(failure):
                    return
                tries = 0 if self._run.done > done_before else tries + 1
                self._run.broken(failure)
                self._run.changed.wait_for(lambda: self._run.ended, RetryPolicy().pause(tries))

    def _wait_for_work(self) -> bool:
        with self._run.changed:
            self._run.changed.wait_for(lambda: self._run.ended or self._open or self._last)
            return not self._run.ended and bool(self._open)

    def _attempt(self) -> CallFailed:
        """Use one stream until it ends; returns why it did."""
        outbox = Outbox[pb.ReadChunksRequest]()
        outbox.post(pb.ReadChunksRequest(source=self._source))
        with self._run.changed:
            self._outbox = outbox
            for segment in self._open.values():
                self._ask(segment)
            self._close_if_done()
        try:
            call = self._read(iter(outbox))
            self._call = call
            if self._run.ended:
                call.cancel()
            for answer in call:
                self._take(answer, outbox)
        except grpc.RpcError as error:
            return failure_of(error)
        except Exception as error:  # noqa: BLE001 - whatever it is ends the pull, not only this thread
            self._run.fail(error)
        return Unavailable(Failure("UNAVAILABLE", "the server ended the stream"))

    def _verdict(self, failure: CallFailed) -> bool:
        """Whether the failure ends the pull."""
        now = time.monotonic()
        if isinstance(failure, Idle):
            self._run.progress_at = now
        quiet = now - self._run.progress_at
        if not is_break(failure):
            self._run.fail(failure)
        elif quiet > self._give_up:
            self._run.fail(GaveUp(quiet, failure))
        return self._run.ended

    def _ask(self, segment: Segment) -> None:
        if self._outbox is not None:
            segment.told_done = False
            want = pb.WantChunks(segment=segment.number, wanted=segment.wanted())
            self._outbox.post(pb.ReadChunksRequest(want=want))

    def _take(self, answer: ReadRecords, outbox: Outbox[pb.ReadChunksRequest]) -> None:
        with self._run.changed:
            segment = self._open.get(answer.segment)
            self._run.received += len(answer.records)
            if segment is None:
                return
            segment.told_done = segment.told_done or answer.segment_done
            segment.pending += 1
        if answer.records:
            self._expander.submit(ExpandTask(segment, answer.records, self._placed))
        else:
            self._placed(segment)

    def _placed(self, segment: Segment) -> None:
        """A message of the segment is worked off."""
        with self._run.changed:
            segment.pending -= 1
            if segment.pending or not (segment.told_done or segment.complete) or segment.number not in self._open:
                return
            if not segment.complete:
                self._ask_again(segment)
                return
            del self._open[segment.number]
        self._sink.finish(segment)
        with self._run.changed:
            self._close_if_done()
            self._run.progressed()

    def _ask_again(self, segment: Segment) -> None:
        segment.rounds += 1
        if segment.rounds == ROUNDS:
            self._run.fail(ContentCorrupt(f"chunks of segment {segment.number} were left out"))
        else:
            self._ask(segment)

    def _close_if_done(self) -> None:
        if self._last and not self._open and self._outbox is not None:
            self._outbox.finish()
