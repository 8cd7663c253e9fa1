"""A server is killed at each fsync and rename of a push and a collection; clients go on, and nothing told is lost.

strace counts the calls of each thread alone: the server ends where the first of its threads comes to the n-th.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from galleria_client import Client
from galleria_client.errors import NotFound, Unavailable
from tests.support.images import MIB, assert_same, edited, noise_file
from tests.support.killed_life import STRACE, can_kill
from tests.support.page_reader import open_folder
from tests.support.processes import SECONDS, Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3000),
    pytest.mark.xdist_group("server-killed"),
    pytest.mark.skipif(not can_kill(), reason="no strace here that may trace"),
]

A = TypeVar("A")
GROUP = "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/images"
FIRST, SECOND, THIRD = (f"{GROUP}/disks/{name}" for name in ("first", "second", "third"))
ONE_VOLUME = """
[limits]
collect_every = "1h"
condemned_for = "1ms"
[regions.eastus]
zones = ["1"]
[[regions.eastus.volumes]]
name = "only"
zone = "1"
"""


class Killed:
    """A server that strace kills at a call, and that is started again then."""

    def __init__(self, server: Server, call: str, number: int) -> None:
        self._server = server
        self._up = threading.Event()
        self._up.set()
        self._through = False
        self.killed = False
        what = f"inject={call}:signal=KILL:when={number}"
        command = [STRACE, "-f", "-p", str(server.pid), "-o", "/dev/null", "-e", what]
        self._strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._strace.stderr is not None
        assert "attached" in self._strace.stderr.readline()

    def watch(self) -> None:
        """Start the server again once it is killed; returns then, or when the work is through without."""
        self._strace.communicate()
        if not self._through:
            self.killed = True
            self._server.kill()
            self._server.start()

    def leave(self) -> None:
        """The work is through."""
        self._through = not self.killed
        if self._strace.poll() is None:
            self._strace.terminate()


def insist(call: Callable[[], A]) -> A:
    """A call that is safe to repeat, until the server answers."""
    while True:
        try:
            return call()
        except Unavailable:
            continue


def live(server: Server, client: Client, images: list[Path]) -> None:
    """Push, push something alike, delete the first, collect until its bytes are gone, push again."""
    insist(lambda: client.disks.push(images[0], FIRST, location="eastus"))
    insist(lambda: client.disks.push(images[1], SECOND, location="eastus"))
    # It may have been killed between deleting it and saying so.
    with suppress(NotFound):
        insist(lambda: client.disks.delete(FIRST))
    for _ in range(2):
        while server.galleria.run("volume", "gc", "eastus/only").code:
            continue
    insist(lambda: client.disks.push(images[2], THIRD, location="eastus"))


@pytest.mark.parametrize("call", ["fsync", "fdatasync", "rename", "renameat2"])
def test_nothing_told_is_lost_by_a_kill_at_any_sync_or_rename(tmp_path: Path, call: str) -> None:
    images = [noise_file(tmp_path / "first", 2 * MIB), tmp_path / "second", noise_file(tmp_path / "third", MIB, seed=3)]
    edited(images[1], images[0], 20, seed=2)
    config = tmp_path / "galleria.toml"
    config.write_text(ONE_VOLUME)
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        with Server(folder, {"CONFIG": str(config)}) as server, Client(server.endpoint, timeout=20) as client:
            killed = _live_until_killed(Killed(server, call, number), lambda: live(server, client, images))
            _check(server, client, images, folder)
            server.kill()
            reader = open_folder(next(server.data.glob("volumes/eastus/1/only")))
            assert len(reader.roots()) == 2
            server.start()
        shutil.rmtree(folder, ignore_errors=True)
        if not killed:
            assert number > 1
            return


def _live_until_killed(killed: Killed, work: Callable[[], None]) -> bool:
    with ThreadPoolExecutor(2) as pool:
        watching = pool.submit(killed.watch)
        try:
            pool.submit(work).result(4 * SECONDS)
        finally:
            killed.leave()
        watching.result(SECONDS)
    return killed.killed


def _check(server: Server, client: Client, images: list[Path], folder: Path) -> None:
    for name, image in ((SECOND, images[1]), (THIRD, images[2])):
        client.contents.pull(name, folder / "out")
        assert_same(image, folder / "out")
        (folder / "out").unlink()
    with pytest.raises(NotFound):
        client.disks.get(FIRST)
    assert server.galleria.json("volume", "verify", "eastus/only")
