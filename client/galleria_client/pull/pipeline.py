"""A pull from beginning to end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence

from galleria.v1 import contents_pb2 as pb
from galleria_client._sync.transport import Transport
from galleria_client.errors import Interrupted
from galleria_client.pull.calls import read_chunks_call
from galleria_client.pull.content import Content
from galleria_client.pull.expander import Expander, writes_of
from galleria_client.pull.fetcher import Fetcher
from galleria_client.pull.file_sink import FileSink
from galleria_client.pull.options import PullOptions, PullProgress, PullReport, PullState
from galleria_client.pull.output import check_free, open_output
from galleria_client.pull.seeds import Seeds
from galleria_client.pull.segment import Segment
from galleria_client.pull.session import PullRun
from galleria_client.pull.sink import NullSink, Sink
from galleria_client.pull.stream_sink import StreamSink

PIPE = "-"
TICK_SECONDS = 0.2
FAREWELL_SECONDS = 5.0
SEED_BATCH = 1 << 20
"""Bytes taken from seeds for one write."""


def pull_content(
    transport: Transport,
    source: pb.ContentSource,
    output: str,
    seeds: Sequence[str] = (),
    options: PullOptions | None = None,
    progress: PullProgress | None = None,
    stop: threading.Event | None = None,
) -> PullReport:
    """Write the content to `output`; see `Contents.pull`."""
    options = options or PullOptions()
    if output != PIPE:
        check_free(output, force=options.force)
    pull = _Pull(transport, source, options, progress, stop or threading.Event())
    with Seeds(pull.content.layout.rule) as found:
        for seed in seeds:
            found.add(seed)
        if output == PIPE:
            return pull.run(StreamSink(sys.stdout.fileno(), PIPE, pull.state.changed, lambda: pull.state.ended), found)
        return _pull_to_file(pull, output, found, options)


def verify_content(
    transport: Transport,
    source: pb.ContentSource,
    progress: PullProgress | None = None,
    stop: threading.Event | None = None,
) -> PullReport:
    """Read everything back and keep nothing; see `Contents.verify`."""
    pull = _Pull(transport, source, PullOptions(), progress, stop or threading.Event())
    with Seeds(pull.content.layout.rule) as none:
        return pull.run(NullSink(), none)


def _pull_to_file(pull: _Pull, output: str, seeds: Seeds, options: PullOptions) -> PullReport:
    layout = pull.content.layout
    with open_output(output, layout.size) as opened:
        part, fresh = str(opened.part), opened.fresh
        sink = FileSink(opened.fd, output, part, layout.size, layout.rule, fresh=fresh, durable=options.fsync)
        report = pull.run(sink, seeds)
        opened.complete(fsync=options.fsync)
    return report


class _Pull:
    """One pull: the layout is fetched and verified when it is made."""

    def __init__(
        self,
        transport: Transport,
        source: pb.ContentSource,
        options: PullOptions,
        progress: PullProgress | None,
        stop: threading.Event,
    ) -> None:
        self._began = time.perf_counter()
        self._read = read_chunks_call(transport.channel)
        self._options = options
        self._progress = progress
        self._stop = stop
        self.content = Content(transport, source, options.give_up_seconds, stop)
        self.state = PullRun(self.content.answer.occupied_bytes)
        self.state.received = len(self.content.answer.layout)

    def run(self, sink: Sink, seeds: Seeds) -> PullReport:
        """Bring everything into the sink.

        Raises:
            ContentCorrupt, OutputError, CallFailed, GaveUp, Interrupted.
        """
        options, state = self._options, self.state
        expander = Expander(options.threads, self.content.layout.rule, sink, state)
        fetcher = Fetcher(self._read, self.content.source, expander, sink, state, options.give_up_seconds)
        planner = _Planner(self.content, sink, seeds, fetcher, state, options.segments)
        fetching = threading.Thread(target=fetcher.run, name="galleria-fetch", daemon=True)
        planning = threading.Thread(target=planner.run, name="galleria-plan", daemon=True)
        fetching.start()
        planning.start()
        try:
            self._watch(lambda: planner.finished and not fetcher.load)
            fetching.join(FAREWELL_SECONDS)
        finally:
            state.end()
            fetcher.stop()
            fetching.join()
            planning.join()
            expander.close()
        if state.error is not None:
            raise state.error
        return self._report()

    def _watch(self, finished: Callable[[], bool]) -> None:
        state = self.state
        while True:
            with state.changed:
                state.changed.wait_for(lambda: state.ended or finished(), TICK_SECONDS)
                if state.error is not None:
                    raise state.error
                done = finished()
            if self._stop.is_set():
                raise Interrupted
            if self._progress is not None:
                self._progress(PullState(state.done, state.total, state.received, state.retrying))
            if done:
                return

    def _report(self) -> PullReport:
        answer, state = self.content.answer, self.state
        return PullReport(
            name=answer.name,
            region=answer.region,
            digest=answer.digest,
            size_bytes=answer.size_bytes,
            occupied_bytes=answer.occupied_bytes,
            fetched_bytes=state.fetched,
            seed_bytes=state.from_seeds,
            kept_bytes=state.kept,
            received_bytes=state.received,
            seconds=time.perf_counter() - self._began,
            breaks=state.breaks,
            warnings=tuple(answer.warnings),
        )


class _Planner:
    """The thread that decides for each segment what is there, what a seed has, and what must be fetched."""

    def __init__(
        self, content: Content, sink: Sink, seeds: Seeds, fetcher: Fetcher, state: PullRun, segments: int
    ) -> None:
        self._content = content
        self._sink = sink
        self._seeds = seeds
        self._fetcher = fetcher
        self._state = state
        self._segments = segments
        self.finished = False

    def run(self) -> None:
        """Plan every segment, in order."""
        try:
            for part in self._content.segments(self._count_received):
                if isinstance(part, tuple):
                    self._sink.clear(*part)
                elif not self._plan(part):
                    return
        except Exception as error:  # noqa: BLE001 - whatever it is ends the pull, not only this thread
            self._state.fail(error)
            return
        with self._state.changed:
            self.finished = True
            self._fetcher.finish()

    def _plan(self, segment: Segment) -> bool:
        """Returns False when the pull has ended."""
        if not self._sink.begin(segment):
            return False
        kept = segment.keep(self._sink.present(segment))
        seeded = self._take_seeds(segment)
        with self._state.changed:
            self._state.kept += kept
            self._state.from_seeds += seeded
            self._state.progressed()
        if segment.complete:
            self._sink.finish(segment)
            return not self._state.ended
        with self._state.changed:
            self._state.changed.wait_for(lambda: self._state.ended or self._fetcher.load < self._segments)
            if self._state.ended:
                return False
            self._fetcher.want(segment)
        return True

    def _take_seeds(self, segment: Segment) -> int:
        wanted = [(name, segment.chunks[indexes[0]][1]) for name, indexes in segment.missing.items()]
        found: dict[bytes, bytes] = {}
        taken = size = 0
        for name, data in self._seeds.find(wanted):
            found[name] = data
            size += len(data)
            if size >= SEED_BATCH:
                taken += self._place(segment, found)
                found, size = {}, 0
        return taken + self._place(segment, found)

    def _place(self, segment: Segment, found: dict[bytes, bytes]) -> int:
        """Write these chunks; returns how many bytes that were."""
        writes = writes_of(segment, found)
        self._sink.write(segment, writes)
        for name in found:
            del segment.missing[name]
        return sum(len(data) for _, data in writes)

    def _count_received(self, amount: int) -> None:
        with self._state.changed:
            self._state.received += amount
