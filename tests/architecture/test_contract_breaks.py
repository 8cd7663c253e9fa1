"""A break of the wire contract is found, and passes only where the changelog tells of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUF = Path(sys.executable).with_name("buf")
PROTO = """syntax = "proto3";

package galleria.v1;

message Disk {
  string name = 1;
  uint64 size_bytes = 2;
}
"""
UNRELEASED = "# Changelog\n\n## Unreleased\n\n"
RELEASED = "## 0.1.0\n\n- **Breaking** an older one.\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a contract, whatever the settings of who runs the test."""
    (tmp_path / "protos/galleria/v1").mkdir(parents=True)
    (tmp_path / "protos/galleria/v1/disks.proto").write_text(PROTO)
    (tmp_path / "protos/third_party").mkdir()
    (tmp_path / "protos/third_party/other.proto").write_text(PROTO.replace("galleria.v1", "other"))
    shutil.copy(ROOT / "protos/buf.yaml", tmp_path / "protos")
    (tmp_path / "CHANGELOG.md").write_text(UNRELEASED + RELEASED)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "Begin")
    return tmp_path


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repository, check=True)


def breaks(repository: Path) -> bool:
    found = subprocess.run(
        [ROOT / ".ci/breaking", BUF], cwd=repository, capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode in (0, 1), found.stderr
    assert (found.returncode == 1) == ("the contract breaks with" in found.stderr), found.stderr
    return found.returncode == 1


def change(repository: Path, old: str, new: str) -> None:
    file = repository / "protos/galleria/v1/disks.proto"
    file.write_text(file.read_text().replace(old, new))


def test_before_the_first_release_nothing_breaks(repository: Path) -> None:
    change(repository, "  uint64 size_bytes = 2;\n", "")
    assert not breaks(repository)


def test_what_is_added_does_not_break(repository: Path) -> None:
    git(repository, "tag", "v0.1.0")
    change(repository, "}", "  string etag = 3;\n}")
    assert not breaks(repository)


@pytest.mark.parametrize(("old", "new"), [("  uint64 size_bytes = 2;\n", ""), ("uint64", "string"), ("= 2", "= 3")])
def test_a_break_passes_only_when_the_unreleased_part_tells_of_it(repository: Path, old: str, new: str) -> None:
    git(repository, "tag", "v0.1.0")
    change(repository, old, new)
    assert breaks(repository)
    (repository / "CHANGELOG.md").write_text(f"{UNRELEASED}- **Breaking** sizes.\n\n{RELEASED}")
    assert not breaks(repository)


def test_from_1_0_on_no_break_passes(repository: Path) -> None:
    git(repository, "tag", "v1.0.0")
    change(repository, "uint64", "string")
    (repository / "CHANGELOG.md").write_text(f"{UNRELEASED}- **Breaking** sizes.\n\n{RELEASED}")
    assert breaks(repository)
