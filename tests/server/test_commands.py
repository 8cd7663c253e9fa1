"""The commands of the server; `serve` as a real process."""

from __future__ import annotations

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
from galleria_server.metadata.schema import newest
from tests.server.catalogue_client import gallery_request
from tests.support.processes import Server

GROUP = f"subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg"


def run(command: click.Command, *arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_serve_says_where_it_listens_and_ends_well_on_sigterm(tmp_path: Path) -> None:
    with Server(tmp_path, flags=["--log", "json"]) as server:
        with grpc.insecure_channel(server.endpoint) as channel:
            made = GalleriesStub(channel).CreateGallery(gallery_request(GROUP))
            assert GalleriesStub(channel).GetGallery(pb.GetGalleryRequest(name=made.name)) == made
        assert server.stop() == 0
        told = "".join(server.lines)
    assert '"message": "draining"' in told
    assert '"message": "stopped"' in told


def test_a_second_server_on_the_same_data_says_so(tmp_path: Path) -> None:
    with Server(tmp_path) as first:
        second = first.galleria.refused(1, "serve", "--data", str(first.data), "--listen", "127.0.0.1:0")
        assert "in use by another galleria process" in second
        assert first.stop() == 0


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
    assert shown.output == f"{tmp_path}/metadata/galleria.db has schema {newest()}, this software needs {newest()}.\n"


@pytest.mark.parametrize("verb", ["show", "upgrade"])
def test_db_leaves_a_running_servers_database_alone(tmp_path: Path, verb: str) -> None:
    run(commands.db, "upgrade", "--data", tmp_path)
    with sole_owner(tmp_path / "metadata"):
        result = run(commands.db, verb, "--data", tmp_path)
    assert result.exit_code == 1
    assert "stop it first" in result.output
