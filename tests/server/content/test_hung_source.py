"""A volume that hangs takes none with it that is copied to or repaired from it."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from galleria_server.config import VolumeConfig
from galleria_server.domain.errors_content import VolumeUnavailable
from galleria_server.volumes.mount import COPY_WORKERS, PATIENCE, Mount, State
from galleria_storage.index import MemoryIndex
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.volume import Reader, Source, Volume
from tests.support.rot import rot_records
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import Clock, Progress, content_of, memory_volume, pushed, read_range, sample

SCOPE, ROOT = UUID(int=1), UUID(int=11)
FIRST = content_of(sample(2, 1))
SECONDS = 60
SEGMENT = SMALL_RULE.segment


class HangingStore(LocalObjectStore):
    """A folder whose disk does not answer while `answers` is not set; `asked` tells that somebody waits for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.answers, self.asked = threading.Event(), threading.Semaphore(0)
        self.answers.set()

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        if not self.answers.is_set():
            self.asked.release()
            assert self.answers.wait(SECONDS)
        return super().read(name, offset, length)


class Place:
    """A mounted volume on a disk that may hang."""

    def __init__(self, path: Path, clock: Clock) -> None:
        path.mkdir()
        self.store = HangingStore(path)
        self.mount = Mount("eastus", VolumeConfig(path.name, "1", path), PATIENCE, clock)

    async def open(self) -> None:
        await self.mount.open(self._opened)

    def _opened(self, volume: VolumeConfig, *, rebuild: bool) -> Volume:
        assert volume is self.mount.config
        assert not rebuild
        return memory_volume(self.store, MemoryIndex())


Work = Callable[[Place], Callable[[Source], object]]


def repair(place: Place) -> Callable[[Source], object]:
    return lambda source: place.mount.volume.repair(ROOT, source, place.mount.going_on)


def copy(place: Place) -> Callable[[Source], object]:
    begun = place.mount.volume.begin_copy(SCOPE, uuid4(), lease_id=uuid4())
    return lambda source: begun.run(source, Progress())


@pytest.mark.parametrize("work", [repair, copy])
def test_only_the_volume_that_hangs_is_suspect(tmp_path: Path, work: Work) -> None:
    async def run() -> None:
        clock = Clock()
        here, there = (Place(tmp_path / name, clock) for name in ("here", "there"))
        for place in (here, there):
            await place.open()
        pushed(there.mount.volume, SCOPE, FIRST, ROOT)
        pushed(here.mount.volume, UUID(int=2), FIRST, ROOT)
        assert rot_records(here.mount.config.path, FIRST.names[0][0]) == 1
        here.mount.volume.scrub(lambda _: None)
        here.mount.volume.assess()
        with there.mount.volume.open_read(ROOT) as reader:
            await hang(here, there, reader, clock, work)
            there.store.answers.set()
            async with asyncio.timeout(SECONDS):
                while there.mount.state is not State.ONLINE:
                    await here.mount.run(read_range, here.mount.volume, ROOT, SEGMENT)
                    there.mount.maintain()
            await here.mount.run_from(there.mount, reader, repair(here))
            assert read_range(here.mount.volume, ROOT) == FIRST.data
        for place in (here, there):
            await place.mount.close()

    asyncio.run(run())


async def hang(here: Place, there: Place, reader: Reader, clock: Clock, work: Work) -> None:
    """Let more than runs at once hang, and see that it is known which volume does."""
    there.store.answers.clear()
    started = [
        asyncio.create_task(here.mount.run_from(there.mount, reader, work(here))) for _ in range(COPY_WORKERS + 1)
    ]
    for _ in started:
        assert await asyncio.to_thread(there.store.asked.acquire, timeout=SECONDS)
    clock.now += PATIENCE + 1
    for place in (here, there):
        place.mount.maintain()
    assert (here.mount.state, there.mount.state) == (State.ONLINE, State.SUSPECT)
    for task in started:
        with pytest.raises(VolumeUnavailable, match="there"):
            await task
    with pytest.raises(VolumeUnavailable, match="there"):
        await here.mount.run_from(there.mount, reader, work(here))
    await here.mount.collect()
