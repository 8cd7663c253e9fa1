"""A metadata database that was restored from a copy, or lost: what it does not know is kept, told, and adopted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from galleria_client import Client
from tests.support.e2e import PLACE, make_definition, volume_folders
from tests.support.images import MIB, assert_same, noise_file
from tests.support.processes import Galleria, Server
from tests.support.wire_client import eventually

pytestmark = pytest.mark.xdist_group("restored-database")

TO = ("-g", "images", "-l", "eastus")
CONFLICT, DAMAGED = 4, 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that removes at once what nobody can be reading."""
    with Server(tmp_path, {"LIMITS__CONDEMNED_FOR": "1ms", "LIMITS__COLLECT_EVERY": "1h"}) as server:
        yield server


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    return {name: noise_file(tmp_path / f"{name}.raw", 5 * MIB, seed) for seed, name in enumerate("abc")}


def publish(galleria: Galleria, disk: str, number: str) -> None:
    targets = ("--os-disk", disk, "--target-regions", "eastus=2")
    galleria.ok("image-version", "create", *PLACE, "-e", number, *targets)


def strange_volumes(galleria: Galleria) -> list[dict[str, Any]]:
    return [volume for volume in galleria.json("volume", "list", "-l", "eastus") if volume.get("strange")]


def unowned(galleria: Galleria, volumes: list[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """Volume and id of each root that belongs to nothing, by the name of what it was pinned for."""
    found: dict[str, list[tuple[str, str]]] = {}
    for volume in volumes:
        roots = galleria.json("volume", "roots", volume["name"], "--unowned")
        assert len(roots) == int(volume["unownedRoots"])
        for root in roots:
            assert root["owner"] == ""
            found.setdefault(root["resource"].rpartition("/")[2], []).append((volume["name"], root["name"][-36:]))
    return found


def pull(galleria: Galleria, folder: Path, image: Path, version: str) -> None:
    out = folder / "out.raw"
    galleria.ok("image-version", "pull", *PLACE, "-e", version, "--region", "eastus", "--output", str(out))
    assert_same(image, out)
    out.unlink()


def pull_disk(galleria: Galleria, folder: Path, image: Path, disk: str) -> None:
    out = folder / "out.raw"
    with Client(galleria.endpoint) as client:
        client.contents.pull(galleria.json("disk", "show", disk, "-g", "images")["name"], out)
    assert_same(image, out)
    out.unlink()


def restore(server: Server, copy: Path) -> None:
    """Start the server with the metadata database as it was."""
    server.stop()
    shutil.rmtree(server.data / "metadata")
    shutil.copytree(copy, server.data / "metadata")
    server.start()


def backed_up(server: Server, copy: Path) -> None:
    """Keep the metadata database as it is now."""
    server.stop()
    shutil.copytree(server.data / "metadata", copy)
    server.start()


def only(folder: Path) -> list[Path]:
    """What is in a folder, once that is one file."""
    found = list(folder.iterdir())
    return found if len(found) == 1 else []


def test_what_an_older_database_does_not_know_is_kept_and_adopted(
    server: Server, images: dict[str, Path], tmp_path: Path
) -> None:
    galleria = server.galleria
    make_definition(galleria)
    galleria.ok("disk", "push", str(images["a"]), "a", *TO)
    publish(galleria, "a", "1.0.0")
    server.stop()
    shutil.copytree(server.data / "metadata", tmp_path / "copy")
    server.start()
    assert strange_volumes(galleria) == []
    for name in "bc":
        galleria.ok("disk", "push", str(images[name]), name, *TO)
    publish(galleria, "b", "1.1.0")
    server.stop()
    shutil.rmtree(server.data / "metadata")
    shutil.copytree(tmp_path / "copy", server.data / "metadata")
    server.start()

    volumes = strange_volumes(galleria)
    assert volumes
    assert any("roots that belong to nothing" in line for line in server.lines)
    for volume in volumes:
        assert "collection is off" in galleria.refused(CONFLICT, "volume", "gc", volume["name"])
    roots = unowned(galleria, volumes)
    assert {name: len(found) for name, found in roots.items()} == {"b": 1, "c": 1, "1.1.0": 2}
    pull(galleria, tmp_path, images["a"], "latest")
    # A restart changes none of this.
    server.kill()
    server.start()
    assert unowned(galleria, strange_volumes(galleria)) == roots

    (b,), copies = roots["b"], roots["1.1.0"]
    assert galleria.json("volume", "adopt", *b)["owner"].endswith("/disks/b")
    assert galleria.json("volume", "adopt", *b)["owner"].endswith("/disks/b")
    for copy in copies:
        assert galleria.json("volume", "adopt", *copy)["owner"].endswith("/versions/1.1.0")
    pull_disk(galleria, tmp_path, images["b"], "b")
    pull(galleria, tmp_path, images["b"], "latest")
    version = galleria.json("image-version", "show", *PLACE, "-e", "1.1.0")
    assert version["replication"][0]["readyReplicas"] == 2
    assert "delete that instead" in galleria.refused(CONFLICT, "volume", "release", *b, "--yes")
    assert "nothing is known to be wrong" in galleria.refused(CONFLICT, "volume", "abandon", *b, "--yes")
    galleria.ok("volume", "release", *roots["c"][0], "--yes")

    before = sum(volume["storedBytes"] for volume in volumes)
    for volume in volumes:
        galleria.ok("volume", "adopt", volume["name"])
        for _ in range(2):
            galleria.ok("volume", "gc", volume["name"])
    assert strange_volumes(galleria) == []
    after = sum(galleria.json("volume", "show", volume["name"])["storedBytes"] for volume in volumes)
    assert before - after > 5 * MIB
    server.stop()
    server.start()
    assert strange_volumes(galleria) == []
    pull(galleria, tmp_path, images["b"], "1.1.0")
    pull_disk(galleria, tmp_path, images["a"], "a")


def test_a_database_that_is_lost(server: Server, images: dict[str, Path], tmp_path: Path) -> None:
    galleria = server.galleria
    make_definition(galleria)
    galleria.ok("disk", "push", str(images["a"]), "a", *TO)
    publish(galleria, "a", "1.0.0")
    server.stop()
    shutil.rmtree(server.data / "metadata")
    server.start()
    roots = unowned(galleria, strange_volumes(galleria))
    assert {name: len(found) for name, found in roots.items()} == {"a": 1, "1.0.0": 2}
    (disk,), copies = roots["a"], roots["1.0.0"]
    assert "create the gallery" in galleria.refused(CONFLICT, "volume", "adopt", *copies[0])
    make_definition(galleria)
    galleria.ok("disk", "push", str(images["b"]), "a", *TO)
    galleria.refused(CONFLICT, "volume", "adopt", *disk)
    assert galleria.json("volume", "adopt", *disk, "--as", "found")["owner"].endswith("/disks/found")
    for copy in copies:
        galleria.ok("volume", "adopt", *copy)
    pull_disk(galleria, tmp_path, images["a"], "found")
    pull_disk(galleria, tmp_path, images["b"], "a")
    pull(galleria, tmp_path, images["a"], "1.0.0")
    for volume in strange_volumes(galleria):
        galleria.ok("volume", "adopt", volume["name"])
        galleria.ok("volume", "gc", volume["name"])
    assert unowned(galleria, galleria.json("volume", "list", "-l", "eastus")) == {}
    galleria.ok("image-version", "delete", *PLACE, "-e", "1.0.0", "--yes")
    pull_disk(galleria, tmp_path, images["a"], "found")


def test_a_root_that_cannot_be_read_is_abandoned(server: Server, images: dict[str, Path]) -> None:
    galleria = server.galleria
    galleria.ok("disk", "push", str(images["a"]), "a", *TO)
    galleria.ok("disk", "push", str(images["b"]), "b", *TO)
    galleria.ok("disk", "delete", "b", "-g", "images", "--yes")
    (folder,) = [folder for folder in volume_folders(server.data, "roots") if any(folder.iterdir())]
    volume = f"regions/eastus/volumes/{folder.parent.name}"
    (file,) = eventually(lambda: only(folder))
    server.stop()
    file.write_bytes(file.read_bytes()[:-1])
    server.start()
    assert "collection stops" in galleria.refused(CONFLICT, "volume", "gc", volume)
    (root,) = galleria.json("volume", "roots", volume, "--unowned")
    assert root["owner"].endswith("/disks/a")
    assert root["problem"]
    done = galleria.run("volume", "verify", volume)
    assert done.code == DAMAGED
    assert [UUID(root).hex for root in json.loads(done.out)["damagedRoots"]] == [file.name]
    abandoned = galleria.run("volume", "abandon", volume, root["name"][-36:])
    assert abandoned.code == 0
    assert f"{root['owner']} (root" in abandoned.err
    assert galleria.json("disk", "show", "a", "-g", "images")["state"] == "STATE_LOST"
    assert galleria.json("volume", "gc", volume)["condemnedBytes"] > 10 * MIB
    assert (folder.parent / "abandoned" / file.name).exists()
    galleria.ok("volume", "verify", volume)


def test_a_volume_stays_strange_whatever_is_done_elsewhere(
    server: Server, images: dict[str, Path], tmp_path: Path
) -> None:
    galleria = server.galleria
    galleria.ok("disk", "push", str(images["a"]), "a", *TO)
    backed_up(server, tmp_path / "copy")
    galleria.ok("disk", "push", str(images["b"]), "b", *TO)
    restore(server, tmp_path / "copy")
    (volume,) = strange_volumes(galleria)
    for number in range(6):
        galleria.ok("disk", "push", str(images["c"]), f"w{number}", "-g", "other", "-l", "westus")
    server.stop()
    server.start()
    galleria.ok("volume", "rebuild", volume["name"])
    assert [found["name"] for found in strange_volumes(galleria)] == [volume["name"]]
    assert "collection is off" in galleria.refused(CONFLICT, "volume", "gc", volume["name"])

    ((_, root),) = unowned(galleria, strange_volumes(galleria))["b"]
    galleria.ok("volume", "adopt", volume["name"], root)
    galleria.ok("volume", "adopt", volume["name"])
    server.stop()
    server.start()
    assert strange_volumes(galleria) == []
    # Whoever has the database as it was before the restoration is told so in turn.
    restore(server, tmp_path / "copy")
    assert [found["name"] for found in strange_volumes(galleria)] == [volume["name"]]


def test_what_was_deleted_after_the_copy_was_made_is_told(
    server: Server, images: dict[str, Path], tmp_path: Path
) -> None:
    galleria = server.galleria
    for name in "ab":
        galleria.ok("disk", "push", str(images[name]), name, *TO)
    backed_up(server, tmp_path / "copy")
    galleria.ok("disk", "delete", "b", "-g", "images", "--yes")
    (volume,) = [found["name"] for found in galleria.json("volume", "list", "-l", "eastus") if found["roots"]]
    eventually(lambda: galleria.json("volume", "show", volume)["roots"] == 1)
    for _ in range(2):
        galleria.ok("volume", "gc", volume)
    restore(server, tmp_path / "copy")
    assert any("roots of disks and versions that are not on volume" in line for line in server.lines)
    (missing,) = galleria.json("volume", "roots", volume, "--unowned")
    assert missing["owner"].endswith("/disks/b")
    assert "not on the volume" in missing["problem"]
    assert len(galleria.json("volume", "roots", volume)) == 2
    galleria.ok("volume", "abandon", volume, missing["name"][-36:], "--yes")
    assert galleria.json("volume", "roots", volume, "--unowned") == []
    assert galleria.json("disk", "show", "b", "-g", "images")["state"] == "STATE_LOST"
    galleria.ok("disk", "push", str(images["c"]), "b", *TO)
    pull_disk(galleria, tmp_path, images["c"], "b")
    pull_disk(galleria, tmp_path, images["a"], "a")
