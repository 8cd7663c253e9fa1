"""Garbage on a server: what was deleted gives its bytes back, when asked and in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc

from galleria.v1 import installation_pb2 as pb
from galleria_server.content import make_content
from tests.server.refusals import refused
from tests.support.server_thread import config_in, server_thread
from tests.support.wire_client import Image, WireClient, eventually


@contextmanager
def serving(folder: Path, collect_every: float) -> Iterator[WireClient]:
    """A server that removes what it has condemned at once."""
    config = config_in(folder)
    limits = replace(config.limits, collect_every=collect_every, condemned_for=0.0)
    with (
        server_thread(replace(config, limits=limits), make_content) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        yield WireClient(channel, "group")


def holding(wire: WireClient, name: str = "") -> pb.Volume:
    """The volume of that name, or the one that has a root."""
    return next(volume for volume in wire.volumes() if (volume.name == name if name else volume.roots))


def collect(wire: WireClient, name: str) -> pb.CollectVolumeResponse:
    return wire.operators.CollectVolume(pb.CollectVolumeRequest(name=name))


def delete(wire: WireClient, disk: str, volume: str) -> None:
    """Delete a disk, and wait until its root is given up."""
    wire.delete_disk(disk)
    eventually(lambda: holding(wire, volume).roots == 0)


def packs_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.parent.name in ("packs", "pages"))


def test_a_deleted_disk_gives_its_bytes_back_when_asked(tmp_path: Path, image: Image) -> None:
    with serving(tmp_path, collect_every=3600) as wire:
        wire.push("disk", image)
        volume = holding(wire)
        size = packs_in(tmp_path)
        assert collect(wire, volume.name).condemned_bytes == 0
        delete(wire, "disk", volume.name)
        found = collect(wire, volume.name)
        assert (found.condemned_bytes, found.packs_bytes, found.garbage_bytes, found.held_packs) == (size, size, 0, 0)
        shown = holding(wire, volume.name)
        assert shown.condemned_bytes == size
        assert shown.oldest_condemned_time.seconds > 0
        assert collect(wire, volume.name.upper()).removed_bytes == size
        after = holding(wire, volume.name)
        assert (after.condemned_bytes, after.records) == (0, 0)
        assert after.stored_bytes <= volume.stored_bytes - size
        assert not after.HasField("oldest_condemned_time")
        assert packs_in(tmp_path) == 0


def test_a_deleted_disk_gives_its_bytes_back_in_time(tmp_path: Path, image: Image) -> None:
    with serving(tmp_path, collect_every=1) as wire:
        wire.push("disk", image)
        volume = holding(wire)
        size = packs_in(tmp_path)
        delete(wire, "disk", volume.name)
        # Not their sizes: a file may go while it is looked at.
        eventually(lambda: not [path for path in tmp_path.rglob("*") if path.parent.name in ("packs", "pages")])
        eventually(lambda: holding(wire, volume.name).stored_bytes <= volume.stored_bytes - size)


def test_a_push_under_way_is_shown_and_keeps_what_it_brought(tmp_path: Path, image: Image) -> None:
    with serving(tmp_path, collect_every=3600) as wire:
        wire.create_disk("disk")
        session = wire.begin("disk").session
        stream = wire.open(session)
        stream.push(image.segments)
        volume = next(volume for volume in wire.volumes() if volume.records)
        assert volume.HasField("oldest_lease_time")
        size = packs_in(tmp_path)
        assert collect(wire, volume.name).condemned_bytes == 0
        assert packs_in(tmp_path) == size
        stream.close()


def test_a_root_that_cannot_be_read_stops_collection(tmp_path: Path, image: Image) -> None:
    with serving(tmp_path, collect_every=3600) as wire:
        wire.push("disk", image)
        volume = holding(wire)
        (root,) = tmp_path.rglob("roots/*")
        root.write_bytes(b"damaged")
        with refused("FAILED_PRECONDITION", "COLLECTION_STOPPED"):
            collect(wire, volume.name)


def test_only_a_volume_that_is_there_can_be_collected(wire: WireClient) -> None:
    with refused("NOT_FOUND", "NOT_FOUND"):
        collect(wire, "regions/eastus/volumes/none")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        collect(wire, "eastus-1")
