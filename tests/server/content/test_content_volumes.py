"""Volumes: opened together, watched, shown."""

import asyncio
import threading
from pathlib import Path

import grpc
import pytest

from galleria.v1 import installation_pb2 as pb
from galleria_server.config import VolumeConfig
from galleria_server.content import make_content
from galleria_server.domain.errors_content import VolumeUnavailable
from galleria_server.volumes.mount import Mount, State
from galleria_server.volumes.watchdog import Watchdog
from galleria_storage.index import RocksShared
from galleria_storage.volume import Collected, Volume, open_local_volume
from tests.server.refusals import refused
from tests.support.server_thread import config_in, server_thread
from tests.support.wire_client import Image, WireClient


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_work_is_overdue_only_past_the_limit_since_its_last_beat() -> None:
    clock = Clock()
    dog = Watchdog(30, clock)
    with dog.working():
        clock.now = 30
        assert not dog.overdue()
        dog.beat()
        clock.now = 60
        assert not dog.overdue()
        clock.now = 60.1
        assert dog.overdue()
    assert not dog.overdue()


def test_a_volume_that_hangs_is_suspect_until_it_answers(tmp_path: Path) -> None:
    clock = Clock()
    begun, answers = threading.Event(), threading.Event()

    def hang() -> str:
        begun.set()
        assert answers.wait(30)
        return "late"

    async def run() -> None:
        mount = Mount("eastus", VolumeConfig("v", "1", tmp_path / "v"), clock=clock)
        await mount.open(open_volume)
        work = asyncio.ensure_future(mount.run(hang))
        await asyncio.to_thread(begun.wait)
        clock.now = 31
        mount.maintain()
        with pytest.raises(VolumeUnavailable):
            await work
        assert (mount.state, mount.candidate) == (State.SUSPECT, None)
        with pytest.raises(VolumeUnavailable):
            await mount.run(hang)
        answers.set()
        await recovered(mount)
        assert await mount.run(hang) == "late"
        await mount.close()

    asyncio.run(run())


async def recovered(mount: Mount) -> None:
    async with asyncio.timeout(10):
        while mount.state is not State.ONLINE:
            mount.maintain()
            await asyncio.sleep(0)


def test_a_hanging_volume_does_not_hold_up_another(tmp_path: Path) -> None:
    answers = threading.Event()

    async def run() -> None:
        mounts = [Mount("eastus", VolumeConfig(name, "1", tmp_path / name)) for name in ("one", "two")]
        for mount in mounts:
            await mount.open(open_volume)
        hanging = [asyncio.ensure_future(mounts[0].run(answers.wait, 30)) for _ in range(20)]
        assert await mounts[1].run(lambda: "at once") == "at once"
        assert not any(work.done() for work in hanging)
        answers.set()
        assert await asyncio.gather(*hanging) == [True] * 20
        for mount in mounts:
            await mount.close()

    asyncio.run(run())


def test_a_cancelled_caller_leaves_the_work_to_itself(tmp_path: Path) -> None:
    begun, answers = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        answers.wait(30)
        raise ValueError

    async def run() -> None:
        mount = Mount("eastus", VolumeConfig("v", "1", tmp_path / "v"))
        await mount.open(open_volume)
        caller = asyncio.ensure_future(mount.run(work))
        await asyncio.to_thread(begun.wait)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        answers.set()
        assert await mount.run(lambda: 1) == 1
        await mount.close()

    asyncio.run(run())


def test_whoever_asks_for_a_collection_while_one_runs_gets_its_answer(tmp_path: Path) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def collect(_: object) -> Collected:
        calls.append(len(calls))
        begun.set()
        assert goes_on.wait(30)
        return Collected(packs=len(calls))

    async def run() -> None:
        mount = Mount("eastus", VolumeConfig("v", "1", tmp_path / "v"))
        await mount.open(open_volume)
        mount.volume.collect = collect  # type: ignore[method-assign,assignment]
        first = asyncio.ensure_future(mount.collect())
        await asyncio.to_thread(begun.wait)
        left = asyncio.ensure_future(mount.collect())
        second = asyncio.ensure_future(mount.collect())
        await asyncio.sleep(0)
        left.cancel()
        goes_on.set()
        assert await first == await second == Collected(packs=1)
        assert await mount.collect() == Collected(packs=2)
        await mount.close()

    asyncio.run(run())
    assert calls == [0, 1]


def open_volume(volume: VolumeConfig, *, rebuild: bool) -> Volume:
    return open_local_volume(volume.path, RocksShared(), rebuild=rebuild)


def test_volumes_show_what_they_hold(wire: WireClient, image: Image) -> None:
    before = {volume.name: volume for volume in wire.volumes("eastus")}
    made = wire.push("disk", image)
    changed = [volume for volume in wire.volumes("eastus") if volume.roots != before[volume.name].roots]
    (volume,) = changed
    old = before[volume.name]
    assert volume.logical_bytes - old.logical_bytes == made.size_bytes
    assert volume.occupied_bytes - old.occupied_bytes == made.occupied_bytes
    assert volume.stored_bytes > old.stored_bytes
    assert volume.records > old.records
    assert (volume.state, volume.kind, list(volume.tiers)) == (pb.Volume.STATE_ONLINE, "local", ["standard", "premium"])
    assert 0 < volume.free_bytes < volume.total_bytes
    shown = wire.operators.GetVolume(pb.GetVolumeRequest(name=volume.name.upper()))
    assert (shown.name, shown.uid, shown.stored_bytes) == (volume.name, volume.uid, volume.stored_bytes)


def test_volumes_are_listed_by_name_page_by_page(wire: WireClient) -> None:
    names, token = [], ""
    while True:
        request = pb.ListVolumesRequest(parent="regions/-", page_size=4, page_token=token)
        answer = wire.operators.ListVolumes(request)
        names += [volume.name for volume in answer.volumes]
        token = answer.next_page_token
        if not token:
            break
    regions = ("eastus", "westeurope", "westus")
    assert names == [f"regions/{region}/volumes/{region}-{zone}" for region in regions for zone in "123"]


def test_volumes_that_are_not_there(wire: WireClient) -> None:
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        wire.volumes("atlantis")
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.operators.GetVolume(pb.GetVolumeRequest(name="regions/eastus/volumes/none"))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        wire.operators.GetVolume(pb.GetVolumeRequest(name="eastus-1"))


def test_a_volume_that_cannot_be_opened_is_offline_and_gets_nothing(tmp_path: Path, image: Image, data: bytes) -> None:
    config = config_in(tmp_path)
    blocked = next(region for region in config.regions if region.name == "eastus").volumes[0]
    blocked.path.parent.mkdir(parents=True)
    blocked.path.write_text("not a folder")
    with server_thread(config, make_content) as server, grpc.insecure_channel(server.target) as channel:
        wire = WireClient(channel, "group")
        states = {volume.name.rpartition("/")[2]: volume for volume in wire.volumes("eastus")}
        assert states["eastus-1"].state == pb.Volume.STATE_OFFLINE
        assert states["eastus-1"].details
        assert states["eastus-2"].state == pb.Volume.STATE_ONLINE
        wire.push("disk", image)
        assert wire.fetch(wire.disk_name("disk")) == data
        wire.prepare_gallery()
        with refused("FAILED_PRECONDITION", "NOT_ENOUGH_VOLUMES") as refusal:
            wire.create_version("1.0.0", "disk", eastus=3)
        assert (refusal.info.metadata["wanted"], refusal.info.metadata["available"]) == ("3", "2")
