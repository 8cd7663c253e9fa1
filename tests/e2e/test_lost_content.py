"""Content that is lost on one volume: what is said of it, and how it comes back."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from galleria.v1.installation_pb2 import RebuildVolumeRequest
from galleria.v1.installation_pb2_grpc import OperatorsStub
from tests.support.e2e import PLACE, make_definition, volume_folders
from tests.support.images import MIB, assert_same, noise_file
from tests.support.processes import Galleria, Server
from tests.support.rot import rot_packs
from tests.support.wire_client import eventually

pytestmark = pytest.mark.xdist_group("lost-content")

TO = ("-g", "images", "-l", "eastus")
NOT_FOUND, CONFLICT, DAMAGED = 3, 4, 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, {"LIMITS__COLLECT_EVERY": "1h"}) as server:
        yield server


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return noise_file(tmp_path / "image.raw", 5 * MIB, 1)


def holding(galleria: Galleria) -> list[str]:
    """Names of the volumes in eastus that have roots."""
    return [found["name"] for found in galleria.json("volume", "list", "-l", "eastus") if found["roots"]]


def replicas(galleria: Galleria) -> int:
    """How many replicas of the version are ready."""
    return int(galleria.json("image-version", "show", *PLACE, "-e", "1.0.0")["replication"][0].get("readyReplicas", 0))


def folder_of(server: Server, volume: str, kind: str) -> Path:
    name = volume.rpartition("/")[2]
    return next(folder for folder in volume_folders(server.data, kind) if folder.parent.name == name)


def test_an_abandoned_copy_is_copied_again(server: Server, image: Path, tmp_path: Path) -> None:
    galleria = server.galleria
    make_definition(galleria)
    galleria.ok("disk", "push", str(image), "a", *TO)
    targets = ("--os-disk", "a", "--target-regions", "eastus=2")
    galleria.ok("image-version", "create", *PLACE, "-e", "1.0.0", *targets)
    roots = {volume: galleria.json("volume", "roots", volume) for volume in holding(galleria)}
    volume, root = next((at, root) for at, found in roots.items() for root in found if "/versions/" in root["owner"])
    file = folder_of(server, volume, "roots") / root["name"][-36:].replace("-", "")
    server.stop()
    file.write_bytes(file.read_bytes()[:-1])
    server.start()
    assert root["owner"] in galleria.run("volume", "abandon", volume, root["name"][-36:], "--yes").err
    eventually(
        lambda: galleria.json("image-version", "show", *PLACE, "-e", "1.0.0")["replication"][0]["readyReplicas"] == 2
    )
    again = [found for found in galleria.json("volume", "roots", volume) if found["owner"] == root["owner"]]
    assert [found["name"] == root["name"] for found in again] == [False]
    galleria.ok("volume", "verify", volume)
    out = tmp_path / "out.raw"
    galleria.ok("image-version", "pull", *PLACE, "-e", "1.0.0", "--region", "eastus", "--output", str(out))
    assert_same(image, out)


def test_what_lacks_something_is_told_each_time_and_not_adopted(server: Server, image: Path, tmp_path: Path) -> None:
    galleria = server.galleria
    galleria.ok("disk", "push", str(noise_file(tmp_path / "other.raw", MIB, 2)), "other", *TO)
    (volume,) = holding(galleria)
    server.stop()
    shutil.copytree(server.data / "metadata", tmp_path / "copy")
    server.start()
    galleria.ok("disk", "push", str(image), "a", *TO)
    server.stop()
    shutil.rmtree(server.data / "metadata")
    shutil.copytree(tmp_path / "copy", server.data / "metadata")
    assert rot_packs(folder_of(server, volume, "packs").parent) > 0
    server.start()
    (root,) = galleria.json("volume", "roots", volume, "--unowned")
    for command in ("scrub", "scrub", "verify"):
        assert galleria.run("volume", command, volume).code == DAMAGED
    assert len([found for found in galleria.json("volume", "roots", volume) if found["missing"]]) == 2
    assert "it lacks" in galleria.refused(CONFLICT, "volume", "adopt", volume, root["name"][-36:])
    galleria.refused(NOT_FOUND, "disk", "show", "a", "-g", "images")
    galleria.ok("disk", "push", str(image), "again", *TO)
    galleria.ok("volume", "adopt", volume, root["name"][-36:])
    assert galleria.json("disk", "verify", "a", "-g", "images")["fetchedBytes"] > 0
    galleria.ok("disk", "push", str(tmp_path / "other.raw"), "third", *TO)
    assert json.loads(galleria.run("volume", "scrub", volume).out)["lackingRoots"] == []


def test_a_rebuild_goes_on_when_nobody_waits(server: Server, image: Path) -> None:
    galleria = server.galleria
    galleria.ok("disk", "push", str(image), "a", *TO)
    (volume,) = holding(galleria)
    with grpc.insecure_channel(galleria.endpoint) as channel:
        stub = OperatorsStub(channel)
        for milliseconds in (1, 2, 4, 8, 15, 30):
            with suppress(grpc.RpcError):
                stub.RebuildVolume(RebuildVolumeRequest(name=volume), timeout=milliseconds / 1000)
    galleria.ok("volume", "rebuild", volume)
    assert galleria.json("volume", "show", volume)["state"] == "STATE_ONLINE"
    galleria.ok("volume", "verify", volume)
