"""Clients, and a server, that stand still for longer than leases last, while what they were at is collected."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from galleria_client import Client
from galleria_client.errors import GalleriaError
from tests.support.e2e import PLACE, Proxy, make_definition
from tests.support.images import MIB, assert_same, noise_file
from tests.support.processes import Command, Server

pytestmark = pytest.mark.xdist_group("stopped-clients")

SIZE = 96 * MIB
TO = ("-g", "images", "-l", "eastus")
VERSION = (*PLACE, "-e", "1.0.0")
VOLUMES = ("eastus-1", "eastus-2", "eastus-3")
PULL = ("image-version", "pull", *VERSION, "--region", "eastus", "--output")
LEASE_SECONDS = 3
SETTINGS = {
    "LIMITS__LEASE": f"{LEASE_SECONDS}s",
    "LIMITS__CONDEMNED_FOR": "1ms",
    "LIMITS__COLLECT_EVERY": "1h",
}


@pytest.fixture
def idle_timeout() -> str:
    return "1s"


@pytest.fixture
def server(tmp_path: Path, idle_timeout: str) -> Iterator[Server]:
    """A server whose leases are short, and that collects when it is told to."""
    with Server(tmp_path, {**SETTINGS, "LIMITS__IDLE_TIMEOUT": idle_timeout}) as server:
        yield server


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return noise_file(tmp_path / "image.raw", SIZE)


def packs(server: Server) -> set[Path]:
    """Files of all packs, condemned or not."""
    return {*server.data.glob("volumes/eastus/*/*/packs/*"), *server.data.glob("volumes/eastus/*/*/pages/*")}


def collect_until_nothing_is_left(server: Server) -> None:
    """pytest's timeout bounds this: what is under way is let go of once its lease is over."""
    while packs(server):
        collect(server)


def collect(server: Server) -> None:
    for volume in VOLUMES:
        server.galleria.ok("volume", "gc", f"eastus/{volume}")


def wait_until_no_lease_is_left(server: Server) -> None:
    while any("oldestLeaseTime" in volume for volume in server.galleria.json("volume", "list", "-l", "eastus")):
        continue


def assert_disk(server: Server, name: str, image: Path, folder: Path) -> None:
    """The disk's bytes are the image's."""
    with Client(server.endpoint) as client:
        client.contents.pull(name, folder / "read-back.raw")
    assert_same(image, folder / "read-back.raw")


@contextmanager
def stopped(process: Command | Server) -> Iterator[None]:
    """The process stands still."""
    pid = process.pid if isinstance(process, Server) else process.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def publish(server: Server, image: Path) -> None:
    """The image as version 1.0.0 in eastus, the disk that it was made from gone."""
    galleria = server.galleria
    make_definition(galleria)
    galleria.ok("disk", "push", str(image), "published", *TO)
    galleria.ok("image-version", "create", *VERSION, "--os-disk", "published")
    galleria.ok("disk", "delete", "published", "-g", "images", "-y")


def test_a_push_that_is_stopped_until_what_it_sent_is_gone_sends_it_again(
    server: Server, proxy: Proxy, image: Path, tmp_path: Path
) -> None:
    proxy.hold_after(up=80 * MIB)
    with proxy.galleria.begin("disk", "push", str(image), "stopped", *TO) as push:
        proxy.wait_until_held()
        with stopped(push):
            proxy.release()
            while not packs(server):
                server.galleria.ok("disk", "list", "-g", "images")
            collect_until_nothing_is_left(server)
            before = proxy.up
        pushed = push.json()
    assert proxy.up - before > SIZE
    assert_disk(server, pushed["disk"]["name"], image, tmp_path)


# The stream ends before the lease does, and the lease before the stream.
@pytest.mark.parametrize("idle_timeout", ["1s", "1h"])
def test_a_pull_that_is_stopped_until_what_it_reads_is_gone_says_so(
    server: Server, proxy: Proxy, image: Path, tmp_path: Path
) -> None:
    publish(server, image)
    proxy.hold_after(down=40 * MIB)
    with proxy.galleria.begin(*PULL, str(tmp_path / "out.raw")) as pull:
        proxy.wait_until_held()
        with stopped(pull):
            proxy.release()
            server.galleria.ok("image-version", "delete", *VERSION, "-y")
            collect_until_nothing_is_left(server)
        done = pull.finish()
    assert (done.code, done.out) == (3, "")
    assert "1.0.0" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert not (tmp_path / "out.raw").exists()


@pytest.mark.parametrize("idle_timeout", ["1s", "1h"])
def test_a_pull_that_is_stopped_past_its_lease_goes_on_while_the_version_is_there(
    server: Server, proxy: Proxy, image: Path, tmp_path: Path
) -> None:
    publish(server, image)
    proxy.hold_after(down=40 * MIB)
    with proxy.galleria.begin(*PULL, str(tmp_path / "out.raw")) as pull:
        proxy.wait_until_held()
        with stopped(pull):
            proxy.release()
            wait_until_no_lease_is_left(server)
            collect(server)
        assert pull.json()["breaks"] >= 1
    assert_same(image, tmp_path / "out.raw")


def test_a_server_that_stood_still_past_the_leases_of_its_clients_serves_them_right(
    server: Server, proxy: Proxy, image: Path, tmp_path: Path
) -> None:
    publish(server, image)
    other = noise_file(tmp_path / "other.raw", SIZE, seed=2)
    with (
        Proxy(server.port) as reading,
        Client(server.endpoint, timeout=LEASE_SECONDS + 1) as client,
    ):
        proxy.hold_after(up=80 * MIB)
        reading.hold_after(down=40 * MIB)
        with (
            proxy.galleria.begin("disk", "push", str(other), "pushed", *TO) as push,
            reading.galleria.begin(*PULL, str(tmp_path / "out.raw")) as pull,
        ):
            proxy.wait_until_held()
            reading.wait_until_held()
            with stopped(server):
                proxy.release()
                reading.release()
                # Nobody answers for longer than a lease lasts.
                with pytest.raises(GalleriaError):
                    client.regions.list()
            collect(server)
            pushed = push.json()
            pull.json()
    assert_same(image, tmp_path / "out.raw")
    assert_disk(server, pushed["disk"]["name"], other, tmp_path)
