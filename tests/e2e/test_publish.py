"""`galleria publish`: from a file to a replicated version in one go."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.e2e import GENERALIZED, KIND, make_definition
from tests.support.images import MIB, assert_same, file_system, noise_file
from tests.support.processes import Galleria

pytestmark = pytest.mark.xdist_group("publish")

TARGETS = ("--target-regions", "eastus=2", "westus")
FLAGS = ("-l", "westus", *KIND, *GENERALIZED, *TARGETS)


@pytest.fixture(scope="module")
def image(module_folder: Path) -> Path:
    return file_system(module_folder / "debian.raw", module_folder, 16 * MIB, partitioned=False)


def test_it_makes_what_is_absent_and_says_so(galleria: Galleria, image: Path, tmp_path: Path) -> None:
    done = galleria.run("publish", str(image), "new/first/debian/1.0.1", *FLAGS)
    answer, said = done.json, done.err.splitlines()
    assert said == answer["did"]
    assert [sentence.rsplit(" ", 1)[0] for sentence in said[:2]] == [
        "created the gallery",
        "created the image definition",
    ]
    assert said[0].endswith("/resourceGroups/new/galleries/first")
    assert said[1].endswith("/resourceGroups/new/galleries/first/images/debian")
    sent = answer["push"]["bytesSent"]
    assert said[2] == f"pushed {image}: {answer['push']['bytesRead']} bytes read, {sent} sent"
    assert said[3].endswith("/versions/1.0.1")
    assert said[4] == "replicated to eastus, westus"
    assert said[5].startswith("deleted the source disk ")
    assert len(said) == 6
    assert galleria.json("disk", "list", "-g", "new") == []
    assert galleria.json("gallery", "show", "new/first")["location"] == "westus"
    out = tmp_path / "out.raw"
    galleria.ok("image-version", "pull", "new/first/debian/latest", "--region", "eastus", "--output", str(out))
    assert_same(image, out)


def test_it_uses_what_is_there_and_keeps_the_disk_if_told(galleria: Galleria, image: Path) -> None:
    make_definition(galleria)
    answer = galleria.json("publish", str(image), "images/prod/debian/2.0.0", "--keep-disk", *TARGETS)
    assert [sentence.split()[0] for sentence in answer["did"]] == ["pushed", "created", "replicated"]
    (disk,) = galleria.json("disk", "list", "-g", "images")
    assert disk["name"] == answer["version"]["osDisk"]
    assert disk["digest"] == answer["version"]["digest"]
    assert answer["version"]["provisioningState"] == "PROVISIONING_STATE_SUCCEEDED"


def test_without_waiting_the_operation_is_the_answer(galleria: Galleria, image: Path) -> None:
    answer = galleria.json("publish", str(image), "later/second/debian/1.0.0", *FLAGS, "--no-wait")
    operation = galleria.json("operation", "wait", answer["version"]["name"])
    assert operation["done"]
    assert operation["response"]["provisioningState"] == "PROVISIONING_STATE_SUCCEEDED"
    assert [disk["state"] for disk in galleria.json("disk", "list", "-g", "later")] == ["STATE_READY"]


def test_a_version_is_published_once(galleria: Galleria, image: Path, tmp_path: Path) -> None:
    galleria.ok("publish", str(image), "once/third/debian/1.0.0", *FLAGS)
    before = galleria.json("image-version", "show", "once/third/debian/1.0.0")
    other = noise_file(tmp_path / "other.raw", MIB)
    assert "exists" in galleria.refused(4, "publish", str(other), "once/third/debian/1.0.0", *FLAGS)
    assert galleria.json("image-version", "show", "once/third/debian/1.0.0") == before
    assert galleria.json("disk", "list", "-g", "once") == []


def test_it_asks_for_the_flags_that_it_needs(galleria: Galleria, image: Path) -> None:
    name = "absent/sixth/debian/1.0.0"
    assert "-l missing" in galleria.refused(2, "publish", str(image), name, *TARGETS)
    told = galleria.refused(2, "publish", str(image), name, "-l", "eastus", "--publisher", "debian", *TARGETS)
    assert "--offer --sku --os-type --os-state missing" in told
    assert galleria.json("disk", "list", "-g", "absent") == []


def test_a_source_that_cannot_be_pushed_leaves_no_disk(galleria: Galleria, tmp_path: Path) -> None:
    odd = noise_file(tmp_path / "odd.raw", MIB + 1)
    assert "512" in galleria.refused(1, "publish", str(odd), "odd/fourth/debian/1.0.0", *FLAGS)
    assert galleria.json("disk", "list", "-g", "odd") == []
    assert galleria.json("image-version", "list", "odd/fourth/debian") == []


def test_a_refused_version_leaves_no_disk(galleria: Galleria, image: Path) -> None:
    publish = ("publish", str(image), "many/fifth/debian/1.0.0", *FLAGS[:-3], "--target-regions")
    told = galleria.refused(4, *publish, "westus=4")
    assert re.search(r"\b4\b.*\b3\b|\b3\b.*\b4\b", told)
    assert galleria.json("image-version", "list", "many/fifth/debian") == []
    assert galleria.json("disk", "list", "-g", "many") == []
    assert galleria.json(*publish, "westus=3")["version"]["replication"][0]["readyReplicas"] == 3


def test_a_pull_tells_what_its_reader_should_know(galleria: Galleria, image: Path, tmp_path: Path) -> None:
    galleria.ok("publish", str(image), "warned/warned/debian/1.0.0", *FLAGS)
    pull = ("image-version", "pull", "warned/warned/debian/latest", "--region", "westus", "--force")
    to = ("--output", str(tmp_path / "out.raw"))
    assert galleria.json(*pull, *to)["warnings"] == []
    end = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    policy = ("--end-of-life-date", end, "--end-of-life-policy", "Warn")
    galleria.ok("image-definition", "update", "warned/warned/debian", *policy)
    runs = (galleria.run(*pull, *to) for _ in range(50))
    done = next(run for run in runs if run.json["warnings"])
    (warning,) = done.json["warnings"]
    assert "end of life" in warning
    assert f"warning: {warning}" in done.err.splitlines()


def test_a_disk_says_its_system_and_comes_into_no_other_definition(galleria: Galleria, image: Path) -> None:
    galleria.ok("gallery", "create", "systems", "-g", "systems", "-l", "eastus")
    galleria.ok("image-definition", "create", "systems/systems/debian", *KIND, *GENERALIZED)
    push = ("disk", "push", str(image), "systems/windows", "-l", "eastus", "--os-type", "Windows")
    assert galleria.json(*push)["disk"]["osType"] == "OS_TYPE_WINDOWS"
    create = ("image-version", "create", "systems/systems/debian/1.0.0", "--os-disk", "windows")
    assert "has os_type Windows, the definition has Linux" in galleria.refused(2, *create)
