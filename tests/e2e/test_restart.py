"""A server that is killed in the midst of work and started again: what ran goes on, what was acknowledged is there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from galleria_client import Client
from tests.support.e2e import (
    DELETED,
    GENERALIZED,
    KIND,
    PLACE,
    WRITTEN,
    FileEvents,
    Proxy,
    make_definition,
    volume_folders,
)
from tests.support.images import MIB, assert_same, noise_file, sha256_of
from tests.support.processes import Galleria, Server

pytestmark = pytest.mark.xdist_group("restart")

SIZE = 100 * MIB
TO = ("-g", "images", "-l", "eastus")
REGIONS = ("eastus", "westeurope", "westus")
TARGETS = ("--target-regions", "eastus=2", "westus=1", "westeurope=3")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return noise_file(tmp_path / "image.raw", SIZE)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


def kill_and_start(server: Server, proxy: Proxy) -> None:
    """What the proxy holds is broken by it."""
    server.kill()
    proxy.cut()
    server.start()


def assert_readable(galleria: Galleria, image: Path, folder: Path, region: str, version: str = "1.0.0") -> None:
    out = folder / f"{region}-{version}.raw"
    galleria.ok("image-version", "pull", *PLACE, "-e", version, "--region", region, "--output", str(out))
    assert_same(image, out)
    out.unlink()


def assert_complete(version: dict[str, Any]) -> None:
    assert version["provisioningState"] == "PROVISIONING_STATE_SUCCEEDED"
    ready = {region["region"]: region["readyReplicas"] for region in version["replication"]}
    assert ready == {"eastus": 2, "westus": 1, "westeurope": 3}


def test_a_push_goes_on_over_a_killed_server(server: Server, proxy: Proxy, image: Path) -> None:
    checksum = sha256_of(image)
    proxy.hold_after(up=75 * MIB)
    with proxy.galleria.begin("disk", "push", str(image), "disk", *TO, "--sha256", checksum) as push:
        proxy.wait_until_held()
        kill_and_start(server, proxy)
        pushed = push.json()
    assert pushed["push"]["breaks"] >= 1
    assert pushed["disk"]["sizeBytes"] == pushed["disk"]["occupiedBytes"] == SIZE
    assert server.galleria.json("disk", "verify", "disk", "-g", "images")["fetchedBytes"] == SIZE
    assert server.galleria.json("disk", "push", str(image), "again", *TO)["disk"]["digest"] == pushed["disk"]["digest"]


def test_a_push_from_a_pipe_goes_on_over_a_killed_server(server: Server, proxy: Proxy, image: Path) -> None:
    proxy.hold_after(up=75 * MIB)
    with image.open("rb") as file, proxy.galleria.begin("disk", "push", "-", "disk", *TO, stdin=file) as push:
        proxy.wait_until_held()
        kill_and_start(server, proxy)
        pushed = push.json()
    assert pushed["push"]["breaks"] >= 1
    assert server.galleria.json("disk", "verify", "disk", "-g", "images")["digest"] == pushed["disk"]["digest"]
    assert server.galleria.json("disk", "push", str(image), "again", *TO)["disk"]["digest"] == pushed["disk"]["digest"]


def test_a_push_started_again_sends_only_what_is_missing(server: Server, proxy: Proxy, image: Path) -> None:
    proxy.hold_after(up=85 * MIB)
    with proxy.galleria.begin("disk", "push", str(image), "disk", *TO) as push:
        proxy.wait_until_held()
        push.send(signal.SIGKILL)
        while not (before := records(server)):
            # The first pack is full; pytest's timeout bounds how long it may take to be synced.
            pass
        server.kill()
    server.start()
    after = records(server)
    again = server.galleria.json("disk", "push", str(image), "disk", *TO)
    # Of a pack that was synced and not yet told durable, nobody knows any more whose chunks they were.
    assert again["push"]["chunks"] - after <= again["push"]["chunksSent"] <= again["push"]["chunks"] - before
    assert not again["push"]["created"]
    # The session's own count goes over all of its clients, and noise has no chunk twice.
    assert again["disk"]["pushStatistics"]["chunksSent"] == again["disk"]["pushStatistics"]["chunks"]
    assert server.galleria.json("disk", "verify", "disk", "-g", "images")["digest"] == again["disk"]["digest"]


def records(server: Server) -> int:
    """Chunk records on all volumes."""
    with Client(server.endpoint) as client:
        return sum(volume.records for volume in client.operators.list_volumes("regions/-"))


def test_what_was_acknowledged_is_there_after_a_kill(server: Server, image: Path, tmp_path: Path) -> None:
    make_definition(server.galleria)
    pushed = server.galleria.json("disk", "push", str(image), "disk", *TO)["disk"]
    server.kill()
    server.start()
    assert server.galleria.json("disk", "show", "disk", "-g", "images") == pushed
    create = ("image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "disk", *TARGETS, "--no-wait")
    operation = server.galleria.json(*create)["name"]
    server.kill()
    server.start()
    assert_complete(server.galleria.json("operation", "wait", operation)["response"])
    server.kill()
    server.start()
    assert_complete(server.galleria.json("image-version", "show", *PLACE, "-e", "1.0.0"))
    for region in REGIONS:
        assert_readable(server.galleria, image, tmp_path, region)


def test_replication_goes_on_over_a_killed_server(server: Server, image: Path, tmp_path: Path) -> None:
    make_definition(server.galleria)
    server.galleria.ok("disk", "push", str(image), "disk", *TO)
    create = ("image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "disk", *TARGETS)
    with FileEvents(volume_folders(server.data, "tmp"), WRITTEN) as writes, server.galleria.begin(*create) as created:
        assert writes.wait_for(5) >= 5
        server.kill()
        server.start()
        assert writes.wait_for(5) >= 5
        server.kill()
        server.start()
        assert_complete(created.json())
    for region in REGIONS:
        assert_readable(server.galleria, image, tmp_path, region)


def test_publish_goes_on_over_a_killed_server(server: Server, proxy: Proxy, image: Path, tmp_path: Path) -> None:
    publish = ("publish", str(image), "images/prod/debian/1.0.0", "-l", "eastus", *KIND, *GENERALIZED, *TARGETS)
    proxy.hold_after(up=75 * MIB)
    with proxy.galleria.begin(*publish) as published:
        proxy.wait_until_held()
        kill_and_start(server, proxy)
        with FileEvents(volume_folders(server.data, "tmp", "west*"), WRITTEN) as copies:
            assert copies.wait_for(5) >= 5
        kill_and_start(server, proxy)
        answer = published.json()
    assert_complete(answer["version"])
    assert server.galleria.json("disk", "list", "-g", "images") == []
    assert_readable(server.galleria, image, tmp_path, "westus")


def test_a_pull_goes_on_over_a_killed_server(server: Server, proxy: Proxy, image: Path, tmp_path: Path) -> None:
    make_definition(server.galleria)
    server.galleria.ok("disk", "push", str(image), "disk", *TO)
    server.galleria.ok("image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "disk")
    out = tmp_path / "out.raw"
    pull = ("image-version", "pull", *PLACE, "-e", "1.0.0", "--region", "eastus", "--output", str(out))
    proxy.hold_after(down=60 * MIB)
    with proxy.galleria.begin(*pull) as pulling:
        proxy.wait_until_held()
        kill_and_start(server, proxy)
        report = pulling.json()
    assert report["breaks"] >= 1
    assert_same(image, out)


def test_a_pull_started_again_keeps_what_is_there(server: Server, proxy: Proxy, image: Path, tmp_path: Path) -> None:
    make_definition(server.galleria)
    server.galleria.ok("disk", "push", str(image), "disk", *TO)
    server.galleria.ok("image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "disk")
    out, part = tmp_path / "out.raw", tmp_path / "out.raw.part"
    pull = ("image-version", "pull", *PLACE, "-e", "1.0.0", "--region", "eastus", "--output", str(out))
    proxy.hold_after(down=75 * MIB)
    with proxy.galleria.begin(*pull) as pulling:
        proxy.wait_until_held()
        pulling.send(signal.SIGKILL)
    server.kill()
    server.start()
    assert part.exists()
    assert not out.exists()
    with part.open("r+b") as file:
        # What a power cut may do to a file that was not synced: it is noticed, and fetched again.
        file.seek(MIB)
        file.write(bytes(4096))
    report = server.galleria.run(*pull).json
    assert_same(image, out)
    assert not part.exists()
    assert report["keptBytes"] > 30 * MIB
    assert report["keptBytes"] + report["fetchedBytes"] == SIZE
    assert report["receivedBytes"] < 1.01 * report["fetchedBytes"] + MIB


def test_a_deletion_goes_on_over_a_killed_server(server: Server, image: Path, tmp_path: Path) -> None:
    make_definition(server.galleria)
    server.galleria.ok("disk", "push", str(image), "disk", *TO)
    for version in ("1.0.0", "1.0.1"):
        server.galleria.ok("image-version", "create", *PLACE, "-e", version, "--os-disk", "disk", *TARGETS)
    delete = ("image-version", "delete", *PLACE, "-e", "1.0.0", "-y")
    roots = volume_folders(server.data, "roots")
    with FileEvents(roots, DELETED) as deletions, server.galleria.begin(*delete) as deleting:
        assert deletions.wait_for(1)
        server.kill()
        server.start()
        assert deleting.finish().code == 0
    assert "1.0.0" in server.galleria.refused(3, "image-version", "show", *PLACE, "-e", "1.0.0")
    assert_complete(server.galleria.json("image-version", "show", *PLACE, "-e", "1.0.1"))
    with FileEvents(roots, DELETED) as deletions:
        server.galleria.ok("disk", "delete", "disk", "-g", "images", "-y")
        server.kill()
        server.start()
        assert deletions.wait_for(2) >= 2
    assert [len(list(folder.iterdir())) for folder in roots] == [1] * 6
    for region in REGIONS:
        assert_readable(server.galleria, image, tmp_path, region, "1.0.1")
