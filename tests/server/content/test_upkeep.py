"""Scrub, verify and rebuild on a running server: damage is found, told, and healed by the next push."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from galleria.v1 import installation_pb2 as pb
from galleria_server.content import make_content
from galleria_server.services.told import Unwanted, told
from galleria_server.volumes.pace import Pace
from galleria_storage.volume import Scrubbed
from tests.server.refusals import refused
from tests.support.rot import rot_packs
from tests.support.server_thread import config_in, server_thread
from tests.support.wire_client import Image, WireClient, eventually


@contextmanager
def serving(folder: Path, scrub_every: float = 3600.0) -> Iterator[WireClient]:
    config = config_in(folder)
    limits = replace(config.limits, scrub_every=scrub_every, condemned_for=0.0, collect_every=3600.0)
    with (
        server_thread(replace(config, limits=limits), make_content) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        yield WireClient(channel, "group")


def volume_of(wire: WireClient) -> pb.Volume:
    return next(volume for volume in wire.volumes() if volume.roots)


def folder_of(data: Path, volume: pb.Volume) -> Path:
    return next(path for path in data.rglob(volume.name.rpartition("/")[2]) if (path / "packs").is_dir())


def scrub(wire: WireClient, name: str, *, names: bool = False) -> pb.ScrubVolumeResponse:
    *before, last = wire.operators.ScrubVolume(pb.ScrubVolumeRequest(name=name, names=names), timeout=60)
    assert last.done
    assert not any(answer.done for answer in before)
    return last


def verify(wire: WireClient, name: str) -> pb.VerifyVolumeResponse:
    *before, last = wire.operators.VerifyVolume(pb.VerifyVolumeRequest(name=name), timeout=60)
    assert last.done
    assert not any(answer.done for answer in before)
    return last


@pytest.mark.parametrize("names", [False, True])
def test_rot_is_found_told_and_healed_by_the_next_push(
    tmp_path: Path, image: Image, data: bytes, *, names: bool
) -> None:
    with serving(tmp_path) as wire:
        wire.push("disk", image)
        volume = volume_of(wire)
        found = scrub(wire, volume.name, names=names)
        assert (found.bad_records, found.damaged_packs, found.packs) == (0, 0, found.total_packs)
        assert found.read_bytes > 0
        assert volume_of(wire).scrubbed_time.seconds > 0
        rot_packs(folder_of(tmp_path, volume))
        found = scrub(wire, volume.name, names=names)
        assert found.bad_records + found.damaged_packs > 0
        eventually(lambda: volume_of(wire).damaged_roots == 1)
        with refused("DATA_LOSS", "DATA_LOSS"):
            wire.fetch(wire.disk_name("disk"))
        wire.push("again", image)
        assert wire.fetch(wire.disk_name("disk")) == wire.fetch(wire.disk_name("again")) == data
        eventually(lambda: volume_of(wire).damaged_roots == 0)
        assert scrub(wire, volume.name, names=names).bad_records == 0


def test_a_server_scrubs_by_itself(tmp_path: Path, image: Image) -> None:
    with serving(tmp_path, scrub_every=1.0) as wire:
        wire.push("disk", image)
        volume = volume_of(wire)
        rot_packs(folder_of(tmp_path, volume))
        eventually(lambda: volume_of(wire).damaged_roots == 1)


def test_every_byte_is_accounted_for(tmp_path: Path, image: Image) -> None:
    with serving(tmp_path) as wire:
        wire.push("disk", image)
        volume = volume_of(wire)
        found = verify(wire, volume.name)
        account = found.account
        assert (found.roots, found.total_roots, found.missing) == (1, 1, 0)
        assert found.chunks > found.pages > 0
        folder = folder_of(tmp_path, volume)
        files = [path for name in ("packs", "pages", "roots", "meta") for path in (folder / name).iterdir()]
        assert account.stored_bytes == sum(path.stat().st_size for path in files) == volume.stored_bytes
        parts = account.live_bytes, account.garbage_bytes, account.condemned_bytes, account.framing_bytes
        assert account.stored_bytes == sum(parts)
        assert (account.garbage_bytes, account.condemned_bytes) == (0, 0)
        assert (account.logical_bytes, account.occupied_bytes) == (volume.logical_bytes, volume.occupied_bytes)
        wire.delete_disk("disk")
        eventually(lambda: not any(volume.roots for volume in wire.volumes()))
        account = verify(wire, volume.name).account
        assert (account.live_bytes, account.logical_bytes) == (0, 0)
        assert account.garbage_bytes == parts[0]


def test_an_index_is_made_again_while_the_server_runs(tmp_path: Path, image: Image, data: bytes) -> None:
    with serving(tmp_path) as wire:
        wire.push("disk", image)
        volume = volume_of(wire)
        wire.create_disk("under-way", "eastus")
        session = wire.begin("under-way").session
        again = wire.operators.RebuildVolume(pb.RebuildVolumeRequest(name=volume.name), timeout=60)
        assert (again.state, again.uid, again.roots) == (pb.Volume.STATE_ONLINE, volume.uid, 1)
        assert (again.records, again.stored_bytes) == (volume.records, volume.stored_bytes)
        assert wire.fetch(wire.disk_name("disk")) == data
        assert wire.begin("under-way").session != session
        wire.push("third", image)
        assert wire.fetch(wire.disk_name("third")) == data


@pytest.mark.parametrize("method", ["ScrubVolume", "VerifyVolume", "RebuildVolume"])
def test_a_volume_that_is_not_there(tmp_path: Path, method: str) -> None:
    with serving(tmp_path) as wire:
        request = getattr(pb, f"{method}Request")(name="regions/eastus/volumes/nowhere")
        with refused("NOT_FOUND", "NOT_FOUND"):
            answer = getattr(wire.operators, method)(request, timeout=60)
            list(answer)


class Work:
    """Work in a thread that reports when told to."""

    def __init__(self) -> None:
        self.go_on = threading.Semaphore(0)
        self.ended: list[Exception | int] = []

    def begin(self, report: Callable[[int], None]) -> asyncio.Future[int]:
        return asyncio.ensure_future(asyncio.to_thread(self._run, report))

    def _run(self, report: Callable[[int], None]) -> int:
        try:
            for number in range(3):
                report(number)
                assert self.go_on.acquire(timeout=30)
        except Unwanted as error:
            self.ended.append(error)
            raise
        self.ended.append(3)
        return 3


def test_long_work_tells_how_far_it_is() -> None:
    async def run() -> list[tuple[int, bool]]:
        work = Work()
        found: list[tuple[int, bool]] = []
        async for number, done in told(work.begin, 0.001):
            if not found or found[-1][0] != number:
                found.append((number, done))
                work.go_on.release()
        return found

    assert asyncio.run(run()) == [(0, False), (1, False), (2, False), (3, True)]


def test_work_that_nobody_listens_to_ends() -> None:
    async def run() -> Work:
        work = Work()
        answers = told(work.begin, 0.001)
        assert await anext(answers) == (0, False)
        await answers.aclose()
        work.go_on.release()
        return work

    work = asyncio.run(run())
    assert [type(ended) for ended in work.ended] == [Unwanted]


def test_a_scrub_keeps_to_its_rate() -> None:
    now, steps = 100.0, 0

    def wait(seconds: float) -> None:
        nonlocal now
        assert 0 < seconds <= 1
        now += seconds

    def going() -> None:
        nonlocal steps
        steps += 1

    pace = Pace(1000, going, lambda: now, wait)
    pace(Scrubbed(size=500))
    assert now == pytest.approx(100.5)
    pace(Scrubbed(size=5500))
    assert now == pytest.approx(105.5)
    assert steps >= 6
    now += 60
    pace(Scrubbed(size=6500))
    assert now == pytest.approx(166.5)
