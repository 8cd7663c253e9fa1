"""Pulling from a real server."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from galleria_client import Client, PullOptions
from galleria_client.errors import NotFound
from galleria_client.output_errors import OutputBusy, OutputExists, OutputNotAFile, OutputUnwritable
from galleria_client.source_errors import SourceMissing
from tests.client.images import MIB, SEGMENT, change, write_image
from tests.client.proxy import CuttingProxy


@pytest.fixture
def pushed(client: Client, group: str, image: Path) -> str:
    """Name of a disk with the content of `image`."""
    return client.disks.push(image, f"{group}/disks/pushed", location="eastus").disk.name


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_a_pull_gives_the_bytes_back_sparse(client: Client, pushed: str, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.raw"
    report = client.contents.pull(pushed, out, options=PullOptions(fsync=True))
    assert out.read_bytes() == image.read_bytes()
    assert allocated(out) < 2 * report.occupied_bytes
    assert report.fetched_bytes == report.occupied_bytes
    assert not (tmp_path / "out.raw.part").exists()


def test_an_output_that_exists_is_kept_without_force(client: Client, pushed: str, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.raw"
    out.write_bytes(b"precious")
    with pytest.raises(OutputExists):
        client.contents.pull(pushed, out)
    assert out.read_bytes() == b"precious"
    client.contents.pull(pushed, out, options=PullOptions(force=True))
    assert out.read_bytes() == image.read_bytes()


def test_an_output_must_be_a_file_in_a_folder(client: Client, pushed: str, tmp_path: Path) -> None:
    with pytest.raises(OutputNotAFile):
        client.contents.pull(pushed, tmp_path)
    with pytest.raises(OutputUnwritable):
        client.contents.pull(pushed, tmp_path / "absent" / "out.raw")


def test_a_seed_saves_what_it_has(client: Client, group: str, image: Path, tmp_path: Path) -> None:
    newer = Path(shutil.copy(image, tmp_path / "newer.raw"))
    change(newer, SEGMENT + 20_000)
    disk = client.disks.push(newer, f"{group}/disks/newer", location="eastus").disk
    report = client.contents.pull(disk.name, tmp_path / "out.raw", seeds=[image])
    assert (tmp_path / "out.raw").read_bytes() == newer.read_bytes()
    assert report.fetched_bytes < 1 * MIB
    assert report.fetched_bytes + report.seed_bytes == report.occupied_bytes


def test_a_seed_that_is_absent_is_an_error(client: Client, pushed: str, tmp_path: Path) -> None:
    with pytest.raises(SourceMissing):
        client.contents.pull(pushed, tmp_path / "out.raw", seeds=[tmp_path / "absent"])


def test_what_an_earlier_pull_left_is_checked_and_used(
    client: Client, pushed: str, image: Path, tmp_path: Path
) -> None:
    part = Path(shutil.copy(image, tmp_path / "out.raw.part"))
    # Wrong bytes in a chunk, bytes where a hole belongs, and a tail that is too long.
    change(part, 12_288, length=50_000)
    change(part, 30 * MIB)
    with part.open("ab") as file:
        file.write(b"tail")
    report = client.contents.pull(pushed, tmp_path / "out.raw")
    assert (tmp_path / "out.raw").read_bytes() == image.read_bytes()
    assert 0 < report.fetched_bytes < report.occupied_bytes
    assert report.kept_bytes + report.fetched_bytes == report.occupied_bytes
    assert not part.exists()


def test_two_pulls_do_not_write_one_file(client: Client, pushed: str, tmp_path: Path) -> None:
    with (tmp_path / "out.raw.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OutputBusy):
            client.contents.pull(pushed, tmp_path / "out.raw")


def test_a_pull_goes_on_after_breaks(target: str, client: Client, group: str, tmp_path: Path) -> None:
    source = write_image(tmp_path / "source.raw", seed=21, segments=4)
    name = client.disks.push(source, f"{group}/disks/d", location="eastus").disk.name
    port = int(target.rsplit(":", 1)[1])
    with CuttingProxy(port, [MIB, 2 * MIB], downstream=True) as proxy, Client(proxy.target) as broken:
        report = broken.contents.pull(name, tmp_path / "out.raw")
        assert proxy.cuts_made == 2
    assert report.breaks == 2
    assert (tmp_path / "out.raw").read_bytes() == source.read_bytes()


def test_a_pipe_gets_the_bytes_in_order(target: str, pushed: str, image: Path) -> None:
    # Through the library's own verb for disks there is no flag, so the pull of a disk is a few lines.
    program = (
        "import sys; from galleria_client import Client\n"
        "with Client(sys.argv[1]) as client: client.contents.pull(sys.argv[2], '-')"
    )
    done = subprocess.run([sys.executable, "-c", program, target, pushed], capture_output=True, check=True)
    assert done.stdout == image.read_bytes()


def test_verify_reads_everything(client: Client, pushed: str) -> None:
    report = client.contents.verify(pushed)
    assert report.fetched_bytes == report.occupied_bytes > 0
    assert report.digest == client.disks.get(pushed).digest


def test_an_absent_source_leaves_no_file(client: Client, group: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        client.contents.pull(f"{group}/disks/absent", tmp_path / "out.raw")
    assert list(tmp_path.iterdir()) == []


def test_a_range_and_pages_are_read_raw(client: Client, pushed: str, image: Path) -> None:
    whole = image.read_bytes()
    pieces = list(client.contents.range(pushed, offset=12_000, length=5 * MIB))
    got = b"".join(piece.data or bytes(piece.zeros) for piece in pieces)
    assert got == whole[12_000 : 12_000 + 5 * MIB]
    assert [page.segment for page in client.contents.pages(pushed)] == [0, 1, 2]
