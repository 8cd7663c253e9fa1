"""Several pushes to one disk: what the slower ones find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from galleria_client import Client, PushReport, PushState
from galleria_client.errors import DiskFilled, WrongState
from tests.support.e2e import Proxy
from tests.support.images import MIB, noise_file, sha256_of
from tests.support.processes import Done, Server

pytestmark = pytest.mark.xdist_group("same-disk")

SIZE = 100 * MIB
TO = ("-g", "images", "-l", "eastus")


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


def overtaken(server: Server, proxy: Proxy, mine: Path, theirs: Path, *flags: str) -> tuple[Done, dict[str, object]]:
    """How a push of `mine` ends while which one of `theirs` fills the disk, and that disk."""
    proxy.hold_after(up=70 * MIB)
    with proxy.galleria.begin("disk", "push", str(mine), "shared", *TO, *flags) as slower:
        proxy.wait_until_held()
        faster = server.galleria.json("disk", "push", str(theirs), "shared", *TO)
        proxy.release()
        return slower.finish(), faster["disk"]


def test_the_slower_of_two_that_push_the_same_is_done_too(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=1)
    slower, disk = overtaken(server, proxy, image, image, "--sha256", sha256_of(image))
    assert slower.json["disk"] == disk
    assert server.galleria.json("disk", "show", "shared", "-g", "images") == disk


def test_the_slower_of_two_that_push_other_content_is_told_both_digests(
    server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    mine, theirs = (noise_file(tmp_path / name, SIZE, seed) for name, seed in (("mine.raw", 2), ("theirs.raw", 3)))
    slower, disk = overtaken(server, proxy, mine, theirs)
    own = server.galleria.json("disk", "push", str(mine), "own", *TO)["disk"]["digest"]
    assert (slower.code, slower.out) == (4, "")
    sentence = slower.err.splitlines()[-1]
    assert f"disks/shared with {disk['digest']}, which is other content: this push has {own};" in sentence
    assert server.galleria.json("disk", "show", "shared", "-g", "images") == disk


def test_a_promise_that_is_not_kept_is_refused_though_the_disk_is_filled(
    server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=4)
    slower, disk = overtaken(server, proxy, image, image, "--sha256", "0" * 64)
    assert slower.code == 1
    assert "0" * 64 in slower.err
    # The slower one made the disk, and what the faster one put there stays.
    assert server.galleria.json("disk", "show", "shared", "-g", "images") == disk


def test_a_pipe_that_was_overtaken_is_told_what_the_disk_has(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=5)
    proxy.hold_after(up=70 * MIB)
    with image.open("rb") as file, proxy.galleria.begin("disk", "push", "-", "shared", *TO, stdin=file) as slower:
        proxy.wait_until_held()
        disk = server.galleria.json("disk", "push", str(image), "shared", *TO)["disk"]
        proxy.release()
        done = slower.finish()
    assert done.code == 4, done
    assert f"disks/shared with {disk['digest']}; whether that is the same content is not known" in done.err
    assert server.galleria.json("disk", "show", "shared", "-g", "images") == disk


def test_the_library_too_tells_what_happened(server: Server, tmp_path: Path) -> None:
    mine, theirs = (noise_file(tmp_path / name, MIB, seed) for name, seed in (("mine.raw", 6), ("theirs.raw", 7)))
    with Client(server.endpoint) as client:
        group = f"subscriptions/{client.server_info().default_subscription}/resourceGroups/images"
        own = client.disks.push(mine, f"{group}/disks/own", location="eastus").disk.digest
        pushed, other = just_overtaken(client, mine, mine, f"{group}/disks/same")
        assert pushed.disk == other.disk
        with pytest.raises(DiskFilled) as told:
            just_overtaken(client, mine, theirs, name := f"{group}/disks/other")
        assert isinstance(told.value, WrongState)
        assert (told.value.name, told.value.own) == (name, own)
        assert told.value.digest == client.disks.get(name).digest != own


def just_overtaken(client: Client, mine: Path, theirs: Path, disk: str) -> tuple[PushReport, PushReport]:
    """Push `mine`, and when everything of it was read, push `theirs` to the same disk."""
    faster: list[PushReport] = []

    def overtake(state: PushState) -> None:
        if state.scanned == state.size and not faster:
            faster.append(client.disks.push(theirs, disk, location="eastus"))

    slower = client.disks.push(mine, disk, location="eastus", progress=overtake)
    return slower, faster[0]
