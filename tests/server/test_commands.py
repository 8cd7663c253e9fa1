"""The commands of the server; `serve` as a real process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import grpc
import pytest
from click.testing import CliRunner, Result

from galleria.v1 import galleries_pb2 as pb
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria_server import commands
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.metadata.lock import sole_owner
from tests.server.catalogue_client import gallery_request

GROUP = f"subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg"
SERVE = "from galleria_server.commands import serve; serve()"


def run(command: click.Command, *arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


class Process:
    def __init__(self, data: Path, *flags: str) -> None:
        command = [sys.executable, "-c", SERVE, "--data", str(data), "--listen", "127.0.0.1:0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ready_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=120)
        return self.process.returncode, errors


def test_serve_says_where_it_listens_and_ends_well_on_sigterm(tmp_path: Path) -> None:
    process = Process(tmp_path, "--log", "json")
    line = process.ready_line()
    match = re.match(r"galleria is serving on (127\.0\.0\.1:[0-9]+) ", line)
    assert match is not None, line
    with grpc.insecure_channel(match[1]) as channel:
        made = GalleriesStub(channel).CreateGallery(gallery_request(GROUP))
        assert GalleriesStub(channel).GetGallery(pb.GetGalleryRequest(name=made.name)) == made
    code, errors = process.end()
    assert code == 0, errors
    assert '"message": "draining"' in errors
    assert '"message": "stopped"' in errors


def test_a_second_server_on_the_same_data_says_so(tmp_path: Path) -> None:
    first = Process(tmp_path)
    assert first.ready_line()
    second = Process(tmp_path)
    _, errors = second.process.communicate(timeout=120)
    assert first.end()[0] == 0
    assert second.process.returncode == 1
    assert "in use by another galleria process" in errors
    assert "Traceback" not in errors


def test_serve_refuses_an_address_that_others_can_reach(tmp_path: Path) -> None:
    result = run(commands.serve, "--data", tmp_path, "--listen", "0.0.0.0:8470")
    assert result.exit_code == 1
    assert result.output.startswith("Error: --listen: listen: 0.0.0.0:8470 can be reached from other machines")
    assert list(tmp_path.iterdir()) == []


def test_config_check_tells_good_from_bad(tmp_path: Path) -> None:
    path = tmp_path / "galleria.toml"
    path.write_text("[regions.north]\nzones = ['1']\n")
    good = run(commands.config, "check", "--config", path)
    assert (good.exit_code, good.output) == (0, "The configuration is good: 1 regions, 1 volumes.\n")
    path.write_text("region = 1\n")
    bad = run(commands.config, "check", "--config", path)
    assert bad.exit_code == 1
    assert bad.output.startswith(f"Error: {path}: region: is no setting")


def test_config_show_prints_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "galleria.toml"
    path.write_text("[regions.north]\nzones = ['1']\n")
    shown = run(commands.config, "show", "--config", path)
    assert "[regions.north]" in shown.output
    path.write_text(shown.output)
    assert run(commands.config, "show", "--config", path).output == shown.output


def test_db_upgrade_and_show(tmp_path: Path) -> None:
    missing = run(commands.db, "show", "--data", tmp_path)
    assert missing.exit_code == 1
    assert "does not exist" in missing.output
    upgraded = run(commands.db, "upgrade", "--data", tmp_path)
    assert upgraded.exit_code == 0, upgraded.output
    shown = run(commands.db, "show", "--data", tmp_path)
    assert shown.output == f"{tmp_path}/metadata/galleria.db has schema 0001, this software needs 0001.\n"


@pytest.mark.parametrize("verb", ["show", "upgrade"])
def test_db_leaves_a_running_servers_database_alone(tmp_path: Path, verb: str) -> None:
    run(commands.db, "upgrade", "--data", tmp_path)
    with sole_owner(tmp_path / "metadata"):
        result = run(commands.db, verb, "--data", tmp_path)
    assert result.exit_code == 1
    assert "stop it first" in result.output
