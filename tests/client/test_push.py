"""Pushing to a real server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from galleria.v1.disks_pb2 import Disk
from galleria_client import Client, PushOptions, PushState, aio
from galleria_client._sync.transport import Transport
from galleria_client.errors import AlreadyExists, GaveUp, Interrupted, NotFound, RegionUnknown, Unavailable
from galleria_client.push.pipeline import push_disk
from galleria_client.source_errors import (
    DiskDiffers,
    SourceChanged,
    SourceChecksumMismatch,
    SourceEmpty,
    SourceMissing,
    SourceNotADisk,
    SourceSizeOdd,
    SourceTooLarge,
    SourceUnreadable,
)
from galleria_storage.chunking import cut_segment
from galleria_storage.digest import name_of, names_of
from galleria_storage.layout import Layout, encode_page
from galleria_storage.rules import BLOCK_CDC_1
from tests.client.images import MIB, SEGMENT, change, write_image
from tests.client.proxy import CuttingProxy

LIMIT = 2 << 40


def layout_of(data: bytes) -> tuple[Layout, int]:
    """The layout of whole content, and its occupied bytes, without the client's scanner."""
    pages: list[bytes | None] = []
    occupied = 0
    for start in range(0, len(data), SEGMENT):
        segment = memoryview(data)[start : start + SEGMENT]
        lengths = cut_segment(segment, BLOCK_CDC_1)
        views, position = [], 0
        for length in lengths:
            if length > 0:
                views.append(segment[position : position + length])
                occupied += length
            position += abs(length)
        pages.append(name_of(encode_page(lengths, names_of(views))) if views else None)
    return Layout(BLOCK_CDC_1, len(data), tuple(pages)), occupied


def test_a_push_makes_a_ready_disk_with_the_digest_of_its_bytes(client: Client, group: str, image: Path) -> None:
    report = client.disks.push(image, f"{group}/disks/d", location="eastus")
    layout, occupied = layout_of(image.read_bytes())
    assert report.disk.state == Disk.STATE_READY
    assert report.disk.digest == layout.text
    assert report.disk.size_bytes == image.stat().st_size
    assert report.disk.occupied_bytes == occupied
    assert report.created
    assert client.disks.get(f"{group}/disks/d").digest == layout.text


def test_statistics_are_those_of_the_server(client: Client, group: str, image: Path) -> None:
    report = client.disks.push(image, f"{group}/disks/d", location="eastus")
    told = report.disk.push_statistics
    assert (told.bytes_read, told.chunks_sent) == (report.bytes_read, report.chunks_sent)
    assert 0 < report.chunks_sent <= report.chunks
    assert 0 < report.bytes_read <= image.stat().st_size
    assert {"read", "cut", "hash", "compress"} <= set(report.stage_seconds)


def test_what_is_there_is_not_sent_again(client: Client, group: str, image: Path, tmp_path: Path) -> None:
    client.disks.push(image, f"{group}/disks/one", location="eastus")
    again = client.disks.push(image, f"{group}/disks/two", location="eastus")
    assert again.chunks_sent == 0
    assert again.bytes_sent < 1000
    changed = Path(shutil.copy(image, tmp_path / "changed.raw"))
    change(changed, SEGMENT + 20_000)
    next_version = client.disks.push(changed, f"{group}/disks/three", location="eastus")
    assert 0 < next_version.chunks_sent < next_version.chunks / 2


@pytest.mark.parametrize("streams", [1, 3])
def test_a_pipe_gives_the_same_digest(target: str, group: str, image: Path, streams: int) -> None:
    command = [sys.executable, "-m", "galleria_client.cli", "disk", "push", "-", f"{group}/disks/piped"]
    flags = ["-l", "eastus", "--endpoint", target, "--streams", str(streams), "--query", "disk.digest", "-o", "tsv"]
    with image.open("rb") as file:
        done = subprocess.run([*command, *flags], stdin=file, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == layout_of(image.read_bytes())[0].text


def test_streams_share_the_work(client: Client, group: str, image: Path) -> None:
    report = client.disks.push(image, f"{group}/disks/d", location="eastus", options=PushOptions(streams=3))
    assert report.disk.digest == layout_of(image.read_bytes())[0].text


def test_a_disk_without_data_is_pushed(client: Client, group: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.raw"
    with path.open("wb") as file:
        file.truncate(200 * MIB)
    disk = client.disks.push(path, f"{group}/disks/d", location="eastus").disk
    assert (disk.state, disk.size_bytes, disk.occupied_bytes) == (Disk.STATE_READY, 200 * MIB, 0)


def test_the_sha256_covers_holes_and_is_kept(client: Client, group: str, image: Path) -> None:
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    options = PushOptions(sha256=digest.upper())
    assert client.disks.push(image, f"{group}/disks/d", location="eastus", options=options).disk.sha256 == digest


def test_a_wrong_sha256_commits_nothing(client: Client, group: str, image: Path) -> None:
    with pytest.raises(SourceChecksumMismatch) as refusal:
        client.disks.push(image, f"{group}/disks/d", location="eastus", options=PushOptions(sha256="0" * 64))
    assert refusal.value.actual == hashlib.sha256(image.read_bytes()).hexdigest()
    with pytest.raises(NotFound):
        client.disks.get(f"{group}/disks/d")


def test_only_64_digits_are_a_sha256() -> None:
    with pytest.raises(ValueError, match="64 hexadecimal"):
        PushOptions(sha256="12")


def test_what_is_no_disk_is_refused_before_anything_is_made(client: Client, group: str, tmp_path: Path) -> None:
    name = f"{group}/disks/d"
    empty, odd, pipe = tmp_path / "empty", tmp_path / "odd", tmp_path / "pipe"
    empty.touch()
    odd.write_bytes(bytes(1000))
    os.mkfifo(pipe)
    cases = [
        (tmp_path / "absent", SourceMissing),
        (tmp_path, SourceNotADisk),
        (pipe, SourceNotADisk),
        (Path("/dev/null"), SourceNotADisk),
        (empty, SourceEmpty),
        (odd, SourceSizeOdd),
    ]
    for path, error in cases:
        with pytest.raises(error):
            client.disks.push(path, name, location="eastus")
    with pytest.raises(NotFound):
        client.disks.get(name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(client: Client, group: str, tmp_path: Path) -> None:
    path = tmp_path / "locked"
    path.write_bytes(bytes(512))
    path.chmod(0)
    with pytest.raises(SourceUnreadable):
        client.disks.push(path, f"{group}/disks/d", location="eastus")


def test_one_block_over_the_limit_is_refused_with_both_numbers(client: Client, group: str, tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(LIMIT + 512)
    with pytest.raises(SourceTooLarge, match=rf"{LIMIT + 512}.*{LIMIT}"):
        client.disks.push(path, f"{group}/disks/d", location="eastus")


def test_the_largest_sparse_disk_is_pushed(client: Client, group: str, tmp_path: Path) -> None:
    path = tmp_path / "largest"
    with path.open("wb") as file:
        file.truncate(LIMIT)
        for position in (0, LIMIT // 2 + MIB, LIMIT - MIB):
            file.seek(position)
            file.write(os.urandom(MIB))
    report = client.disks.push(path, f"{group}/disks/d", location="eastus")
    assert (report.disk.size_bytes, report.disk.occupied_bytes) == (LIMIT, 3 * MIB)
    assert report.bytes_read < 4 * MIB


@pytest.mark.parametrize("how", ["grows", "shrinks", "changes"])
def test_a_file_that_changes_meanwhile_is_not_committed(client: Client, group: str, tmp_path: Path, how: str) -> None:
    path = write_image(tmp_path / "image.raw", seed=11)
    name = f"{group}/disks/d"

    def disturb(state: PushState) -> None:
        if how == "grows":
            os.truncate(path, path.stat().st_size + 512)
        elif how == "shrinks":
            os.truncate(path, SEGMENT)
        else:
            change(path, 12_288, seed=state.scanned + 1)

    with pytest.raises(SourceChanged):
        client.disks.push(path, name, location="eastus", progress=disturb)
    with pytest.raises(NotFound):
        client.disks.get(name)


def test_a_disk_with_content_is_not_overwritten(client: Client, group: str, image: Path) -> None:
    client.disks.push(image, f"{group}/disks/d", location="eastus")
    with pytest.raises(AlreadyExists):
        client.disks.push(image, f"{group}/disks/D", location="eastus")


def test_a_disk_that_waits_is_filled(client: Client, group: str, image: Path) -> None:
    size = image.stat().st_size
    client.disks.create(group, "d", Disk(location="eastus", size_bytes=size))
    report = client.disks.push(image, f"{group}/disks/d", location="East US")
    assert (report.created, report.disk.state) == (False, Disk.STATE_READY)


def test_a_disk_that_waits_for_other_content_is_left_alone(client: Client, group: str, image: Path) -> None:
    client.disks.create(group, "d", Disk(location="eastus", size_bytes=4096))
    with pytest.raises(DiskDiffers, match="4096"):
        client.disks.push(image, f"{group}/disks/d", location="eastus")
    assert client.disks.get(f"{group}/disks/d").state == Disk.STATE_EMPTY


def test_an_unknown_region_makes_nothing(client: Client, group: str, image: Path) -> None:
    with pytest.raises(RegionUnknown):
        client.disks.push(image, f"{group}/disks/d", location="atlantis")


def test_a_push_goes_on_after_breaks(target: str, group: str, image: Path) -> None:
    port = int(target.rsplit(":", 1)[1])
    with CuttingProxy(port, [MIB, 2 * MIB]) as proxy, Client(proxy.target) as client:
        report = client.disks.push(image, f"{group}/disks/d", location="eastus")
        assert proxy.cuts_made == 2
    assert report.breaks >= 2
    assert report.disk.digest == layout_of(image.read_bytes())[0].text


def test_a_push_started_again_finds_its_session(target: str, client: Client, group: str, image: Path) -> None:
    name = f"{group}/disks/d"
    port = int(target.rsplit(":", 1)[1])
    options = PushOptions(give_up_seconds=0.0)
    with (
        CuttingProxy(port, [3 * MIB]) as proxy,
        Client(proxy.target) as broken,
        pytest.raises((GaveUp, Unavailable)),
    ):
        broken.disks.push(image, name, location="eastus", options=options)
    assert client.disks.get(name).state == Disk.STATE_PUSHING
    report = client.disks.push(image, name, location="eastus")
    assert (report.created, report.disk.state) == (False, Disk.STATE_READY)
    assert report.disk.digest == layout_of(image.read_bytes())[0].text


def test_a_cancelled_push_can_be_continued(target: str, client: Client, group: str, image: Path) -> None:
    name = f"{group}/disks/d"

    async def push_and_cancel() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: PushState) -> None:
            loop.call_soon_threadsafe(begun.set)

        async with aio.Client(target) as asynchronous:
            task = asyncio.create_task(
                asynchronous.disks.push(
                    image,
                    name,
                    location="eastus",
                    options=PushOptions(level=19),
                    progress=tell,
                )
            )
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(push_and_cancel())
    assert client.disks.get(name).state == Disk.STATE_PUSHING
    assert client.disks.push(image, name, location="eastus").disk.state == Disk.STATE_READY


def test_a_stopped_push_says_so(client: Client, group: str, image: Path) -> None:
    stop = threading.Event()
    stop.set()
    transport = Transport(client.target)
    with pytest.raises(Interrupted):
        push_disk(transport, str(image), f"{group}/disks/d", "eastus", stop=stop)
    transport.close()


def test_a_push_waits_for_a_server_that_is_not_there_only_so_long(group: str, image: Path) -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(Unavailable):
        client.disks.push(image, f"{group}/disks/d", location="eastus")
