"""From a disk image to verified replicas in three regions and back, by the commands as they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.e2e import GENERALIZED, KIND, PLACE
from tests.support.images import MIB, assert_same, edited, file_system, sha256_of
from tests.support.processes import Galleria, Server

pytestmark = pytest.mark.xdist_group("main-job")

SIZE = 32 * MIB
ORDERED = {"eastus": 2, "westeurope": 3, "westus": 1}
TARGETS = ("--target-regions", "eastus=2", "westus=1", "westeurope=3")
SUBSCRIPTION = "c5d3a1e0-6b1f-4f0a-9a57-000000000002"
GROUP = f"subscriptions/{SUBSCRIPTION}/resourceGroups/images"
DIGEST = re.compile(r"block-cdc-1:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def published(module_folder: Path) -> Iterator[Published]:
    """The eight commands of the main job, done."""
    image = file_system(module_folder / "debian.raw", module_folder, SIZE, partitioned=True)
    with Server(module_folder) as server:
        yield Published(server.galleria, module_folder, image)


class Published:
    """What the commands answered."""

    def __init__(self, galleria: Galleria, folder: Path, image: Path) -> None:
        self.galleria, self.folder, self.image = galleria, folder, image
        self.out = folder / "out.raw"
        self.gallery = galleria.json("gallery", "create", "prod", "-g", "images", "-l", "eastus")
        self.definition = galleria.json("image-definition", "create", *PLACE, *KIND, *GENERALIZED)
        self.pushed = galleria.json("disk", "push", str(image), "debian-1", "-g", "images", "-l", "eastus")
        self.created = galleria.json(
            "image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "debian-1", *TARGETS
        )
        self.shown = galleria.json("image-version", "show", *PLACE, "-e", "1.0.0")
        self.pulled = galleria.run(
            *("image-version", "pull", *PLACE, "-e", "latest", "--region", "westeurope", "--output", str(self.out))
        ).json


def test_the_pulled_file_is_the_image(published: Published) -> None:
    assert_same(published.image, published.out)
    assert sha256_of(published.image) == sha256_of(published.out)
    assert not published.out.with_name("out.raw.part").exists()
    assert published.pulled["name"] == published.shown["name"]
    assert published.pulled["fetchedBytes"] == published.pulled["occupiedBytes"] == published.shown["occupiedBytes"]


def test_sizes_and_digest_are_the_same_wherever_they_are_shown(published: Published) -> None:
    disk = published.pushed["disk"]
    assert DIGEST.fullmatch(disk["digest"])
    assert disk["sizeBytes"] == SIZE
    assert 0 < disk["occupiedBytes"] < SIZE
    replicas = [replica for region in published.shown["replication"] for replica in region["replicas"]]
    listed = published.galleria.json("disk", "list", "-g", "images")
    versions = published.galleria.json("image-version", "list", *PLACE)
    for one in (published.shown, published.created, published.pulled, *replicas, *listed, *versions):
        assert [one[key] for key in ("sizeBytes", "occupiedBytes", "digest")] == [
            disk["sizeBytes"],
            disk["occupiedBytes"],
            disk["digest"],
        ]


def test_the_version_shows_each_region_replica_and_copy(published: Published) -> None:
    version = published.shown
    assert version["provisioningState"] == "PROVISIONING_STATE_SUCCEEDED"
    assert version["name"] == f"{GROUP}/galleries/prod/images/debian/versions/1.0.0"
    regions = {region["region"]: region for region in version["replication"]}
    assert {name: region["desiredReplicas"] for name, region in regions.items()} == ORDERED
    for name, region in regions.items():
        assert (region["state"], region["usable"], region["progressPercent"]) == ("COPY_STATE_READY", True, 100)
        assert region["readyReplicas"] == ORDERED[name]
        assert [replica["ordinal"] for replica in region["replicas"]] == list(range(ORDERED[name]))
        copies = [copy for replica in region["replicas"] for copy in replica["copies"]]
        assert [copy["state"] for copy in copies] == ["COPY_STATE_READY"] * ORDERED[name]
        assert {copy["doneBytes"] for copy in copies} == {version["occupiedBytes"]}
        assert len({copy["volume"] for copy in copies}) == ORDERED[name]
        assert all(copy["volume"] == f"{name}-{copy['zone']}" for copy in copies)


def test_the_disk_shows_what_its_push_cost(published: Published) -> None:
    report, kept = published.pushed["push"], published.pushed["disk"]["pushStatistics"]
    assert report["created"]
    assert report["chunks"] == kept["chunks"] > 0
    assert 0 < report["chunksSent"] == kept["chunksSent"] <= kept["chunks"]
    assert report["bytesRead"] == kept["bytesRead"] <= SIZE
    assert 0 < kept["bytesSent"] < published.pushed["disk"]["occupiedBytes"]
    assert {"read", "cut", "hash", "compress", "send"} <= set(kept["stageSeconds"])
    shown = published.galleria.json("disk", "show", "debian-1", "-g", "images")
    assert shown == published.pushed["disk"]


def test_operators_see_what_is_stored(published: Published) -> None:
    volumes = {volume["name"]: volume for volume in published.galleria.json("volume", "list")}
    for name in volumes:
        found = published.galleria.json("volume", "gc", name)
        assert (found["condemnedBytes"], found["garbageBytes"]) == (0, 0)
    assert len(volumes) == 9
    used = {f"regions/{region['region']}/volumes/{copy['volume']}" for region, copy in copies_of(published.shown)}
    for name, volume in volumes.items():
        assert volume["logicalBytes"] >= SIZE if name in used else volume["logicalBytes"] == 0
        assert (volume["occupiedBytes"] > 0) == (volume["records"] > 0) == (name in used)
        assert volume["freeBytes"] > 0
    shown = published.galleria.json("volume", "show", "westus-1", "-l", "westus")
    assert shown["records"] == volumes["regions/westus/volumes/westus-1"]["records"]


def copies_of(version: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [
        (region, copy)
        for region in version["replication"]
        for replica in region["replicas"]
        for copy in replica["copies"]
    ]


def test_verify_reads_the_disk_back(published: Published) -> None:
    report = published.galleria.json("disk", "verify", "debian-1", "-g", "images")
    assert report["digest"] == published.shown["digest"]
    assert report["fetchedBytes"] == report["occupiedBytes"] == published.shown["occupiedBytes"]


def test_query_takes_a_part_of_the_answer(published: Published) -> None:
    galleria, version = published.galleria, published.shown
    show = ("image-version", "show", *PLACE, "-e", "1.0.0")
    assert galleria.json(*show, "--query", "digest") == version["digest"]
    assert galleria.json(*show, "--query", "replication[?region=='westus'].readyReplicas | [0]") == 1
    assert galleria.ok(*show, "--query", "[sizeBytes, occupiedBytes]", "-o", "tsv").split() == [
        str(SIZE),
        str(version["occupiedBytes"]),
    ]
    assert "--query" in galleria.refused(2, *show, "--query", "[")


def test_every_format_shows_the_version(published: Published) -> None:
    show = ("image-version", "show", *PLACE, "-e", "1.0.0")
    assert yaml.safe_load(published.galleria.ok(*show, "-o", "yaml")) == published.shown
    table = published.galleria.ok(*show, "-o", "table")
    assert published.shown["digest"] in table
    assert all(f"{region} {count}/{count}" in table for region, count in ORDERED.items())
    assert published.galleria.ok(*show, "-o", "none") == ""
    rows = published.galleria.ok("image-version", "list", *PLACE, "-o", "table").splitlines()
    assert rows[0].split() == ["Name", "State", "Regions", "SizeBytes", "OccupiedBytes", "Digest"]
    assert rows[2].split()[:2] == ["1.0.0", "Succeeded"]


def test_full_names_stand_for_the_flags(published: Published) -> None:
    galleria = published.galleria
    full = f"{GROUP}/galleries/prod/images/debian/versions/1.0.0"
    assert galleria.json("image-version", "show", full) == published.shown
    assert galleria.json("image-version", "show", full.upper().replace("1.0.0", "latest"), "--region", "westus") == (
        published.shown
    )
    assert galleria.json("image-definition", "show", f"{GROUP}/galleries/prod/images/debian") == published.definition
    assert galleria.json("gallery", "show", f"{GROUP}/galleries/prod") == published.gallery
    assert galleria.json("disk", "show", f"{GROUP}/disks/debian-1") == published.pushed["disk"]


def test_names_compare_without_case_and_are_shown_as_given(published: Published) -> None:
    galleria = published.galleria
    shown = galleria.json("image-version", "show", "-g", "IMAGES", "-r", "Prod", "-i", "DEBIAN", "-e", "1.0.0")
    assert shown == published.shown
    assert galleria.json("disk", "show", "DEBIAN-1", "-g", "Images")["name"] == f"{GROUP}/disks/debian-1"
    assert "exists" in galleria.refused(4, "gallery", "create", "PROD", "-g", "images", "-l", "eastus")
    taken = ("-g", "images", "-r", "prod", "-i", "Debian", *KIND[:4], "--sku", "other", *KIND[6:], *GENERALIZED)
    assert "exists" in galleria.refused(4, "image-definition", "create", *taken)
    push = ("disk", "push", str(published.image), "Debian-1", "-g", "Images", "-l", "eastus")
    assert "exists" in galleria.refused(4, *push)
    assert [disk["name"] for disk in galleria.json("disk", "list", "-g", "images")] == [f"{GROUP}/disks/debian-1"]


def test_pushing_it_again_sends_no_chunk(published: Published) -> None:
    galleria = published.galleria
    again = galleria.json("disk", "push", str(published.image), "again", "-g", "images", "-l", "eastus")
    galleria.ok("disk", "delete", "again", "-g", "images", "-y")
    assert (again["push"]["chunksSent"], again["disk"]["pushStatistics"]["chunksSent"]) == (0, 0)
    assert again["push"]["bytesSent"] < published.pushed["push"]["bytesSent"] / 100
    assert again["disk"]["digest"] == published.shown["digest"]


def test_a_next_version_is_pulled_with_the_last_as_seed(published: Published) -> None:
    galleria, out = published.galleria, published.folder / "next.raw"
    image = edited(published.folder / "edited.raw", published.image, edits=20, seed=5)
    galleria.json("publish", str(image), "images/prod/debian/1.0.1", *TARGETS[:2])
    pull = ("image-version", "pull", *PLACE, "-e", "latest", "--region", "eastus", "--output", str(out))
    report = galleria.run(*pull, "--seed", str(published.image)).json
    galleria.ok("image-version", "delete", *PLACE, "-e", "1.0.1", "-y")
    assert_same(image, out)
    assert report["name"].endswith("/1.0.1")
    assert report["seedBytes"] + report["fetchedBytes"] == report["occupiedBytes"]
    assert 0 < report["fetchedBytes"] < 20 * 256 * 1024 * 2
    assert galleria.json("image-version", "list", *PLACE) == [published.shown]


def test_a_pull_to_a_pipe_gives_the_bytes(published: Published) -> None:
    out = published.folder / "piped.raw"
    pull = ("image-version", "pull", *PLACE, "-e", "1.0.0", "--region", "westus", "--output", "-")
    with out.open("wb") as file, published.galleria.begin(*pull, stdout=file) as command:
        done = command.finish()
    assert done.code == 0, done
    assert sha256_of(out) == sha256_of(published.image)
