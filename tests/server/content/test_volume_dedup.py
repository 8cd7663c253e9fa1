"""Volumes share chunks as they were told when they were made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from galleria.v1 import installation_pb2 as pb
from galleria_server.config import Config, VolumeConfig
from galleria_server.config_dedup import DedupTooWide, check_dedup, made_dedup
from galleria_server.content import make_content
from galleria_storage.index import RocksShared
from galleria_storage.volume import open_local_volume
from tests.support.server_thread import config_in, server_thread
from tests.support.wire_client import Image, WireClient

MIB = 1 << 20


def dedup_config(folder: Path, dedup: str) -> Config:
    """One region with one volume."""
    volume = VolumeConfig("only", "1", folder / "only", dedup=dedup)
    region = replace(config_in(folder).regions[0], volumes=(volume,))
    return replace(config_in(folder), regions=(region,))


@contextmanager
def dedup_server(folder: Path, dedup: str, *groups: str) -> Iterator[list[WireClient]]:
    """A server and a client in each resource group."""
    with (
        server_thread(dedup_config(folder, dedup), make_content) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        yield [WireClient(channel, group) for group in groups]


def only(wire: WireClient) -> pb.Volume:
    (volume,) = wire.volumes("eastus")
    return volume


@pytest.mark.parametrize("dedup", ["volume", "scope"])
def test_groups_share_chunks_only_where_the_volume_says_so(
    tmp_path: Path, image: Image, data: bytes, dedup: str
) -> None:
    shares = dedup == "volume"
    with dedup_server(tmp_path, dedup, "one", "two") as (one, two):
        one.push("disk", image)
        before = only(one)
        two.push("disk", image)
        after = only(two)
        assert (after.records == before.records) == shares
        assert (after.stored_bytes - before.stored_bytes < MIB) == shares
        for wire in (one, two):
            wire.prepare_gallery()
            wire.publish("1.0.0", "disk", eastus=1)
            assert wire.fetch(wire.disk_name("disk")) == data
            assert wire.fetch_in_one(wire.version_name("latest"), "eastus") == data
        assert only(one).records == after.records
    assert made_dedup(tmp_path / "only") == dedup


def test_a_volume_that_shares_more_than_configured_stays_offline(tmp_path: Path, image: Image, data: bytes) -> None:
    with dedup_server(tmp_path, "volume", "group") as (wire,):
        wire.push("disk", image)
    with dedup_server(tmp_path, "scope", "group") as (wire,):
        volume = only(wire)
        assert volume.state == pb.Volume.STATE_OFFLINE
        assert 'made with dedup = "volume"' in volume.details
        assert 'the configuration says "scope"' in volume.details
    with dedup_server(tmp_path, "volume", "group") as (wire,):
        assert wire.fetch(wire.disk_name("disk")) == data


def test_a_volume_that_shares_less_than_configured_is_used_with_a_warning(
    tmp_path: Path, image: Image, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with dedup_server(tmp_path, "scope", "group") as (wire,):
        wire.push("disk", image)
    with caplog.at_level(logging.WARNING), dedup_server(tmp_path, "volume", "group") as (wire,):
        assert wire.fetch(wire.disk_name("disk")) == data
    (told,) = [record.getMessage() for record in caplog.records if record.name == check_dedup.__module__]
    assert 'made with dedup = "scope"' in told
    assert 'the configuration says "volume"' in told
    assert made_dedup(tmp_path / "only") == "scope"


def test_what_is_refused_is_told_with_the_folder_and_both_values(tmp_path: Path) -> None:
    open_local_volume(tmp_path, RocksShared()).close()
    with pytest.raises(DedupTooWide) as caught:
        check_dedup(VolumeConfig("v", "1", tmp_path, dedup="scope"))
    assert (caught.value.path, caught.value.made, caught.value.configured) == (tmp_path, "volume", "scope")


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"dedup": "other"}', '{"dedup": ["scope"]}', "{" * 100_000])
def test_where_no_volume_can_be_read_its_opening_says_so(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "meta").mkdir()
        (tmp_path / "meta" / "volume.json").write_text(text)
    assert made_dedup(tmp_path) is None
    check_dedup(VolumeConfig("v", "1", tmp_path, dedup="scope"))
