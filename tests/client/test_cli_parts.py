"""Names, flags, tables and codes of the command line."""

from __future__ import annotations

import io
import json

import click
import pytest
import yaml
from click.testing import CliRunner

from galleria.v1.disks_pb2 import Disk
from galleria.v1.image_versions_pb2 import ImageVersion
from galleria.v1.publishing_pb2 import STORAGE_ACCOUNT_TYPE_STANDARD_ZRS
from galleria_client import Client, errors
from galleria_client.cli.exit_codes import exit_code_of, explained
from galleria_client.cli.flags import SpreadCommand, enum_value, tags_of, target_regions_of
from galleria_client.cli.names import Where, full_disk_name, image_name
from galleria_client.cli.output import plain, render
from galleria_client.cli.progress import Progress, described, in_time, in_units
from galleria_client.cli.running import run
from galleria_client.cli.session import Session
from galleria_client.output_errors import OutputExists
from galleria_client.resource_names import ImageName

FULL = "subscriptions/sub/resourceGroups/rg/galleries/prod/images/debian/versions/1.0.0"
EXPECTED = ImageName("sub", "rg", "prod", "debian", "1.0.0")


@pytest.fixture
def session() -> Session:
    """A session whose subscription is given, so that no server is asked."""
    with Client("127.0.0.1:1") as client:
        return Session(client, "json", None, "none", "sub")


@pytest.mark.parametrize(
    "where",
    [
        Where(None, "rg", "prod", "debian", "1.0.0"),
        Where("rg/prod/debian/1.0.0"),
        Where(FULL),
        Where(None, version=FULL),
        Where("1.0.0", image=FULL.rsplit("/", 2)[0]),
        Where("1.0.0", "rg", "prod", "debian"),
        Where(None, "subscriptions/sub/resourceGroups/rg", "prod", "debian", "1.0.0"),
    ],
)
def test_a_name_may_be_said_in_many_ways(session: Session, where: Where) -> None:
    assert image_name(session, where, "version") == EXPECTED


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (Where(None, "rg"), "-r and -i and -e missing"),
        (Where("prod/debian"), "GROUP/GALLERY/IMAGE/VERSION"),
        (Where(None, "a/b", "prod", "debian", "1"), "-g 'a/b'"),
    ],
)
def test_what_is_missing_is_named(session: Session, where: Where, says: str) -> None:
    with pytest.raises(click.UsageError, match=says):
        image_name(session, where, "version")


def test_a_disk_may_be_said_in_three_ways(session: Session) -> None:
    full = "subscriptions/sub/resourceGroups/rg/disks/d"
    assert {full_disk_name(session, full, None), full_disk_name(session, "rg/d", None)} == {full}
    assert full_disk_name(session, "d", "rg") == full
    for given, group in (("d", None), ("x/y/d", None), ("rg/d", "rg")):
        with pytest.raises(click.UsageError):
            full_disk_name(session, given, group)


def test_target_regions_have_counts_and_kinds_in_any_order() -> None:
    one, two, three = target_regions_of(["eastus=2", "East US", "westus=Standard_ZRS=3"])
    assert (one.region, one.replica_count) == ("eastus", 2)
    assert (two.region, two.replica_count) == ("East US", 1)
    assert (three.replica_count, three.storage_account_type) == (3, STORAGE_ACCOUNT_TYPE_STANDARD_ZRS)
    for wrong in ("eastus=0", "eastus=101", "eastus=Gold"):
        with pytest.raises(click.BadParameter, match=wrong):
            target_regions_of([wrong])


def test_a_flag_takes_values_up_to_the_next() -> None:
    got: list[tuple[str, ...]] = []

    @click.command(cls=SpreadCommand)
    @click.argument("name")
    @click.option("--tags", multiple=True)
    @click.option("-l")
    def command(name: str, tags: tuple[str, ...], l: str) -> None:  # noqa: E741
        got.append((name, *tags, l))

    done = CliRunner().invoke(command, ["n", "--tags", "a=1", "b=2", "-l", "x"])
    assert (done.exit_code, got) == (0, [("n", "a=1", "b=2", "x")])
    assert tags_of(["a=1", "b=2=3"]) == {"a": "1", "b": "2=3"}
    with pytest.raises(click.BadParameter):
        tags_of(["a"])


def test_enums_have_the_names_of_az() -> None:
    assert [enum_value("OsType", name) for name in ("Linux", "windows", None)] == [1, 2, 0]
    assert enum_value("Architecture", "Arm64") == 2


def test_json_has_64_bit_numbers_as_numbers() -> None:
    disk = Disk(name="n", size_bytes=2**41)
    disk.push_statistics.bytes_read = 7
    disk.push_statistics.stage_seconds["read"] = 0.5
    found = json.loads(render(plain(disk), "json", None, "disk"))
    assert (found["sizeBytes"], found["occupiedBytes"]) == (2**41, 0)
    assert found["pushStatistics"]["bytesRead"] == 7
    assert found["pushStatistics"]["stageSeconds"] == {"read": 0.5}
    assert found["state"] == "STATE_UNSPECIFIED"


def test_formats_and_queries() -> None:
    disks = plain([Disk(name="subscriptions/s/resourceGroups/g/disks/a", size_bytes=512, state=Disk.STATE_READY)])
    assert yaml.safe_load(render(disks, "yaml", None, "disk")) == disks
    assert render(disks, "tsv", "[].[name, sizeBytes]", "disk") == "subscriptions/s/resourceGroups/g/disks/a\t512"
    assert render(disks, "json", "[0].sizeBytes", "disk") == "512"
    assert render(disks, "none", None, "disk") == ""
    heading, rule, row = render(disks, "table", None, "disk").splitlines()
    assert heading.split() == ["Name", "Location", "State", "SizeBytes", "OccupiedBytes", "Digest"]
    assert set(rule) == {"-", " "}
    assert row.split() == ["a", "Ready", "512", "0"]
    assert render([], "table", None, "disk").splitlines()[0].startswith("Name")
    version = plain(ImageVersion(name=FULL, target_regions=target_regions_of(["eastus=2"])))
    assert "eastus=2" in render(version, "table", None, "image-version")


@pytest.mark.parametrize(
    ("code", "reason", "exit_code"),
    [
        ("INVALID_ARGUMENT", "INVALID_FIELD", 2),
        ("INVALID_ARGUMENT", "LAYOUT_INVALID", 1),
        ("NOT_FOUND", "REGION_UNKNOWN", 3),
        ("ALREADY_EXISTS", "ALREADY_EXISTS", 4),
        ("FAILED_PRECONDITION", "IN_USE", 4),
        ("ABORTED", "ETAG_MISMATCH", 4),
        ("UNAUTHENTICATED", "", 5),
        ("DEADLINE_EXCEEDED", "", 6),
        ("UNAVAILABLE", "DRAINING", 7),
        ("INTERNAL", "INTERNAL", 1),
    ],
)
def test_exit_codes_are_as_documented(code: str, reason: str, exit_code: int) -> None:
    assert exit_code_of(errors.failed(errors.Failure(code, "m", reason))) == exit_code


def test_errors_say_what_to_do() -> None:
    unknown = errors.failed(errors.Failure("NOT_FOUND", "there is no region x.", "REGION_UNKNOWN"))
    assert explained(unknown) == "there is no region x; `galleria region list` shows the regions"
    fault = errors.failed(errors.Failure("INTERNAL", "internal error", "INTERNAL", {"error_id": "e1"}))
    assert "e1" in explained(fault)
    assert (exit_code_of(OutputExists("o")), exit_code_of(errors.WaitTimedOut("o", 1.0))) == (4, 6)


def test_a_wrong_address_is_told_with_its_cure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["region", "list", "--endpoint", "127.0.0.1:1"]) == 7
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "galleria serve" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["region", "list", "--query", "[", "--endpoint", "127.0.0.1:1"],
        ["disk", "push", "f", "g/d", "--sha256", "12"],
        ["gallery", "create", "prod", "-g", "images"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "Error:" in capsys.readouterr().err


def test_help_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("disk", "gallery", "image-version", "publish", "serve", "Exit codes"))


def test_progress_for_people() -> None:
    assert [in_units(amount) for amount in (0, 999, 1000, 1.5e9, 2e12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.5 GB",
        "2.0 TB",
    ]
    assert [in_time(seconds) for seconds in (5, 65, 3605)] == ["0:05", "1:05", "1:00:05"]
    assert described(500, 1000, 500, 1.0) == "50% of 1.0 kB, 500 B/s, 0:01 left"
    assert described(500, None, 500, 1.0) == "500 B, 500 B/s"


def test_a_terminal_gets_one_line_that_is_cleared() -> None:
    stream = io.StringIO()
    with Progress("tty", "pushing", stream) as progress:
        progress.update(0, 100)
        progress.update(50, 100, "broken")
    assert stream.getvalue().startswith("\r\x1b[Kpushing: ")
    assert stream.getvalue().endswith("\r\x1b[K")
    assert "\n" not in stream.getvalue()


@pytest.mark.parametrize("mode", ["none", "plain", "auto"])
def test_short_work_makes_no_lines_elsewhere(mode: str) -> None:
    stream = io.StringIO()
    with Progress(mode, "pushing", stream) as progress:
        progress.update(100, 100)
    assert stream.getvalue() == ""
