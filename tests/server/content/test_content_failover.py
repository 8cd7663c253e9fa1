"""Reads go on with another copy, chunk by chunk, and say DATA_LOSS only when none is good."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from galleria.v1 import contents_pb2 as pb
from galleria_server.content import make_content
from galleria_server.volumes.mount import State
from tests.server.refusals import refused
from tests.support.rot import rot_packs
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, WireClient


@pytest.fixture
def content(tmp_path: Path) -> Iterator[ContentServer]:
    """A server for each test: rot spreads to whatever shares the chunks."""
    with server_thread(config_in(tmp_path), make_content) as server:
        yield server


@pytest.fixture
def version(wire: WireClient, image: Image) -> str:
    """A version with one copy in each of two regions, whose source disk is gone."""
    wire.prepare_gallery()
    wire.push("disk", image)
    wire.publish("1.0.0", "disk", westus=1, westeurope=1)
    wire.delete_disk("disk")
    return wire.version_name("1.0.0")


def folder_of(wire: WireClient, content: ContentServer, region: str) -> Path:
    """Where the only copy in a region lies."""
    (status,) = [found for found in wire.get_version("1.0.0").replication if found.region == region]
    return content.mount(region, status.replicas[0].copies[0].volume).config.path


def test_rotten_chunks_come_from_another_region(
    wire: WireClient, content: ContentServer, version: str, data: bytes
) -> None:
    assert rot_packs(folder_of(wire, content, "westus"))
    assert wire.fetch(version, "westus") == data
    assert wire.fetch_in_one(version, "westus") == data
    assert wire.fetch_range(version, "westus") == data
    assert wire.layout(wire.source(version, "westus")).region == "westus"


def test_rotten_pages_come_from_another_region(
    wire: WireClient, content: ContentServer, version: str, data: bytes
) -> None:
    assert rot_packs(folder_of(wire, content, "westus"), "pages")
    assert wire.fetch(version, "westus") == data
    assert wire.fetch_range(version, "westus") == data


def test_a_volume_that_is_away_is_passed_over(
    wire: WireClient, content: ContentServer, version: str, data: bytes
) -> None:
    folder = folder_of(wire, content, "westus")
    mount = content.mount("westus", folder.name)
    mount.state = State.OFFLINE
    try:
        assert wire.fetch(version, "westus") == data
    finally:
        mount.state = State.ONLINE


def test_a_copy_that_exists_nowhere_else_is_data_loss(wire: WireClient, content: ContentServer, version: str) -> None:
    for region in ("westus", "westeurope"):
        assert rot_packs(folder_of(wire, content, region))
    source = wire.source(version, "westus")
    with refused("DATA_LOSS", "DATA_LOSS") as refusal:
        wire.read_chunks(source, [pb.WantChunks(segment=0)])
    assert (refusal.info.metadata["name"], refusal.info.metadata["segment"]) == (version, "0")
    assert int(refusal.info.metadata["chunks"]) > 0
    with refused("DATA_LOSS", "DATA_LOSS"):
        wire.fetch_range(version, "westus")


def test_as_long_as_a_copy_may_come_back_it_is_unavailable_rather_than_lost(
    wire: WireClient, content: ContentServer, version: str
) -> None:
    mounts = [content.mount(region, folder_of(wire, content, region).name) for region in ("westus", "westeurope")]
    for mount in mounts:
        mount.state = State.OFFLINE
    try:
        with refused("UNAVAILABLE", "VOLUME_UNAVAILABLE"):
            wire.layout(wire.source(version, "westus"))
    finally:
        for mount in mounts:
            mount.state = State.ONLINE


def test_the_source_disk_is_the_last_resort(
    wire: WireClient, content: ContentServer, image: Image, data: bytes
) -> None:
    wire.prepare_gallery()
    wire.push("disk", image)
    wire.publish("1.0.0", "disk", westus=1)
    assert rot_packs(folder_of(wire, content, "westus"))
    assert wire.fetch(wire.version_name("1.0.0"), "westus") == data
