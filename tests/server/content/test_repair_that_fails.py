"""A repair that does not come to its end makes no copy READY that lacks something, and leaves none so."""

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from prometheus_client import CollectorRegistry

from galleria.v1 import installation_pb2
from galleria_server.config import VolumeConfig
from galleria_server.content import LocalContent, make_content
from galleria_server.domain.models import Copy, CopyState
from galleria_server.foundation import Foundation
from galleria_server.reconciler.repairing import Lacking, Repairs
from galleria_server.volumes.mount import Mount
from galleria_server.volumes.registry import Volumes
from galleria_storage.index import RocksShared
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.objects.store import Space
from galleria_storage.volume import Volume, open_local_volume
from tests.server.content.test_repair import missing, mounts_of, names_in, published, rot, rows_of, scrub
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.volumes import Clock
from tests.support.wire_client import Image, WireClient, eventually


@pytest.fixture
def content(tmp_path: Path) -> Iterator[ContentServer]:
    with server_thread(config_in(tmp_path), make_content) as server:
        yield server


def test_a_copy_that_could_not_be_repaired_for_want_of_room_is_out_of_service_until_there_is_some(
    wire: WireClient, content: ContentServer, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(wire, image, westus=1, westeurope=1)
    first, second = mounts_of(wire, content)
    with monkeypatch.context() as full:
        full.setattr(LocalObjectStore, "space", lambda _: Space(1 << 40, 0))
        rot(wire, first, names_in(image)[0])
        content.run(first.mend(first))
        states = {row.region: row.state for row in rows_of(wire, content)}
        assert states == {first.region: CopyState.PENDING, second.region: CopyState.READY}
        status = {status.region: status for status in wire.get_version("1.0.0").replication}
        assert not status[first.region].usable
        assert "no room" in status[first.region].replicas[0].copies[0].details
    content.run(first.mend(first))
    eventually(lambda: {row.state for row in rows_of(wire, content)} == {CopyState.READY})
    assert missing(wire, first) == 0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(tmp_path: Path, clock: Clock) -> Iterator[ContentServer]:
    """A server whose volumes have a time of their own."""
    shared = RocksShared()

    def opened(volume: VolumeConfig, *, rebuild: bool) -> Volume:
        return open_local_volume(volume.path, shared, clock=clock, rebuild=rebuild)

    def make(foundation: Foundation) -> LocalContent:
        return LocalContent(foundation, Volumes(foundation.config.regions, opened))

    with server_thread(config_in(tmp_path), make) as server:
        yield server


def test_a_repair_that_lasts_longer_than_its_lease_is_not_taken_for_a_whole_one(
    timed: ContentServer, clock: Clock, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    with grpc.insecure_channel(timed.target) as channel:
        wire = WireClient(channel, "group")
        published(wire, image, westus=1, westeurope=1)
        first, _ = mounts_of(wire, timed)
        first.mend = leave
        (root,) = first.volume.roots()
        rot(wire, first, names_in(image)[0])
        repairs = repairs_of(timed)
        with monkeypatch.context() as late:
            late.setattr(first, "going_on", lambda: setattr(clock, "now", clock.now + 3600))
            with pytest.raises(Lacking):
                timed.run(repairs.complete(first, root.id))
        found = timed.run(repairs.complete(first, root.id))
        assert found is not None
        assert missing(wire, first) == 0


def test_a_copy_whose_root_could_not_be_read_when_the_index_was_made_again_is_made_anew(
    wire: WireClient, content: ContentServer, image: Image, data: bytes
) -> None:
    version = published(wire, image, westus=1, westeurope=1)
    first, _ = mounts_of(wire, content)
    (root,) = first.volume.roots()
    path = first.config.path / "roots" / root.id.hex
    kept = path.read_bytes()
    path.write_bytes(kept[:-1])
    name = f"regions/{first.region}/volumes/{first.name}"
    wire.operators.RebuildVolume(installation_pb2.RebuildVolumeRequest(name=name), timeout=60)
    assert not first.volume.roots()
    # Whoever reads it has it from the other copy, and finds out.
    assert wire.fetch(version, first.region) == data
    eventually(lambda: [found.id for found in first.volume.roots()] == [root.id])
    eventually(lambda: {row.state for row in rows_of(wire, content)} == {CopyState.READY})
    assert len(path.read_bytes()) == len(kept)
    assert missing(wire, first) == 0


def was_tried(row: Copy) -> bool:
    return row.state is CopyState.PENDING and row.attempts > 0 and "abandon the root" in row.details


async def leave(_: Mount) -> None:
    return


def repairs_of(server: ContentServer) -> Repairs:
    """The server's repairs, to be asked apart from it."""
    at = server.foundation
    return Repairs(at.metadata, server.content.volumes, at.bell, at.clock, CollectorRegistry(), server.content.wake)


@pytest.mark.parametrize("look", [scrub, missing])
def test_a_copy_whose_root_cannot_be_read_is_out_of_service_until_it_can(
    wire: WireClient,
    content: ContentServer,
    image: Image,
    data: bytes,
    look: Callable[[WireClient, Mount], object],
) -> None:
    version = published(wire, image, westus=1, westeurope=1)
    first, second = mounts_of(wire, content)
    (root,) = first.volume.roots()
    # It is in memory, too.
    assert first.volume.root(root.id) is not None
    path = first.config.path / "roots" / root.id.hex
    kept = path.read_bytes()
    path.write_bytes(kept[:-1])
    look(wire, first)
    content.run(first.mend(first))
    # The reconciler has tried it again, and has found it so still.
    (row,) = eventually(lambda: [row for row in rows_of(wire, content) if was_tried(row)])
    assert row.region == first.region
    assert {row.region for row in rows_of(wire, content) if row.state is CopyState.READY} == {second.region}
    status = {status.region: status for status in wire.get_version("1.0.0").replication}
    assert not status[first.region].usable
    path.write_bytes(kept)
    content.run(first.mend(first))
    eventually(lambda: {row.state for row in rows_of(wire, content)} == {CopyState.READY})
    assert wire.fetch(version, first.region) == data
