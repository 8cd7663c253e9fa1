"""The commands of the main job, against a real server process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.images import change
from tests.client.proxy import CuttingProxy
from tests.support.processes import Server

Galleria = Callable[..., subprocess.CompletedProcess[str]]
DEFINITION = ["--publisher", "debian", "--offer", "debian-12", "--sku", "cloud"]
DEFINITION += ["--os-type", "Linux", "--os-state", "Generalized"]


@pytest.fixture
def galleria(target: str) -> Galleria:
    """Runs the command; the answer has exit code, output and errors."""

    def call(*arguments: object, at: str = target) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "galleria_client.cli", *map(str, arguments), "--endpoint", at]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return call


def answer(done: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


@pytest.fixture
def rg(group: str) -> str:
    """Short name of a resource group of this test's own."""
    return group.rsplit("/", 1)[1]


def test_the_main_job(galleria: Galleria, rg: str, image: Path, tmp_path: Path) -> None:
    where = ["-g", rg, "-r", rg, "-i", "debian"]
    answer(galleria("gallery", "create", rg, "-g", rg, "-l", "eastus"))
    answer(galleria("image-definition", "create", *where, *DEFINITION))
    pushed = answer(galleria("disk", "push", image, "debian-1", "-g", rg, "-l", "eastus"))
    regions = ["--target-regions", "eastus=2", "westus=1", "westeurope=3"]
    made = answer(galleria("image-version", "create", *where, "-e", "1.0.0", "--os-disk", "debian-1", *regions))
    assert made["digest"] == pushed["disk"]["digest"]
    shown = answer(galleria("image-version", "show", *where, "-e", "1.0.0"))
    assert shown["provisioningState"] == "PROVISIONING_STATE_SUCCEEDED"
    ready = {place["region"]: place["readyReplicas"] for place in shown["replication"]}
    assert ready == {"eastus": 2, "westus": 1, "westeurope": 3}
    out = tmp_path / "out.raw"
    pulled = galleria("image-version", "pull", *where, "-e", "latest", "--region", "westeurope", "--output", out)
    assert answer(pulled)["name"].endswith("/versions/1.0.0")
    assert out.read_bytes() == image.read_bytes()
    again = galleria("image-version", "pull", *where, "-e", "latest", "--region", "westeurope", "--output", out)
    assert (again.returncode, "--force" in again.stderr) == (4, True)


def test_publish_does_it_in_one_go(galleria: Galleria, rg: str, image: Path, tmp_path: Path) -> None:
    name = f"{rg}/{rg}/debian"
    nowhere = galleria("publish", image, f"{name}/1.0.0", "-l", "eastus")
    assert (nowhere.returncode, "--publisher" in nowhere.stderr) == (2, True)
    assert answer(galleria("gallery", "list", "-g", rg)) == []
    first = galleria(
        "publish", image, f"{name}/1.0.0", "-l", "eastus", *DEFINITION, "--target-regions", "eastus", "westus"
    )
    did = answer(first)["did"]
    assert [step.split(" ")[0] for step in did] == ["created", "created", "pushed", "created", "replicated", "deleted"]
    newer = Path(shutil.copy(image, tmp_path / "newer.raw"))
    change(newer, 20_000)
    second = answer(galleria("publish", newer, f"{name}/1.0.1", "--keep-disk"))
    assert [step.split(" ")[0] for step in second["did"]] == ["pushed", "created", "replicated"]
    assert second["push"]["chunksSent"] < answer(first)["push"]["chunksSent"]
    assert len(answer(galleria("disk", "list", "-g", rg))) == 1
    taken = galleria("publish", newer, f"{name}/1.0.1")
    assert (taken.returncode, "never changes" in taken.stderr) == (4, True)
    many = galleria("publish", newer, f"{name}/1.0.2", "--target-regions", "eastus=4")
    assert (many.returncode, len(answer(galleria("disk", "list", "-g", rg)))) == (4, 1)
    listed = answer(galleria("image-version", "list", name, "--query", "[].name"))
    assert [version.rsplit("/", 1)[1] for version in listed] == ["1.0.1", "1.0.0"]


def test_resources_are_shown_listed_and_deleted(galleria: Galleria, rg: str, image: Path) -> None:
    answer(galleria("publish", image, f"{rg}/{rg}/debian/1.0.0", "-l", "eastus", *DEFINITION, "--keep-disk"))
    assert answer(galleria("gallery", "show", f"{rg}/{rg}"))["location"] == "eastus"
    assert len(answer(galleria("gallery", "list", "-g", rg))) == 1
    assert len(answer(galleria("image-definition", "list", f"{rg}/{rg}"))) == 1
    assert answer(galleria("image-definition", "show", f"{rg}/{rg}/debian"))["osType"] == "OS_TYPE_LINUX"
    assert answer(galleria("image-version", "wait", f"{rg}/{rg}/debian/1.0.0", "--timeout", 60))["digest"]
    disk = f"{rg}/debian-1.0.0-publish"
    assert answer(galleria("disk", "show", disk))["state"] == "STATE_READY"
    assert answer(galleria("disk", "verify", disk))["fetchedBytes"] > 0
    assert galleria("gallery", "delete", f"{rg}/{rg}").returncode == 4
    for noun, name in (
        ("image-version", f"{rg}/{rg}/debian/1.0.0"),
        ("image-definition", f"{rg}/{rg}/debian"),
        ("gallery", f"{rg}/{rg}"),
        ("disk", disk),
    ):
        deleted = galleria(noun, "delete", name)
        assert (deleted.returncode, deleted.stderr.startswith("Deleting")) == (0, True), deleted.stderr
        assert galleria(noun, "show", name).returncode == 3


def test_a_gallery_goes_with_all_that_is_in_it(galleria: Galleria, rg: str, image: Path) -> None:
    answer(galleria("publish", image, f"{rg}/{rg}/debian/1.0.0", "-l", "eastus", *DEFINITION))
    assert galleria("gallery", "delete", f"{rg}/{rg}", "--dry-run").returncode == 2
    plan = answer(galleria("gallery", "delete", f"{rg}/{rg}", "--recursive", "--dry-run"))
    assert [name.rpartition("/")[2] for name in plan["imageVersions"]] == ["1.0.0"]
    assert int(plan["imageVersionCount"]) == 1
    shown = galleria("image-definition", "delete", f"{rg}/{rg}/debian", "--recursive", "--dry-run", "-o", "table")
    assert (shown.returncode, "replicaBytes" in shown.stdout) == (0, True)
    answer(galleria("gallery", "delete", f"{rg}/{rg}", "--recursive"))
    assert galleria("gallery", "show", f"{rg}/{rg}").returncode == 3


def test_operations_regions_and_volumes(galleria: Galleria, rg: str, image: Path) -> None:
    answer(galleria("gallery", "create", rg, "-g", rg, "-l", "eastus"))
    answer(galleria("image-definition", "create", f"{rg}/{rg}/debian", *DEFINITION))
    answer(galleria("disk", "push", image, f"{rg}/d", "-l", "eastus"))
    begun = answer(galleria("image-version", "create", f"{rg}/{rg}/debian/1.0.0", "--os-disk", f"{rg}/d", "--no-wait"))
    done = answer(galleria("operation", "wait", begun["name"], "--timeout", 60))
    assert done["done"] is True
    assert answer(galleria("operation", "show", begun["name"].split("/")[1]))["response"]["digest"]
    assert begun["name"] in answer(galleria("operation", "list", "--query", "[].name"))
    answer(galleria("operation", "cancel", begun["name"]))
    assert [region["name"] for region in answer(galleria("region", "list"))] == ["eastus", "westeurope", "westus"]
    volumes = answer(galleria("volume", "list", "-l", "eastus"))
    assert len(volumes) == 3
    assert answer(galleria("volume", "show", volumes[0]["name"]))["uid"] == volumes[0]["uid"]
    assert galleria("volume", "show", "nowhere/none").returncode == 3


def test_a_pipe_may_be_pulled_into_another(galleria: Galleria, target: str, rg: str, image: Path) -> None:
    answer(galleria("publish", image, f"{rg}/{rg}/debian/1.0.0", "-l", "eastus", *DEFINITION))
    command = [sys.executable, "-m", "galleria_client.cli", "image-version", "pull", f"{rg}/{rg}/debian/latest"]
    flags = ["--region", "eastus", "--output", "-", "--endpoint", target]
    done = subprocess.run([*command, *flags], capture_output=True, check=True)
    assert done.stdout == image.read_bytes()


def test_a_push_survives_a_killed_server(galleria: Galleria, image: Path, tmp_path: Path) -> None:
    with Server(tmp_path) as server, CuttingProxy(server.port, [3_000_000]) as proxy:
        command = [sys.executable, "-m", "galleria_client.cli", "disk", "push", str(image), "rg/d", "-l", "eastus"]
        push = subprocess.Popen([*command, "--endpoint", proxy.target], stdout=subprocess.PIPE, text=True)
        proxy.cut_made.wait(60)
        server.kill()
        server.start()
        output, _ = push.communicate(timeout=120)
        assert push.returncode == 0
        assert json.loads(output)["push"]["breaks"] >= 1
        verified = answer(galleria("disk", "verify", "rg/d", at=server.endpoint))
        assert verified["digest"] == json.loads(output)["disk"]["digest"]


def test_galleries_and_definitions_are_changed_by_the_flags_that_made_them(galleria: Galleria, rg: str) -> None:
    made = answer(galleria("gallery", "create", rg, "-g", rg, "-l", "eastus", "--soft-delete", "true", "--tags", "a=1"))
    changed = answer(galleria("gallery", "update", f"{rg}/{rg}", "--description", "new", "--etag", made["etag"]))
    assert (changed["description"], changed["tags"], changed["softDeletePolicy"]["enabled"]) == (
        "new",
        {"a": "1"},
        True,
    )
    assert galleria("gallery", "update", f"{rg}/{rg}", "--description", "x", "--etag", made["etag"]).returncode == 4
    image = [f"{rg}/{rg}/debian", "--features", "IsHibernateSupported=true@1.2.0", "SecurityType=Standard"]
    made = answer(
        galleria(
            "image-definition",
            "create",
            *image,
            *DEFINITION,
            "--minimum-memory",
            2,
            "--plan-name",
            "p",
            "--plan-publisher",
            "q",
            "--plan-product",
            "r",
        )
    )
    assert made["features"][0] == {"name": "IsHibernateSupported", "value": "True", "startsAtVersion": "1.2.0"}
    assert (made["recommended"], made["purchasePlan"]["product"]) == ({"memoryGib": {"min": 2}}, "r")
    when = [
        "--end-of-life-date",
        "2999-01-31",
        "--end-of-life-policy",
        "deny",
        "--disallowed-disk-types",
        "Premium_LRS",
    ]
    changed = answer(galleria("image-definition", "update", f"{rg}/{rg}/debian", *when))
    assert changed["endOfLifeTime"] == "2999-01-31T00:00:00Z"
    assert changed["endOfLifePolicy"] == "END_OF_LIFE_POLICY_DENY"
    assert changed["disallowedDiskTypes"] == ["STORAGE_ACCOUNT_TYPE_PREMIUM_LRS"]
    refused = galleria("image-definition", "update", f"{rg}/{rg}/debian", "--features", "SecurityType=Standard")
    assert refused.returncode == 2
    assert "allow_update_image" in refused.stderr
    refused = galleria("image-definition", "update", f"{rg}/{rg}/debian", "--end-of-life-date", "tomorrow")
    assert (refused.returncode, "2027-01-31" in refused.stderr) == (2, True)


def test_tenants_subscriptions_groups_and_regions(galleria: Galleria, rg: str) -> None:
    tenant = answer(galleria("tenant", "create", "--display-name", "Other"))["name"]
    made = answer(galleria("subscription", "create", "--tenant", tenant, "--display-name", "S"))["name"]
    own = ["--subscription", made.rpartition("/")[2]]
    changed = answer(galleria("subscription", "update", made, "--explicit-resource-groups", "true"))
    assert changed["explicitResourceGroups"] is True
    assert galleria("gallery", "create", rg, "-g", rg, "-l", "eastus", *own).returncode == 3
    group = answer(galleria("resource-group", "create", rg, "--tags", "a=b", *own))
    assert group["tags"] == {"a": "b"}
    assert answer(galleria("resource-group", "update", rg, "--tags", "c=d", *own))["tags"] == {"c": "d"}
    assert answer(galleria("gallery", "create", rg, "-g", rg, "-l", "eastus", *own))["location"] == "eastus"
    assert galleria("resource-group", "delete", rg, "--yes", *own).returncode == 4
    assert answer(galleria("region", "access", "request", "West US", "--justification", "why", *own))["justification"]
    assert answer(galleria("region", "access", "review", "westus", *own))["state"] == "ACCESS_STATE_UNDER_REVIEW"
    assert answer(galleria("region", "access", "deny", "westus", "--reason", "no", *own))["reason"] == "no"
    assert answer(galleria("region", "access", "approve", "westus", *own))["state"] == "ACCESS_STATE_APPROVED"
    assert len(answer(galleria("region", "access", "list", *own))) == 1
    assert "Approved" in galleria("region", "access", "list", "--all", "-o", "table").stdout
    assert answer(galleria("region", "show", "westus")).get("down") is False
    for command in (
        ["gallery", "delete", f"{rg}/{rg}"],
        ["resource-group", "delete", rg],
        ["subscription", "delete", made],
    ):
        assert galleria(*command, "--yes", *own).returncode == 0
    assert galleria("tenant", "delete", tenant, "--yes").returncode == 0
    assert galleria("tenant", "show", tenant).returncode == 3


def test_locks_are_put_on_scopes_by_name_or_by_parts(galleria: Galleria, rg: str) -> None:
    answer(galleria("gallery", "create", rg, "-g", rg, "-l", "eastus", "--tags", "a=b"))
    answer(galleria("image-definition", "create", f"{rg}/{rg}/debian", *DEFINITION))
    gallery = answer(galleria("gallery", "show", f"{rg}/{rg}"))["name"]
    put = answer(galleria("lock", "create", "--scope", gallery, "--level", "readonly", "-n", "keep", "--notes", "why"))
    assert (put["name"], put["level"], put["notes"]) == (f"{gallery}/locks/keep", "LOCK_LEVEL_READ_ONLY", "why")
    refused = galleria("gallery", "update", f"{rg}/{rg}", "--tags", "c=d")
    assert (refused.returncode, "delete the lock first" in refused.stderr) == (4, True)
    assert answer(galleria("gallery", "show", f"{rg}/{rg}"))["tags"] == {"a": "b"}
    image = ["-g", rg, "-r", rg, "-i", "debian"]
    drawn = answer(galleria("lock", "create", *image, "--level", "CanNotDelete"))
    assert drawn["name"] == f"{gallery}/images/debian/locks/{drawn['uid']}"
    assert answer(galleria("lock", "show", "--name", "keep", "-g", rg, "-r", rg)) == put
    assert answer(galleria("lock", "show", "--name", put["name"])) == put
    names = "[].name"
    assert answer(galleria("lock", "list", "-g", rg, "--query", names)) == []
    assert len(answer(galleria("lock", "list", "-g", rg, "--recursive", "--query", names))) == 2
    assert len(answer(galleria("lock", "list", *image, "--inherited", "--query", names))) == 2
    assert "Read_only" in galleria("lock", "list", "--scope", gallery, "-o", "table").stdout
    deleted = galleria("lock", "delete", "--scope", gallery, "--name", "keep", "--etag", put["etag"])
    assert (deleted.returncode, deleted.stderr) == (0, f"Deleting the lock {put['name']}.\n")
    assert galleria("lock", "show", "--name", put["name"]).returncode == 3
    assert answer(galleria("gallery", "update", f"{rg}/{rg}", "--tags", "c=d"))["tags"] == {"c": "d"}
    assert galleria("lock", "delete", "--name", drawn["name"], "--yes").returncode == 0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "which scope is meant?"),
        (["--scope", "subscriptions/x", "-g", "rg"], "--scope is the full name"),
        (["--scope", "subscriptions/x", "-d", "disk"], "--scope is the full name"),
        (["-g", "rg", "-r", "prod", "-d", "disk"], "give -d with -g alone"),
        (["-r", "prod"], "-g missing"),
        (["-d", "disk"], "-g missing"),
    ],
)
def test_a_lock_needs_one_scope(galleria: Galleria, flags: list[str], told: str) -> None:
    refused = galleria("lock", "list", *flags)
    assert (refused.returncode, told in refused.stderr) == (2, True), refused.stderr


def test_publish_is_done_where_a_lock_keeps_the_source_disk(galleria: Galleria, rg: str, image: Path) -> None:
    answer(galleria("resource-group", "create", rg))
    lock = answer(galleria("lock", "create", "-g", rg, "--level", "CanNotDelete", "--name", "keep"))
    done = answer(galleria("publish", image, f"{rg}/{rg}/debian/1.0.0", "-l", "eastus", *DEFINITION))
    assert done["did"][-1].startswith("the source disk stays: ")
    assert answer(galleria("image-version", "show", f"{rg}/{rg}/debian/1.0.0"))["digest"]
    assert len(answer(galleria("disk", "list", "-g", rg))) == 1
    assert galleria("lock", "delete", "--name", lock["name"]).returncode == 0


def test_a_disk_is_locked_by_its_flag(galleria: Galleria, rg: str, image: Path) -> None:
    answer(galleria("disk", "push", image, f"{rg}/d", "-l", "eastus"))
    put = answer(galleria("lock", "create", "-g", rg, "-d", "d", "--level", "CanNotDelete", "--name", "keep"))
    assert put["scope"] == answer(galleria("disk", "show", f"{rg}/d"))["name"]
    assert galleria("disk", "delete", f"{rg}/d").returncode == 4
    assert answer(galleria("lock", "list", "-d", f"{rg}/d", "--query", "[].name")) == [put["name"]]
    assert galleria("lock", "delete", "-d", "d", "-g", rg, "-n", "keep").returncode == 0
    assert galleria("disk", "delete", f"{rg}/d").returncode == 0


def test_usages_and_limits(galleria: Galleria, rg: str) -> None:
    tenant = answer(galleria("tenant", "create", "--display-name", "Other"))["name"]
    made = answer(galleria("subscription", "create", "--tenant", tenant, "--display-name", "S"))["name"]
    own = ["--subscription", made.rpartition("/")[2]]
    answer(galleria("gallery", "create", rg, "-g", rg, "-l", "eastus", *own))
    first = answer(galleria("usage", "list", "-l", "East US", *own))[0]
    assert first == {
        "name": f"{made}/locations/eastus/usages/galleries",
        "displayName": "Galleries",
        "currentValue": 1,
        "limit": 100,
        "unit": "LIMIT_UNIT_COUNT",
    }
    assert "Galleries" in galleria("usage", "list", "-l", "eastus", "-o", "table", *own).stdout
    assert galleria("usage", "list", *own).returncode == 2
    limit = answer(galleria("usage", "set-limit", "galleries", 1, *own))
    assert (limit["value"], limit["defaultValue"], limit["highestValue"]) == (1, 100, 100_000)
    refused = galleria("gallery", "create", "more", "-g", rg, "-l", "eastus", *own)
    assert (refused.returncode, "its limit there is 1" in refused.stderr) == (1, True)
    assert answer(galleria("usage", "limits", "--query", "[?value!=defaultValue].value", *own)) == [1]
    assert "Subscription_region" in galleria("usage", "limits", "-o", "table", *own).stdout
    assert answer(galleria("usage", "clear-limit", limit["name"])) is None
    answer(galleria("gallery", "create", "more", "-g", rg, "-l", "eastus", *own))
    assert galleria("usage", "set-limit", "tags", 1, *own).returncode == 2
    assert galleria("usage", "set-limit", "nothing", 1, *own).returncode == 3


def test_a_soft_deleted_version_is_listed_restored_and_purged(galleria: Galleria, rg: str, image: Path) -> None:
    where, version = ["-g", rg, "-r", rg, "-i", "debian"], f"{rg}/{rg}/debian/1.0.0"
    answer(galleria("gallery", "create", rg, "-g", rg, "-l", "eastus", "--soft-delete", "true"))
    answer(galleria("image-definition", "create", *where, *DEFINITION))
    answer(galleria("disk", "push", image, "debian-1", "-g", rg, "-l", "eastus"))
    answer(galleria("image-version", "create", *where, "-e", "1.0.0", "--os-disk", "debian-1"))
    answer(galleria("image-version", "delete", version, "-y"))
    assert answer(galleria("image-version", "list", *where)) == []
    (deleted,) = answer(galleria("image-version", "list-soft-deleted", *where))
    assert answer(galleria("image-version", "list", *where, "--show-deleted")) == [deleted]
    assert deleted["imageState"] == "IMAGE_STATE_SOFT_DELETED"
    table = galleria("image-version", "list-soft-deleted", *where, "-o", "table").stdout.splitlines()
    assert table[0].split() == ["Name", "SoftDeleteTime", "ConsumptionEndTime", "HardDeletionTime", "OccupiedBytes"]
    restored = answer(galleria("image-version", "undelete", version, "--etag", deleted["etag"]))
    assert restored["imageState"] == "IMAGE_STATE_ACTIVE"
    answer(galleria("image-version", "delete", version, "-y"))
    assert galleria("image-version", "delete", version, "-y").returncode != 0
    answer(galleria("image-version", "purge", version, "-y"))
    assert galleria("image-version", "show", version).returncode == 3
    answer(galleria("image-definition", "delete", *where, "-y"))
