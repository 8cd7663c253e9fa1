"""One push session from its first offer to the last *durable*."""

from __future__ import annotations

import threading
from collections.abc import Callable

from galleria_client._sync.transport import Transport
from galleria_client.errors import Interrupted
from galleria_client.push.calls import push_call
from galleria_client.push.checksum import Checksum
from galleria_client.push.codec import CodecPool
from galleria_client.push.lane import Lane
from galleria_client.push.options import PushOptions
from galleria_client.push.session import PushRun
from galleria_client.push.source import Source
from galleria_client.push.statistics import Statistics
from galleria_storage.layout import Layout
from galleria_storage.rules import Rule

TICK_SECONDS = 0.2
FAREWELL_SECONDS = 5.0


class Exchange:
    """Scans a source and makes all of it durable in one push session."""

    def __init__(
        self, transport: Transport, session: str, rule: Rule, run: PushRun, options: PushOptions, statistics: Statistics
    ) -> None:
        self._rule = rule
        self._run = run
        self._codecs = CodecPool(options.codec_threads, options.level, rule, statistics, run.fail)
        push = push_call(transport.channel)
        self._lanes = [
            Lane(run, push, session, self._codecs, options.give_up_seconds) for _ in range(max(1, options.streams))
        ]
        run.lanes[:] = self._lanes
        self._pages: list[bytes | None] = []

    def run(self, source: Source, checksum: Checksum | None, stop: threading.Event, tick: Callable[[], None]) -> Layout:
        """Do it; `tick` is called a few times a second.

        Raises:
            SourceError, CallFailed, SessionLost, GaveUp.
            Interrupted: `stop` was set.
        """
        scanner = threading.Thread(target=self._scan, args=(source, checksum), name="galleria-scan", daemon=True)
        threads = [threading.Thread(target=lane.run, name="galleria-push", daemon=True) for lane in self._lanes]
        for thread in (*threads, scanner):
            thread.start()
        try:
            self._watch(stop, tick)
            for lane in self._lanes:
                lane.finish()
            for thread in threads:
                # Everything is durable: a server that does not end its side is not worth waiting for.
                thread.join(FAREWELL_SECONDS)
            for lane in self._lanes:
                lane.stop()
        except BaseException:
            self._run.end()
            for lane in self._lanes:
                lane.stop()
            raise
        finally:
            for thread in (*threads, scanner):
                thread.join()
            self._codecs.close()
        return Layout(self._rule, source.size or 0, tuple(self._pages))

    def _scan(self, source: Source, checksum: Checksum | None) -> None:
        try:
            for segment in source.scan(checksum):
                self._pages.append(segment.name)
                self._run.scanned_bytes = segment.end
                if segment.page is not None:
                    if not self._run.wait_for_room(lambda: any(lane.has_room for lane in self._lanes)):
                        return
                    min(self._lanes, key=lambda lane: lane.load).offer(segment)
                elif self._run.ended:
                    return
        except Exception as error:  # noqa: BLE001 - whatever it is ends the push, not only this thread
            self._run.fail(error)
        else:
            self._run.finish_scan()

    def _watch(self, stop: threading.Event, tick: Callable[[], None]) -> None:
        run = self._run
        while True:
            with run.changed:
                run.changed.wait_for(self._settled, TICK_SECONDS)
                if run.error is not None:
                    raise run.error
                if self._settled():
                    return
            if stop.is_set():
                raise Interrupted
            tick()

    def _settled(self) -> bool:
        return self._run.ended or (self._run.scanned and all(lane.idle for lane in self._lanes))
