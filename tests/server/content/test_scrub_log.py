"""What a volume's own scrub finds is in the log while it goes on."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from galleria_server.config import DEFAULT_UPKEEP, VolumeConfig
from galleria_server.volumes.damage_log import DamageLog
from galleria_server.volumes.mount import Mount
from galleria_storage.index import RocksShared
from galleria_storage.volume import Scrubbed, Volume, open_local_volume
from tests.support.rot import rot_records
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import content_of, pushed, sample

SCOPE, ROOT = UUID(int=1), UUID(int=11)
FIRST = content_of(sample(2, 1))
SECONDS = 30


def cut_root(volume: Path) -> None:
    root = volume / "roots" / ROOT.hex
    root.write_bytes(root.read_bytes()[:-1])


def rot_chunk(volume: Path) -> None:
    assert rot_records(volume, FIRST.names[0][0]) == 1


def cut_pack(volume: Path) -> None:
    pack = min((volume / "packs").iterdir())
    pack.write_bytes(pack.read_bytes()[:-1])


class CutOffError(Exception):
    """The scrub is to end."""


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (cut_root, {"roots": [str(ROOT)], "bad": 0, "damaged": 0}),
        (rot_chunk, {"roots": [], "bad": 1, "damaged": 0}),
        (cut_pack, {"roots": [], "bad": 0, "damaged": 1}),
    ],
)
def test_damage_is_told_once_whenever_the_scrub_is_cut_off_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], expected: dict[str, object]
) -> None:
    def cut_off(found: Scrubbed) -> None:
        if found.bad or found.damaged or found.roots:
            raise CutOffError

    with closing(opened(VolumeConfig("v", "1", tmp_path), rebuild=False)) as volume:
        pushed(volume, SCOPE, FIRST, ROOT)
        damage(tmp_path)
        log = DamageLog("eastus", "v", cut_off)
        with pytest.raises(CutOffError):
            volume.scrub(log)
        volume.scrub(DamageLog("eastus", "v", lambda _: None), before=0)
    (record,) = caplog.records
    assert {name: getattr(record, name) for name in expected} == expected


def test_the_scrub_that_goes_on_all_the_time_tells_it_too(tmp_path: Path) -> None:
    async def run() -> None:
        # What it reads of the first pack takes hours.
        plan = replace(DEFAULT_UPKEEP, scrub_every=1.0, scrub_rate=1)
        mount = Mount("eastus", VolumeConfig("v", "1", tmp_path / "v"), plan=plan)
        await mount.open(opened)
        pushed(mount.volume, SCOPE, FIRST, ROOT)
        cut_root(mount.config.path)
        heard = Heard()
        logging.getLogger(DamageLog.__module__).addHandler(heard)
        mount.maintain()
        async with asyncio.timeout(SECONDS):
            await heard.told.wait()
        logging.getLogger(DamageLog.__module__).removeHandler(heard)
        await mount.close()

    asyncio.run(run())


class Heard(logging.Handler):
    """Waits in this loop until the root is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told, self._loop = asyncio.Event(), asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if str(ROOT) in getattr(record, "roots", ()):
            self._loop.call_soon_threadsafe(self.told.set)


def opened(volume: VolumeConfig, *, rebuild: bool) -> Volume:
    return open_local_volume(volume.path, RocksShared(), rules=[SMALL_RULE], rebuild=rebuild)
