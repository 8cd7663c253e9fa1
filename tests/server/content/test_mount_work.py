"""Work on a mounted volume: a rebuild beside what still runs and whoever leaves, and a bound on scrubs."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from galleria_server.config import VolumeConfig
from galleria_server.domain.errors import ServerBusy
from galleria_server.domain.errors_content import VolumeUnavailable
from galleria_server.volumes import mount as mounts
from galleria_server.volumes.mount import SCRUB_WORKERS, Mount, State
from galleria_storage.index import RocksShared
from galleria_storage.volume import Scrubbed, Volume, open_local_volume
from galleria_storage.volume.scrubbing import Report

PATIENCE = 60


class Opener:
    """Opens the volume; makes its index again only when `gate` is open."""

    def __init__(self) -> None:
        self.shared = RocksShared()
        self.gate, self.rebuilding = threading.Event(), threading.Event()
        self.order: list[str] = []

    def __call__(self, volume: VolumeConfig, *, rebuild: bool) -> Volume:
        if rebuild:
            self.order.append("rebuild")
            self.rebuilding.set()
            self.gate.wait(PATIENCE)
        return open_local_volume(volume.path, self.shared, rebuild=rebuild)


def with_mount(folder: Path, story: Callable[[Mount, Opener], Awaitable[None]]) -> None:
    async def run() -> None:
        mount, opener = Mount("eastus", VolumeConfig("v", "1", folder / "v")), Opener()
        await mount.open(opener)
        try:
            await story(mount, opener)
        finally:
            opener.gate.set()
            await mount.close()

    asyncio.run(run())


def test_a_rebuild_goes_on_when_nobody_waits(tmp_path: Path) -> None:
    async def story(mount: Mount, opener: Opener) -> None:
        first = asyncio.create_task(mount.rebuild())
        await asyncio.to_thread(opener.rebuilding.wait, PATIENCE)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(mount.rebuild())
        await asyncio.sleep(0)
        opener.gate.set()
        await second
        assert opener.order == ["rebuild"]
        assert mount.state is State.ONLINE

    with_mount(tmp_path, story)


def test_a_rebuild_waits_for_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "CLOSING_SECONDS", 0)

    async def story(mount: Mount, opener: Opener) -> None:
        volume, going_on = mount.volume, threading.Event()

        def work() -> int:
            going_on.wait(PATIENCE)
            opener.order.append("work")
            return len(volume.roots())

        answer = mount.start(work)
        opener.gate.set()
        rebuild = asyncio.create_task(mount.rebuild())
        await asyncio.wait([rebuild], timeout=0.2)
        going_on.set()
        await rebuild
        assert await answer == 0
        assert opener.order == ["work", "rebuild"]

    with_mount(tmp_path, story)


def test_a_volume_that_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    async def story(mount: Mount, opener: Opener) -> None:
        opener.gate.set()
        description = tmp_path / "v" / "meta" / "volume.json"
        kept = description.read_bytes()
        description.write_bytes(b"{}")
        with pytest.raises(VolumeUnavailable):
            await mount.rebuild()
        description.write_bytes(kept)
        await mount.rebuild()
        assert mount.volume.roots() == []

    with_mount(tmp_path, story)


def test_more_scrubs_than_may_run_are_refused(tmp_path: Path) -> None:
    async def story(mount: Mount, _: Opener) -> None:
        end = threading.Event()
        scrub = mount.volume.scrub

        def waiting(report: Report, **how: bool) -> Scrubbed:
            end.wait(PATIENCE)
            return scrub(report, **how)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mount.volume, "scrub", waiting)
            running = [mount.scrub(lambda _: None) for _ in range(SCRUB_WORKERS)]
        with pytest.raises(ServerBusy):
            mount.verify(lambda _: None)
        end.set()
        await asyncio.gather(*running)
        await mount.verify(lambda _: None)

    with_mount(tmp_path, story)
