"""Rounds of mixed work with a SIGKILL of the server in the midst of it; after each, every acknowledged byte is read.

GALLERIA_TEST_SEED repeats the order of the work; the moments of the kills depend on the machine.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest

from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.disks_pb2 import Disk
from galleria_client import Client
from galleria_client.errors import NotFound, Unavailable
from tests.support.e2e import CREATED, MOVED, WRITTEN, FileEvents, make_definition, volume_folders
from tests.support.images import MIB, assert_same, edited, noise_file, sparse_file
from tests.support.installation import check_installation
from tests.support.processes import SECONDS, Galleria, Server

pytestmark = pytest.mark.xdist_group("kill-loop")

A = TypeVar("A")
GROUP = "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/images"
DEFINITION = f"{GROUP}/galleries/prod/images/debian"
REGIONS = ("eastus", "westeurope", "westus")
JOBS = 4
MOST_DISKS, MOST_VERSIONS = 5, 4


@dataclass
class Acknowledged:
    """What the server has said that it holds: the image of each disk and version, and where each version is."""

    disks: dict[str, Path] = field(default_factory=dict)
    versions: dict[str, tuple[Path, tuple[str, ...]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)


class KillLoop:
    """Work, kill, start again, verify."""

    def __init__(self, server: Server, folder: Path, seed: int) -> None:
        self._server = server
        self._folder = folder
        self._chance = random.Random(seed)
        self._held = Acknowledged()
        self._images: list[Path] = []
        self._number = 0
        self.interrupted = 0
        """Rounds in which the kill came while something ran."""
        self._up = threading.Event()
        self._up.set()
        self._client = Client(server.endpoint, timeout=20)

    def close(self) -> None:
        self._client.close()

    def round(self) -> None:
        """Some jobs at once, a kill while they run, a start; all jobs end well, and all that is held is read."""
        jobs = self._jobs()
        moment = self._chance.randrange(1, 90)
        folders = [*volume_folders(self._server.data, "tmp"), self._server.data / "metadata"]
        written = FileEvents(folders, CREATED | WRITTEN | MOVED)
        with written, ThreadPoolExecutor(JOBS) as pool:
            running: list[Future[None]] = [pool.submit(job) for job in jobs]
            written.wait_for(moment, quiet_seconds=0.5)
            self._up.clear()
            self._server.kill()
            self.interrupted += any(not job.done() for job in running)
            self._server.start()
            if self._chance.random() < 0.3:
                # Once more, while it takes up what the first kill left.
                written.wait_for(self._chance.randrange(1, 30), quiet_seconds=0.2)
                self._server.kill()
                self._server.start()
            self._up.set()
            for job in running:
                job.result(SECONDS)
        self.verify(self._chance)

    def verify(self, chance: random.Random | None) -> None:
        """Read back all that is held: with `chance` each version in one of its regions, otherwise in all of them."""
        for name, image in self._held.disks.items():
            self._assert_disk(name, image)
        for name, (image, regions) in self._held.versions.items():
            self._assert_version(name, image, regions if chance is None else (chance.choice(regions),))
        for name in self._held.gone:
            with pytest.raises(NotFound):
                self._client.galleries.get_version(name) if "/versions/" in name else self._client.disks.get(name)

    @property
    def collected(self) -> bool:
        """Whether the server has removed or condemned something."""
        return any("collected garbage" in line for line in self._server.lines)

    def _jobs(self) -> list[Callable[[], None]]:
        """Jobs that do not get into each other's way: each thing that is there is used by one of them at most."""
        disks, versions = list(self._held.disks), list(self._held.versions)
        self._chance.shuffle(disks)
        self._chance.shuffle(versions)
        made: list[Callable[[], None]] = [self._push()]
        if len(disks) > MOST_DISKS:
            made.append(self._delete_disk(disks.pop()))
        if len(versions) > MOST_VERSIONS:
            made.append(self._delete_version(versions.pop()))
        if disks:
            made.append(self._publish(disks.pop()))
        while len(made) < JOBS and versions:
            made.append(self._pull(versions.pop()))
        while len(made) < JOBS:
            made.append(self._push())
        self._chance.shuffle(made)
        return made

    def _push(self) -> Callable[[], None]:
        self._number += 1
        name, image, location = f"{GROUP}/disks/disk-{self._number}", self._image(), self._chance.choice(REGIONS)

        def push() -> None:
            disk = self._insist(lambda: self._client.disks.push(image, name, location=location).disk)
            assert (disk.name, disk.state) == (name, Disk.STATE_READY)
            self._held.disks[name] = image

        return push

    def _publish(self, disk: str) -> Callable[[], None]:
        self._number += 1
        number, request_id = f"1.0.{self._number}", self._request_id()
        regions = tuple(self._chance.sample(REGIONS, 2))
        targets = [
            publishing_pb.TargetRegion(region=region, replica_count=self._chance.randrange(1, 4)) for region in regions
        ]
        wanted = version_pb.ImageVersion(os_disk=disk, target_regions=targets, location=regions[0])

        def publish() -> None:
            create = self._client.galleries.create_version
            operation = self._insist(lambda: create(DEFINITION, number, wanted, request_id=request_id))
            version = self._insist(lambda: operation.result(SECONDS))
            assert version.provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
            self._held.versions[version.name] = (self._held.disks[disk], regions)

        return publish

    def _pull(self, version: str) -> Callable[[], None]:
        image, regions = self._held.versions[version]
        out, region = self._folder / f"pulled-{UUID(self._request_id())}", self._chance.choice(regions)

        def pull() -> None:
            self._insist(lambda: self._client.contents.pull(version, out, region=region))
            assert_same(image, out)
            out.unlink()

        return pull

    def _delete_disk(self, disk: str) -> Callable[[], None]:
        del self._held.disks[disk]
        request_id = self._request_id()

        def delete() -> None:
            self._insist(lambda: self._client.disks.delete(disk, request_id=request_id))
            self._held.gone.add(disk)

        return delete

    def _delete_version(self, version: str) -> Callable[[], None]:
        del self._held.versions[version]
        request_id = self._request_id()

        def delete() -> None:
            operation = self._insist(lambda: self._client.galleries.delete_version(version, request_id=request_id))
            self._insist(lambda: operation.result(SECONDS))
            self._held.gone.add(version)

        return delete

    def _insist(self, call: Callable[[], A]) -> A:
        """A call that is safe to repeat, again once the server is back."""
        while True:
            try:
                return call()
            except Unavailable:
                assert self._up.wait(SECONDS)

    def _image(self) -> Path:
        """A new image of 5 to 20 MB, or an earlier one with some blocks written anew, or the same."""
        path, seed = self._folder / f"image-{self._number}.raw", self._chance.randrange(1 << 30)
        size = self._chance.randrange(5 * MIB, 20 * MIB) // 512 * 512
        kind = self._chance.choice(("new", "new", "sparse", "edited", "same")) if self._images else "new"
        if kind == "same":
            return self._chance.choice(self._images)
        if kind == "new":
            noise_file(path, size, seed)
        elif kind == "sparse":
            sparse_file(path, 300 * MIB, {0: size // 2, 100 * MIB - 7: size // 4, 250 * MIB: size // 4}, seed)
        else:
            edited(path, self._chance.choice([one for one in self._images if one.stat().st_size < 20 * MIB]), 20, seed)
        self._images.append(path)
        return path

    def _request_id(self) -> str:
        return str(UUID(int=self._chance.getrandbits(128), version=4))

    def _assert_disk(self, name: str, image: Path) -> None:
        disk = self._client.disks.get(name)
        assert disk.state == Disk.STATE_READY
        assert self._client.contents.verify(name).digest == disk.digest
        self._assert_bytes(name, "", disk.digest, image)

    def _assert_version(self, name: str, image: Path, regions: tuple[str, ...]) -> None:
        version = self._client.galleries.get_version(name)
        assert version.provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
        for region in regions:
            self._assert_bytes(name, region, version.digest, image)

    def _assert_bytes(self, name: str, region: str, digest: str, image: Path) -> None:
        out = self._folder / "read-back"
        report = self._client.contents.pull(name, out, region=region)
        assert report.digest == digest
        assert_same(image, out)
        out.unlink()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that collects garbage all the time, and removes at once what nobody can be reading."""
    with Server(tmp_path, {"LIMITS__COLLECT_EVERY": "1s", "LIMITS__CONDEMNED_FOR": "1ms"}) as server:
        yield server


@pytest.fixture
def loop(server: Server, tmp_path: Path) -> Iterator[KillLoop]:
    seed = int(os.environ.get("GALLERIA_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"GALLERIA_TEST_SEED={seed}")  # noqa: T201 - shown when the test fails
    make_definition(Galleria(server.endpoint))
    loop = KillLoop(server, tmp_path, seed)
    yield loop
    loop.close()


def test_every_acknowledged_byte_survives_fifteen_kills(server: Server, loop: KillLoop) -> None:
    for _ in range(15):
        loop.round()
    loop.verify(None)
    server.kill()
    assert check_installation(server.data) > 0
    assert loop.interrupted >= 8
    assert loop.collected


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_every_acknowledged_byte_survives_two_hundred_kills(server: Server, loop: KillLoop) -> None:
    for _ in range(200):
        loop.round()
    loop.verify(None)
    server.kill()
    assert check_installation(server.data) > 0
