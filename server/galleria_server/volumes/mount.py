"""One configured volume with its pools and its watchdog."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

from galleria_server.config import DEFAULT_UPKEEP, UpkeepPlan, VolumeConfig
from galleria_server.domain.errors_content import CollectionOff, VolumeUnavailable
from galleria_server.domain.placement import Candidate
from galleria_server.executor import BoundedExecutor
from galleria_server.volumes.foreign import ForeignSource
from galleria_server.volumes.giving_way import GivingWay
from galleria_server.volumes.upkeep import Upkeep
from galleria_server.volumes.watchdog import Watchdog
from galleria_storage.volume import Collected, Database, Scrubbed, Source, Usage, Verified, Volume, VolumeClosed

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 30.0
CLOSING_SECONDS = 10.0
WORKERS = 4
COPY_WORKERS = 2
# Few run at once; the others are for those that hang with the volume that they read from.
CROSSING_WORKERS = 16
# The scrub that goes on all the time, one that somebody asks for, and a verification. Who asks for more is told so.
SCRUB_WORKERS = 3
# Streams bound what they have in work, so the queue only has to hold them all.
QUEUE = 4096
# Pieces of a push or pull follow each other faster than this.
BUSY_SECONDS = 0.1

_log = logging.getLogger(__name__)


class Opener(Protocol):
    """Opens a configured volume; with `rebuild` its index is made again. Blocks. Raises what opening raises."""

    def __call__(self, volume: VolumeConfig, *, rebuild: bool) -> Volume: ...


Judge = Callable[[UUID, Database | None], str]
"""Why the volume of that id, which knows such a database, does not belong to this server; empty when it does."""


class State(Enum):
    """Whether a volume is used."""

    ONLINE = "online"
    SUSPECT = "suspect"
    OFFLINE = "offline"


class Mount:
    """A volume of the configuration, offline until opened.

    Its work runs in pools of its own, so that nothing else waits when it hangs: work on a volume of which a thread
    has been silent for `patience` seconds ends with VolumeUnavailable, and new work is refused until it answers again.
    Used from the event loop, except `beat`.
    """

    def __init__(
        self,
        region: str,
        config: VolumeConfig,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        plan: UpkeepPlan = DEFAULT_UPKEEP,
        judge: Judge = lambda *_: "",
    ) -> None:
        self.region = region
        self._judge = judge
        self.config = config
        self.state = State.OFFLINE
        self.details = "not opened yet"
        self.usage: Usage | None = None
        self.uid: UUID | None = None
        self.strange = ""
        """Why nothing on the volume may be collected; empty when it belongs to this server's metadata database."""
        self.mend: Callable[[Mount], Awaitable[None]] = _leave
        """Repairs what the volume lacks; set by whoever knows the other volumes."""
        self.doubted = frozenset[UUID]()
        """Roots whose files could not be read when somebody looked."""
        self._lacking: dict[UUID, int] = {}
        self._volume: Volume | None = None
        self._opener: Opener
        self._watchdog = Watchdog(patience, clock)
        self._requests = BoundedExecutor(f"volume-{config.name}", workers=WORKERS, queue=QUEUE)
        self._copies = BoundedExecutor(f"copies-{config.name}", workers=COPY_WORKERS, queue=QUEUE)
        self._crossings = BoundedExecutor(f"crossings-{config.name}", workers=CROSSING_WORKERS, queue=QUEUE)
        self._waiting: set[asyncio.Future[Any]] = set()
        self._scrubs = BoundedExecutor(f"scrubs-{config.name}", workers=SCRUB_WORKERS, queue=0)
        self._collection: asyncio.Future[Collected] | None = None
        self._rebuilding: asyncio.Future[None] | None = None
        self._opening = asyncio.Lock()
        self._upkeep = Upkeep(self, plan)
        self._closing = False
        self._asked = time.monotonic() - BUSY_SECONDS

    @property
    def name(self) -> str:
        """Name of the volume, unique in its region."""
        return self.config.name

    @property
    def volume(self) -> Volume:
        """The open volume, for use in its pools. Raises VolumeUnavailable unless it is online."""
        if self._volume is None or self.state is not State.ONLINE:
            raise VolumeUnavailable(self.region, self.name, self.details)
        return self._volume

    @property
    def condition(self) -> State:
        """The state to show: a volume that could not make something durable is suspect, though it is still read."""
        doubtful = self._volume is not None and self._volume.suspect is not None
        return State.SUSPECT if doubtful and self.state is State.ONLINE else self.state

    @property
    def candidate(self) -> Candidate | None:
        """What placement needs to know; None while the volume gets no new work."""
        if self.condition is not State.ONLINE or self.usage is None:
            return None
        config, usage = self.config, self.usage
        return Candidate(config.name, config.zone, frozenset(config.tiers), usage.free, usage.total, len(self._waiting))

    async def open(self, opener: Opener) -> None:
        """Open the volume by `opener`; one that cannot be opened stays offline, with the reason in `details`."""
        self._opener = opener
        async with self._opening:
            await self._open(rebuild=False)

    async def rebuild(self) -> None:
        """Close the volume, and open it with an index made again from what lies on it; one that is offline is tried.

        What is under way on it ends as if the volume were away. It goes on when nobody waits any more; who asks
        meanwhile waits for it too. Raises VolumeUnavailable.
        """
        if self._rebuilding is None or self._rebuilding.done():
            if self.state is State.SUSPECT:
                raise VolumeUnavailable(self.region, self.name, self.details)
            self._rebuilding = asyncio.ensure_future(self._rebuild())
        await asyncio.shield(self._rebuilding)
        if self.state is not State.ONLINE:
            raise VolumeUnavailable(self.region, self.name, self.details)

    def start(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Begin a short piece of work in the pool for requests; what becomes of it. Raises VolumeUnavailable."""
        return self._start(self._requests, function, args, kwargs)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, awaited: raises what the work raises, and VolumeUnavailable."""
        return await self._start(self._requests, function, args, kwargs)

    async def run_copy(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work that takes minutes, and calls `beat` all the time, in the pool for copies; as `run` otherwise."""
        return await self._start(self._copies, function, args, kwargs)

    async def run_from(self, source: Mount, reader: Source, function: Callable[[Source], T]) -> T:
        """The same for work that reads from another volume, which alone is held to be at fault while that is silent.

        Raises VolumeUnavailable when either volume is not there, or does not answer any more.
        """
        if source.state is not State.ONLINE:
            raise VolumeUnavailable(source.region, source.name, source.details)

        @contextmanager
        def away() -> Iterator[None]:
            with self._watchdog.paused(), source._watchdog.working():
                yield

        answer = self._start(self._crossings, function, (ForeignSource(reader, away),), {})
        source._await(answer)
        return await answer

    def beat(self) -> None:
        """Tell from within a piece of work that it is getting on."""
        self._watchdog.beat()

    async def refresh_usage(self) -> Usage:
        """The usage as it is now. Raises VolumeUnavailable."""
        self.usage = await self.run(self.volume.usage)
        return self.usage

    async def collect(self) -> Collected:
        """Let go of what nothing on the volume needs; whoever asks meanwhile gets the answer of the one under way.

        Raises VolumeUnavailable, CollectionOff, CollectionStopped, StoreFailed.
        """
        if self.strange:
            raise CollectionOff(self.region, self.name, self.strange)
        if self._collection is None or self._collection.done():
            going = GivingWay(self.is_busy, self.going_on)
            self._collection = self._start(self._copies, self.volume.collect, (going,), {})
        return await asyncio.shield(self._collection)

    async def assess(self) -> None:
        """Find out which roots lack something. Raises VolumeUnavailable, StoreFailed."""
        volume = self.volume
        await self._start(self._copies, volume.assess, (self.going_on,), {})
        lacking = await self.run(volume.lacking)
        # As long as something is missing whatever is given up is looked at, and most of it changes nothing.
        if lacking != self._lacking:
            self._lacking = lacking
            self._upkeep.has_news()

    async def lacking(self) -> dict[UUID, int]:
        """How much each root lacks, also by what was found just now. Raises VolumeUnavailable, StoreFailed."""
        volume = self.volume
        if await self.run(lambda: volume.doubtful):
            await self.assess()
        return await self.run(volume.lacking)

    def scrub(
        self, report: Callable[[Scrubbed], None], *, names: bool = False, before: float | None = None
    ) -> asyncio.Future[Scrubbed]:
        """Begin to read what is stored again, as `Volume.scrub`. Raises VolumeUnavailable."""
        how = {"names": names, "before": before}

        doubt = self._doubting()

        def tell(found: Scrubbed) -> None:
            doubt(found.roots)
            report(found)

        return self._start(self._scrubs, self.volume.scrub, (self._telling(tell),), how)

    def verify(self, report: Callable[[Verified], None]) -> asyncio.Future[Verified]:
        """Begin to look whether all that roots need is there, as `Volume.verify`. Raises VolumeUnavailable."""
        doubt = self._doubting()

        def tell(found: Verified) -> None:
            doubt(found.unreadable)
            report(found)

        return self._start(self._scrubs, self.volume.verify, (self._telling(tell),), {})

    def is_busy(self) -> bool:
        """Whether a request was at work on the volume just now. From any thread."""
        return time.monotonic() - self._asked < BUSY_SECONDS

    def maintain(self) -> None:
        """Look at the watchdog, and begin what is due on the volume. Call about once a second."""
        self._inspect()
        if self.state is State.ONLINE:
            self._upkeep.tick()

    async def close(self) -> None:
        """Close the volume once its work has ended; one that hangs is left."""
        if self._rebuilding is not None:
            await asyncio.wait([self._rebuilding], timeout=CLOSING_SECONDS)
            self._rebuilding.cancel()
        await self._end_work(CLOSING_SECONDS)
        volume, self._volume = self._volume, None
        if volume is not None and self.state is State.ONLINE:
            await self._requests.run(volume.close)
        self.state, self.details = State.OFFLINE, "closed"
        for executor in self._executors:
            executor.close()

    @property
    def _executors(self) -> tuple[BoundedExecutor, ...]:
        return self._requests, self._copies, self._crossings, self._scrubs

    async def _rebuild(self) -> None:
        async with self._opening:
            volume, self._volume = self._volume, None
            self.state, self.details = State.OFFLINE, "its index is being made again"
            if volume is not None:
                # To the end: what still runs must not meet a closed index, nor the volume's next owner.
                await self._end_work(None)
                await self._requests.run(volume.close)
            self._closing = False
            await self._open(rebuild=True)

    async def _open(self, *, rebuild: bool) -> None:
        try:
            self._volume = await self._requests.run(self._opener, self.config, rebuild=rebuild)
            self.usage = await self._requests.run(self._volume.usage)
        except Exception as error:  # noqa: BLE001  # one volume must not keep the others from work
            self.details = str(error)
            _log.exception("volume %s in %s stays offline", self.name, self.region)
            return
        self.uid = self._volume.id
        self.strange = self._judge(self._volume.id, self._volume.database)
        if self.strange:
            _log.error("collection is off on volume %s in %s: %s", self.name, self.region, self.strange)
        self.state, self.details = State.ONLINE, ""

    async def _end_work(self, seconds: float | None) -> None:
        """Let what goes on in the pools end, in that time if there is one, and begin nothing more."""
        self._closing = True
        await self._upkeep.stop()
        await asyncio.gather(*(executor.settle(seconds) for executor in self._executors))

    def _start(
        self, pool: BoundedExecutor, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> asyncio.Future[T]:
        if self.state is not State.ONLINE:
            raise VolumeUnavailable(self.region, self.name, self.details)
        if pool is self._requests:
            self._asked = time.monotonic()
        answer = pool.start(self._watched, function, args, kwargs)
        self._await(answer)
        return answer

    def _await(self, answer: asyncio.Future[Any]) -> None:
        """Let work end with VolumeUnavailable as soon as this volume does not answer."""
        self._waiting.add(answer)
        answer.add_done_callback(self._waiting.discard)

    def _watched(self, function: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        with self._watchdog.working():
            return function(*args, **kwargs)

    def _inspect(self) -> None:
        overdue = self._watchdog.overdue()
        if overdue and self.state is State.ONLINE:
            self.state, self.details = State.SUSPECT, "it does not answer"
            _log.error("volume %s in %s does not answer", self.name, self.region)
            for answer in self._waiting:
                if not answer.done():
                    answer.set_exception(VolumeUnavailable(self.region, self.name, self.details))
        elif not overdue and self.state is State.SUSPECT:
            self.state, self.details = State.ONLINE, ""
            _log.warning("volume %s in %s answers again", self.name, self.region)

    def going_on(self) -> None:
        """Tell from within a long piece of work that it is getting on. Raises VolumeClosed when it is to end."""
        self.beat()
        if self._closing:
            raise VolumeClosed

    def doubt(self, roots: Collection[UUID]) -> None:
        """Let the next repair look at roots that could not be read. From any thread."""
        if not self.doubted.issuperset(roots):
            self.doubted |= set(roots)
            self._upkeep.has_news()

    def _doubting(self) -> Callable[[Sequence[UUID]], None]:
        """Doubts each root once of a list that grows."""
        told = 0

        def doubt(roots: Sequence[UUID]) -> None:
            nonlocal told
            news, told = roots[told:], len(roots)
            self.doubt(news)

        return doubt

    def _telling(self, report: Callable[[T], None]) -> Callable[[T], None]:
        def tell(found: T) -> None:
            self.going_on()
            report(found)

        return tell


async def _leave(_: Mount) -> None:
    return


AboutToChange = Callable[[Mount], Awaitable[None]]
"""To be called after rows are committed, and before a root on a volume is pinned or given up as they say."""
