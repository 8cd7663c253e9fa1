"""When a mounted volume asks for its repair."""

import asyncio
from pathlib import Path
from uuid import UUID

from galleria_server.config import VolumeConfig
from galleria_server.volumes.mount import Mount
from galleria_storage.index import RocksShared
from galleria_storage.volume import Scrubbed, Volume, open_local_volume
from tests.support.rot import rot_records
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import content_of, pushed, sample

SCOPE = UUID(int=1)
FIRST, SECOND = content_of(sample(2, 1)), content_of(sample(1, 2))


def opened(volume: VolumeConfig, *, rebuild: bool) -> Volume:
    return open_local_volume(volume.path, RocksShared(), rules=[SMALL_RULE], rebuild=rebuild)


def test_a_root_that_a_scrub_could_not_read_is_doubted_once(tmp_path: Path) -> None:
    async def run() -> None:
        mount, seen = Mount("eastus", VolumeConfig("v", "1", tmp_path / "v")), []

        def report(_: Scrubbed) -> None:
            # As a repair does for one that can be read again.
            seen.append(mount.doubted)
            mount.doubted = frozenset()

        await mount.open(opened)
        root, _ = (pushed(mount.volume, SCOPE, content) for content in (FIRST, SECOND))
        file = mount.config.path / "roots" / root.id.hex
        file.write_bytes(file.read_bytes()[:-1])
        await mount.scrub(report)
        assert [found for found in seen if found] == [{root.id}]
        assert len(seen) > 3
        await mount.close()

    asyncio.run(run())


def test_a_repair_is_asked_for_when_more_is_lacking_and_not_when_something_else_is_given_up(tmp_path: Path) -> None:
    asked = 0

    async def mend(_: Mount) -> None:
        nonlocal asked
        asked += 1

    async def repairs(mount: Mount) -> int:
        """How often a repair has begun since the last time, once the volume was looked after."""
        nonlocal asked
        await mount.lacking()
        mount.maintain()
        await asyncio.sleep(0)
        found, asked = asked, 0
        return found

    async def run() -> None:
        mount = Mount("eastus", VolumeConfig("v", "1", tmp_path / "v"))
        mount.mend = mend
        await mount.open(opened)
        root, other = (pushed(mount.volume, SCOPE, content) for content in (FIRST, SECOND))
        assert await repairs(mount) == 0
        for lost in (FIRST.names[0][0], FIRST.names[1][0]):
            assert rot_records(mount.config.path, lost) == 1
            mount.volume.scrub(lambda _: None)
            assert await repairs(mount) == 1
        mount.volume.release(other.id)
        assert mount.volume.doubtful
        assert await repairs(mount) == 0
        assert await mount.lacking() == {root.id: 2}
        await mount.close()

    asyncio.run(run())
