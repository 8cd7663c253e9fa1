"""Applications, from packages of any length to machines that install, update and remove them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import Galleria

pytestmark = pytest.mark.xdist_group("applications")

SCRIPT = b"#!/bin/bash\necho packaged\n"


class Machine:
    """A folder of applications, and the gallery that they come from."""

    def __init__(self, galleria: Galleria, folder: Path, group: str) -> None:
        self.galleria = galleria
        self.folder = folder
        self.root = folder / "applications"
        self.group = group
        self.gallery = f"{group}.{folder.name}"[-70:].strip("_.-")

    def place(self, application: str, version: str = "") -> tuple[str, ...]:
        named = ("-g", self.group, "-r", self.gallery, "-n", application)
        return (*named, "-e", version) if version else named

    def application(self, name: str, os_type: str = "Linux") -> None:
        self.galleria.ok("application", "create", *self.place(name), "--os-type", os_type)

    def push(self, name: str, data: bytes) -> str:
        file = self.folder / name
        file.write_bytes(data)
        push = ("disk", "push", str(file), name, "-g", self.group, "-l", "eastus", "--kind", "File")
        full: str = self.galleria.json(*push)["disk"]["name"]
        return full

    def publish(
        self,
        application: str,
        version: str,
        data: bytes = SCRIPT,
        install: str = "true",
        remove: str = "true",
        *flags: str,
    ) -> Any:  # noqa: ANN401
        disk = self.push(f"{application}-{version}", data)
        commands = ("--install-command", install, "--remove-command", remove)
        create = ("application-version", "create", *self.place(application, version), "--package", disk)
        return self.galleria.json(*create, *commands, *flags)

    def run(self, verb: str, *arguments: str) -> Any:  # noqa: ANN401
        return self.galleria.json("application", verb, *arguments, "--root", str(self.root), *self._region(verb))

    def refused(self, code: int, verb: str, *arguments: str) -> str:
        return self.galleria.refused(
            code, "application", verb, *arguments, "--root", str(self.root), *self._region(verb)
        )

    def failed(self, verb: str, *arguments: str) -> Any:  # noqa: ANN401
        """The report of what ended with exit code 1."""
        flags = (*arguments, "--root", str(self.root), *self._region(verb))
        done = self.galleria.run("application", verb, *flags)
        assert done.code == 1, done
        return json.loads(done.out)

    def profile(self, *entries: dict[str, object], name: str = "profile.json") -> tuple[str, str]:
        path = self.folder / name
        path.write_text(json.dumps({"galleryApplications": entries}))
        return "--profile", str(path)

    def entry(self, application: str, version: str = "latest", **fields: object) -> dict[str, object]:
        known = self.galleria.json("application", "show", *self.place(application))["name"]
        return {"packageReferenceId": f"{known}/versions/{version}", **fields}

    def state(self, application: str) -> Any:  # noqa: ANN401
        return json.loads((self.root / application / "state.json").read_text())

    def _region(self, verb: str) -> Sequence[str]:
        return () if verb == "remove" else ("--region", "westus")


@pytest.fixture
def machine(galleria: Galleria, tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    made = Machine(galleria, tmp_path, request.node.name[5:60])
    galleria.ok("gallery", "create", made.gallery, "-g", made.group, "-l", "eastus")
    return made


HERE = ("--target-regions", "eastus=2", "westus")


def outcomes(report: Any) -> list[tuple[str, str, str, int | None]]:  # noqa: ANN401
    return [(one["application"], one["action"], one["state"], one["exitCode"]) for one in report["applications"]]


def test_a_package_of_odd_length_is_installed_updated_and_removed(machine: Machine) -> None:
    data = SCRIPT + bytes(range(256)) * 41
    assert len(data) % 512
    machine.application("tool")
    configuration = machine.push("settings", b"x" * 1001)
    version = machine.publish(
        "tool",
        "1.0.0",
        data,
        "cp tool installed && cat tool-config > configured && echo in $PWD && echo wrong >&2",
        "rm installed && echo gone",
        "--default-configuration",
        configuration,
        *HERE,
    )
    assert version["packageFile"]["sizeBytes"] == len(data)
    assert version["packageFile"]["sha256"] == hashlib.sha256(data).hexdigest()
    report = machine.run("install", *machine.place("tool", "latest"))
    assert outcomes(report) == [("tool", "install", "succeeded", 0)]
    folder = machine.root / "tool" / "1.0.0"
    assert (folder / "tool").read_bytes() == (folder / "installed").read_bytes() == data
    assert (folder / "configured").read_bytes() == b"x" * 1001
    assert (folder / "install.stdout").read_text() == f"in {folder}\n"
    assert (folder / "install.stderr").read_text() == "wrong\n"
    assert machine.state("tool")["version"] == "1.0.0"
    assert [(run["action"], run["exit_code"]) for run in machine.state("tool")["runs"]] == [("install", 0)]
    assert outcomes(machine.run("install", *machine.place("tool", "1.0.0"))) == [("tool", "", "unchanged", None)]

    machine.publish("tool", "2.0.0", b"2", "exit 9", "true", "--update-command", "echo updating", *HERE)
    report = machine.run("update", *machine.place("tool", "latest"))
    assert outcomes(report) == [("tool", "update", "succeeded", 0)]
    assert (machine.root / "tool" / "2.0.0" / "update.stdout").read_text() == "updating\n"
    assert (machine.root / "tool" / "2.0.0" / "tool").read_bytes() == b"2"
    assert not (folder / "tool").exists()
    assert outcomes(machine.run("remove", "tool")) == [("tool", "remove", "succeeded", 0)]
    assert not (machine.root / "tool" / "2.0.0" / "tool").exists()
    assert machine.state("tool")["version"] == ""
    assert "not installed" in machine.refused(1, "remove", "tool")


def test_without_an_update_command_the_old_version_is_removed_first(machine: Machine) -> None:
    machine.application("tool")
    log = machine.folder / "log"
    for number in ("1.0.0", "2.0.0"):
        machine.publish(
            "tool", number, SCRIPT, f"echo install {number} >> {log}", f"echo remove {number} >> {log}", *HERE
        )
    machine.run("install", *machine.place("tool", "1.0.0"))
    machine.run("update", *machine.place("tool", "2.0.0"))
    assert log.read_text().splitlines() == ["install 1.0.0", "remove 1.0.0", "install 2.0.0"]
    assert machine.state("tool")["version"] == "2.0.0"


def test_files_are_named_as_the_version_says(machine: Machine) -> None:
    machine.application("tool")
    names = ("--package-file-name", "setup.run", "--config-file-name", "setup.ini")
    machine.publish("tool", "1.0.0", SCRIPT, "bash setup.run", "true", *names, *HERE)
    own = machine.folder / "own.ini"
    own.write_bytes(b"own")
    machine.run("install", *machine.place("tool", "1.0.0"), "--configuration", str(own))
    folder = machine.root / "tool" / "1.0.0"
    assert (folder / "install.stdout").read_text() == "packaged\n"
    assert (folder / "setup.ini").read_bytes() == b"own"


def test_a_failed_command_is_told_and_leaves_nothing_installed(machine: Machine) -> None:
    machine.application("tool")
    machine.publish("tool", "1.0.0", SCRIPT, "echo no >&2; exit 7", "true", *HERE)
    report = machine.failed("install", *machine.place("tool", "1.0.0"))
    assert outcomes(report) == [("tool", "install", "failed", 7)]
    assert report["applications"][0]["details"] == "install ended with 7"
    assert machine.state("tool")["version"] == ""
    assert machine.state("tool")["runs"][0]["exit_code"] == 7
    assert (machine.root / "tool" / "1.0.0" / "install.stderr").read_text() == "no\n"


def test_a_failure_stops_what_comes_after_it_and_not_what_has_no_order(machine: Machine) -> None:
    log = machine.folder / "log"
    for name in ("first", "broken", "beside", "after", "free"):
        machine.application(name)
        ends = "exit 3" if name == "broken" else "true"
        machine.publish(name, "1.0.0", SCRIPT, f"echo {name} >> {log}; {ends}", "true", *HERE)
    entries = [
        machine.entry("free"),
        machine.entry("after", order=3),
        machine.entry("broken", order=2),
        machine.entry("beside", order=2),
        machine.entry("first", order=1),
    ]
    report = machine.run("install", *machine.profile(*entries))
    assert [(one["application"], one["state"]) for one in report["applications"]] == [
        ("first", "succeeded"),
        ("broken", "failed"),
        ("beside", "succeeded"),
        ("after", "skipped"),
        ("free", "succeeded"),
    ]
    assert report["deploymentFailed"] is False
    assert log.read_text().split() == ["first", "broken", "beside", "free"]


def test_a_failure_counts_as_one_of_the_deployment_where_that_is_wanted(machine: Machine) -> None:
    machine.application("broken")
    machine.publish("broken", "1.0.0", SCRIPT, "exit 3", "true", *HERE)
    counted = machine.profile(machine.entry("broken", treatFailureAsDeploymentFailure=True))
    assert machine.failed("install", *counted)["deploymentFailed"] is True
    report = machine.run("install", *machine.profile(machine.entry("broken"), name="other.json"))
    assert report["deploymentFailed"] is False


def test_what_cannot_be_together_on_a_machine_is_refused_before_anything_runs(machine: Machine) -> None:
    machine.application("tool")
    machine.publish("tool", "1.0.0", SCRIPT, f"touch {machine.folder}/ran", "true", *HERE)
    twice = machine.profile(machine.entry("tool"), machine.entry("tool", "1.0.0"))
    assert "more than once" in machine.refused(1, "install", *twice)
    name = str(machine.entry("tool")["packageReferenceId"])
    many: list[dict[str, object]] = [{"packageReferenceId": name.replace("/tool/", f"/tool{i}/")} for i in range(26)]
    told = machine.refused(1, "install", *machine.profile(*many))
    assert "26" in told
    assert "25" in told
    machine.application("other", "Windows")
    machine.publish("other", "1.0.0", SCRIPT, "true", "true", *HERE)
    both = machine.profile(machine.entry("tool", order=1), machine.entry("other", order=2))
    assert "is for Windows" in machine.refused(1, "install", *both)
    assert not (machine.folder / "ran").exists()


def test_a_version_is_installed_only_where_it_is(machine: Machine) -> None:
    machine.application("tool")
    machine.publish("tool", "1.0.0")
    assert "is not in region westus" in machine.refused(4, "install", *machine.place("tool", "1.0.0"))


def test_a_command_that_a_reboot_cut_off_is_run_again_where_its_version_says_so(machine: Machine) -> None:
    for name, flags in (("again", ("--script-behavior-after-reboot", "Rerun")), ("once", ())):
        machine.application(name)
        machine.publish(name, "1.0.0", SCRIPT, "true", "true", *flags, *HERE)
        machine.run("install", *machine.place(name, "1.0.0"))
        state = machine.state(name)
        state["version"], state["runs"][0]["exit_code"] = "", None
        (machine.root / name / "state.json").write_text(json.dumps(state))
    assert outcomes(machine.run("install", *machine.place("again", "1.0.0"))) == [("again", "install", "succeeded", 0)]
    report = machine.failed("install", *machine.place("once", "1.0.0"))
    assert "cut off" in report["applications"][0]["details"]
    assert len(machine.state("once")["runs"]) == 1


def test_an_alias_is_installed_and_moved_to_the_next(machine: Machine) -> None:
    machine.application("tool")
    machine.publish("tool", "1.0.0", SCRIPT, "true", "true", *HERE)
    machine.publish("tool", "2.0.0", SCRIPT, "true", "true", "--no-wait", *HERE)
    ready = machine.galleria.json("application-version", "wait", *machine.place("tool", "2.0.0"), "--timeout", "60")
    assert ready["provisioningState"] == "PROVISIONING_STATE_SUCCEEDED"
    alias = (*machine.place("tool"), "--alias", "stable")
    for number in ("1.0.0", "2.0.0"):
        machine.galleria.ok("alias", "set", *alias, "--version", number)
        said = (*machine.place("tool", "stable"), "--region", "westus")
        resolved = machine.galleria.json("application-version", "resolve", *said)
        assert (resolved["version"], resolved["skipped"]) == (number, [])
        report = machine.run("install", *machine.place("tool", "stable"))
        assert [one["version"] for one in report["applications"]] == [number]
    path = f"{machine.group}/{machine.gallery}/tool"
    full = machine.galleria.json("application", "show", path)["name"]
    named = [("-n", path), (full,), ("-n", "tool", "-g", machine.group, "-r", machine.gallery)]
    histories = [machine.galleria.json("alias", "history", *name, "--alias", "stable") for name in named]
    assert [[move["version"] for move in moves] for moves in histories] == 3 * [["2.0.0", "1.0.0"]]
    said_twice = machine.galleria.refused(2, "alias", "list", *machine.place("tool"), "-i", "tool")
    assert "-i, or of an application, -n" in said_twice
