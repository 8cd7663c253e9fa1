"""The commands of README.md, run as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.images import MIB, file_system
from tests.support.processes import GALLERIA, READY, SECONDS, environment

pytestmark = pytest.mark.xdist_group("readme")

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^<!-- test: quickstart -->\s*\n```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAKE_SERVE = ["galleria", "serve", "--data", "./data"]
IMAGE = re.compile(r"(?:\./)?[\w-]+\.(?:raw|img)\b")


@pytest.fixture
def commands() -> list[str]:
    """The lines of the marked blocks, continued ones joined."""
    blocks = BLOCK.findall(README.read_text())
    if not blocks:
        pytest.skip("README.md has no block behind <!-- test: quickstart -->")
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.strip() and not line.startswith("#")]


def is_serve(command: str) -> bool:
    return shlex.split(command, comments=True)[:2] == ["galleria", "serve"]


@pytest.fixture
def endpoint(commands: list[str], tmp_path: Path) -> Iterator[str]:
    """The server that the commands start, or else the one of `make serve`; on a port that is free."""
    serve = [shlex.split(command, comments=True) for command in commands if is_serve(command)]
    arguments = [argument for argument in (serve or [MAKE_SERVE])[0][1:] if argument != "&"]
    with subprocess.Popen(
        [str(GALLERIA), *arguments],
        cwd=tmp_path,
        env=environment(GALLERIA_LISTEN="127.0.0.1:0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        found = re.search(READY, server.stdout.readline())
        assert found
        yield f"{found[1]}:{found[2]}"
        server.terminate()
        assert server.wait(SECONDS) == 0


def test_the_quickstart_works_as_printed(commands: list[str], endpoint: str, tmp_path: Path) -> None:
    """Its image is one that the reader has; here it is the first that a command names."""
    script = "\n".join(command for command in commands if not is_serve(command))
    image = IMAGE.search(script)
    assert image
    file_system(tmp_path / image[0], tmp_path, 32 * MIB, partitioned=True)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment(
            GALLERIA_ENDPOINT=endpoint, PATH=f"{GALLERIA.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        ),
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
