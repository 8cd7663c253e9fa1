"""Shells complete what the server has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.test_cli import DEFINITION, Galleria, answer, galleria, rg

__all__ = ["galleria", "rg"]


def completed(words: str, target: str) -> list[str]:
    """What bash is told for a command line whose last word is under way."""
    typed = words.split(" ")
    done = subprocess.run(
        [sys.executable, "-m", "galleria_client.cli"],
        env={
            **os.environ,
            "_GALLERIA_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(typed) - 1),
            "GALLERIA_ENDPOINT": target,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


@pytest.fixture
def there(galleria: Galleria, rg: str, image: Path) -> str:
    """A group with a gallery of its name, an image and two versions."""
    where = ["-g", rg, "-r", rg, "-i", "debian"]
    answer(galleria("gallery", "create", rg, "-g", rg, "-l", "eastus"))
    answer(galleria("image-definition", "create", *where, *DEFINITION))
    answer(galleria("disk", "push", image, "debian-1", "-g", rg, "-l", "eastus"))
    for number in ("1.0.0", "1.1.0"):
        answer(galleria("image-version", "create", *where, "-e", number, "--os-disk", "debian-1", "--no-wait"))
    return rg


def test_flags_complete_below_those_that_are_given(there: str, target: str) -> None:
    assert there in completed(f"galleria gallery list -g {there[:3]}", target)
    assert completed(f"galleria gallery show -g {there} -r ", target) == [there]
    assert completed(f"galleria image-version list -g {there} -r {there} -i DEB", target) == ["debian"]
    line = f"galleria image-version show -g {there} -r {there} -i debian -e 1.1"
    assert completed(line, target) == ["1.1.0"]


def test_paths_complete_part_by_part(there: str, target: str) -> None:
    assert there in completed(f"galleria image-version show {there[:4]}", target)
    assert completed(f"galleria image-version show {there}/", target) == [f"{there}/{there}"]
    assert completed(f"galleria image-version show {there}/{there}/d", target) == [f"{there}/{there}/debian"]
    assert completed(f"galleria image-version show {there}/{there}/debian/", target) == [
        f"{there}/{there}/debian/1.1.0",
        f"{there}/{there}/debian/1.0.0",
    ]
    assert completed(f"galleria gallery show {there}/{there}/", target) == []
    assert completed(f"galleria gallery show -g {there} {there[:2]}", target) == [there]


def test_regions_complete(target: str) -> None:
    assert completed("galleria image-version resolve x --region w", target) == ["westeurope", "westus"]


def test_without_a_server_nothing_is_said() -> None:
    assert completed("galleria gallery list -g ", "127.0.0.1:1") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    command = [sys.executable, "-m", "galleria_client.cli", "completion", shell]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "_GALLERIA_COMPLETE" in script
    assert shell in script
