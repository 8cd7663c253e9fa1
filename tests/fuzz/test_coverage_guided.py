"""A fuzzer that sees which lines an input reaches finds nothing in any parser, and finds what was planted for it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.parsers import parsers

RUNS = 40_000
PLANTED_RUNS = 500_000
SECONDS = 900

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(SECONDS),
    pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="there is no atheris for this platform"),
]


def fuzzed(name: str, folder: Path, runs: int) -> subprocess.CompletedProcess[str]:
    """The harness of one parser, ended; its corpus is what reached something new."""
    corpus = folder / "corpus"
    corpus.mkdir()
    flags = [f"-runs={runs}", "-seed=1", "-timeout=60", f"-artifact_prefix={folder}/"]
    command = [sys.executable, "-m", "tests.fuzz.harness", name, str(corpus), *flags]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.parametrize("name", list(parsers()))
def test_no_input_is_found_that_a_parser_crashes_on_or_misreads(name: str, tmp_path: Path) -> None:
    ended = fuzzed(name, tmp_path, RUNS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"Done {RUNS} runs" in ended.stderr
    # It went on from inputs of its own making, so it saw what they reached.
    assert any(not path.name.startswith("seed-") for path in (tmp_path / "corpus").iterdir())


def test_a_fault_behind_magic_values_is_found(tmp_path: Path) -> None:
    ended = fuzzed("planted", tmp_path, PLANTED_RUNS)
    assert ended.returncode != 0
    assert "ZeroDivisionError" in ended.stdout + ended.stderr
