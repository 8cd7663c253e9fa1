"""Rot in one copy is repaired from another; what no copy has takes copies out of service until it comes again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import grpc
import pytest

from galleria.v1 import contents_pb2 as pb
from galleria.v1 import installation_pb2, publishing_pb2
from galleria_server.content import make_content
from galleria_server.domain.models import Copy, CopyState
from galleria_server.metadata import copies
from galleria_server.volumes.mount import Mount
from tests.server.refusals import refused
from tests.support.rot import rot_packs, rot_records
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, WireClient, eventually


@pytest.fixture
def content(tmp_path: Path) -> Iterator[ContentServer]:
    """A server for each test: rot spreads to whatever shares the chunks."""
    with server_thread(config_in(tmp_path), make_content) as server:
        yield server


def published(wire: WireClient, image: Image, **regions: int) -> str:
    """A version with copies in these regions, whose source disk is gone."""
    wire.prepare_gallery()
    wire.push("disk", image)
    wire.publish("1.0.0", "disk", **regions)
    wire.delete_disk("disk")
    return wire.version_name("1.0.0")


def rows_of(wire: WireClient, content: ContentServer) -> list[Copy]:
    return content.read(copies.of_version, UUID(wire.get_version("1.0.0").uid))


def mounts_of(wire: WireClient, content: ContentServer) -> list[Mount]:
    return [content.mount(row.region, row.volume) for row in rows_of(wire, content)]


def rot(wire: WireClient, mount: Mount, *names: bytes) -> None:
    """Spoil records on a volume, and let it find that out."""
    assert rot_records(mount.config.path, *names) == len(names)
    scrub(wire, mount)


def scrub(wire: WireClient, mount: Mount) -> None:
    request = installation_pb2.ScrubVolumeRequest(name=f"regions/{mount.region}/volumes/{mount.name}")
    assert list(wire.operators.ScrubVolume(request, timeout=60))[-1].done


def missing(wire: WireClient, mount: Mount) -> int:
    request = installation_pb2.VerifyVolumeRequest(name=f"regions/{mount.region}/volumes/{mount.name}")
    return list(wire.operators.VerifyVolume(request, timeout=60))[-1].missing


def repaired(content: ContentServer, mount: Mount) -> float:
    """How many records were repaired on a volume, by the metric."""
    labels = {"region": mount.region, "volume": mount.name}
    return content.foundation.metrics.get_sample_value("galleria_repaired_records_total", labels) or 0.0


def states(wire: WireClient, content: ContentServer) -> set[CopyState]:
    return {row.state for row in rows_of(wire, content)}


def names_in(image: Image, segment: int = 0) -> list[bytes]:
    return [name for name, _ in image.segments[segment].chunks]


@pytest.mark.parametrize("regions", [{"eastus": 2}, {"westus": 1, "westeurope": 1}], ids=["same", "another"])
def test_rot_in_one_copy_is_repaired_from_the_other(
    wire: WireClient, content: ContentServer, image: Image, data: bytes, regions: dict[str, int]
) -> None:
    version = published(wire, image, **regions)
    first, second = mounts_of(wire, content)
    rot(wire, first, *names_in(image)[:3])
    eventually(lambda: repaired(content, first) == 3)
    assert missing(wire, first) == repaired(content, second) == 0
    assert states(wire, content) == {CopyState.READY}
    rot_packs(second.config.path)
    assert wire.fetch(version, first.region) == data


def test_pages_are_repaired(wire: WireClient, content: ContentServer, image: Image) -> None:
    published(wire, image, westus=1, westeurope=1)
    first, _ = mounts_of(wire, content)
    rot(wire, first, *(segment.name for segment in image.segments))
    eventually(lambda: repaired(content, first) == len(image.segments))
    assert missing(wire, first) == 0


def test_what_a_reader_finds_is_repaired(wire: WireClient, content: ContentServer, image: Image, data: bytes) -> None:
    version = published(wire, image, westus=1, westeurope=1)
    first, _ = mounts_of(wire, content)
    assert rot_records(first.config.path, names_in(image)[0]) == 1
    assert wire.fetch(version, first.region) == data
    eventually(lambda: repaired(content, first) == 1)


def test_rot_at_different_chunks_heals_both(wire: WireClient, content: ContentServer, image: Image) -> None:
    published(wire, image, westus=1, westeurope=1)
    first, second = mounts_of(wire, content)
    names = names_in(image)
    assert rot_records(second.config.path, names[1], names[2]) == 2
    rot(wire, first, names[0])
    scrub(wire, second)
    eventually(lambda: (repaired(content, first), repaired(content, second)) == (1, 2))
    eventually(lambda: states(wire, content) == {CopyState.READY})
    assert missing(wire, first) == missing(wire, second) == 0


def test_a_disk_is_repaired_from_another_disk_of_the_same_bytes_in_another_group(
    wire: WireClient, content: ContentServer, image: Image, data: bytes
) -> None:
    other = WireClient(grpc.insecure_channel(content.target), "another-group")
    wire.push("one", image)
    other.push("two", image, "westus")
    (mount,) = [mount for mount in content.content.volumes if mount.region == "eastus" and roots_on(mount)]
    rot(wire, mount, names_in(image)[0])
    eventually(lambda: repaired(content, mount) == 1)
    assert wire.fetch(wire.disk_name("one")) == data


def roots_on(mount: Mount) -> Sequence[object]:
    return mount.volume.roots()


@pytest.fixture
def scoped(tmp_path: Path) -> Iterator[ContentServer]:
    """A server whose volumes share nothing between groups."""
    config = config_in(tmp_path)
    regions = tuple(
        replace(region, volumes=tuple(replace(volume, dedup="scope") for volume in region.volumes))
        for region in config.regions
    )
    with server_thread(replace(config, regions=regions), make_content) as server:
        yield server


def test_where_groups_share_nothing_no_group_is_repaired_from_another(scoped: ContentServer, image: Image) -> None:
    wire, other = (WireClient(grpc.insecure_channel(scoped.target), group) for group in ("one", "two"))
    wire.push("one", image)
    other.push("two", image, "westus")
    (mount,) = [mount for mount in scoped.content.volumes if mount.region == "eastus" and roots_on(mount)]
    rot(wire, mount, names_in(image)[0])
    scoped.run(mount.mend(mount))
    assert missing(wire, mount) == 1
    wire.push("third", image, "westus")
    scoped.run(mount.mend(mount))
    assert missing(wire, mount) == 0


def test_what_a_group_shares_with_nobody_repairs_no_other_group(tmp_path: Path, image: Image) -> None:
    config = config_in(tmp_path)
    regions = tuple(
        replace(region, volumes=tuple(replace(volume, dedup="scope") for volume in region.volumes))
        if region.name == "westus"
        else region
        for region in config.regions
    )
    with (
        server_thread(replace(config, regions=regions), make_content) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        wire, other = WireClient(channel, "one"), WireClient(channel, "two")
        wire.push("one", image)
        other.push("two", image, "westus")
        (mount,) = [mount for mount in server.content.volumes if mount.region == "eastus" and roots_on(mount)]
        rot(wire, mount, names_in(image)[0])
        server.run(mount.mend(mount))
        assert missing(wire, mount) == 1
        wire.push("third", image, "westus")
        server.run(mount.mend(mount))
        assert missing(wire, mount) == 0


def lost_everywhere(wire: WireClient, content: ContentServer, image: Image) -> tuple[str, Mount, Mount]:
    """A version all whose copies lack the same chunk, and the volumes."""
    version = published(wire, image, westus=1, westeurope=1)
    first, second = mounts_of(wire, content)
    lost = names_in(image)[0]
    assert rot_records(second.config.path, lost) == 1
    rot(wire, first, lost)
    scrub(wire, second)
    eventually(lambda: all(told(row) for row in rows_of(wire, content)))
    return version, first, second


def told(row: Copy) -> bool:
    return row.state is CopyState.PENDING and "can be read: 1" in row.details


def test_what_no_copy_has_is_told_and_takes_the_copies_out_of_service(
    wire: WireClient, content: ContentServer, image: Image, data: bytes
) -> None:
    version, *_ = lost_everywhere(wire, content, image)
    found = wire.get_version("1.0.0")
    assert found.provisioning_state == publishing_pb2.PROVISIONING_STATE_SUCCEEDED
    assert [status.usable for status in found.replication] == [False, False]
    assert all("can be read: 1" in status.replicas[0].copies[0].details for status in found.replication)
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        wire.fetch(wire.version_name("latest"), "westus")
    with refused("DATA_LOSS", "DATA_LOSS"):
        wire.fetch(version, "westus")
    # Only the range is lost that has no good copy.
    other = image.segments[1].number
    assert wire.read_chunks(wire.source(version, "westus"), [pb.WantChunks(segment=other)])[-1].segment_done
    length = len(data) - other * image.layout.rule.segment
    assert wire.fetch_range(version, "westus", len(data) - length) == data[-length:]


def test_copies_out_of_service_are_healed_by_the_next_push_of_the_same_bytes(
    wire: WireClient, content: ContentServer, image: Image, data: bytes
) -> None:
    version, first, second = lost_everywhere(wire, content, image)
    wire.push("again", image, first.region)
    eventually(lambda: states(wire, content) == {CopyState.READY}, 60)
    assert missing(wire, first) == missing(wire, second) == 0
    assert {row.details for row in rows_of(wire, content)} == {""}
    for region in (first.region, second.region):
        assert wire.fetch(version, region) == data


def test_a_copy_out_of_service_survives_a_restart_and_is_deleted_as_any_other(tmp_path: Path, image: Image) -> None:
    with server_thread(config_in(tmp_path), make_content) as server, grpc.insecure_channel(server.target) as channel:
        lost_everywhere(WireClient(channel, "group"), server, image)
    with server_thread(config_in(tmp_path), make_content) as server, grpc.insecure_channel(server.target) as channel:
        wire = WireClient(channel, "group")
        eventually(lambda: all(told(row) for row in rows_of(wire, server)))
        wire.delete_version("1.0.0")
        assert not any(volume.roots for volume in wire.volumes())


def test_a_version_is_copied_from_sources_that_each_lack_a_chunk(
    wire: WireClient, content: ContentServer, image: Image, data: bytes
) -> None:
    wire.prepare_gallery()
    wire.push("one", image)
    wire.publish("1.0.0", "one", westus=1)
    names = names_in(image)
    (home,) = [mount for mount in content.content.volumes if mount.region == "eastus" and roots_on(mount)]
    (copy,) = mounts_of(wire, content)
    # Nobody has found it out when the next copy begins.
    assert rot_records(home.config.path, names[0]) == rot_records(copy.config.path, names[1]) == 1
    wire.wait(wire.create_version("1.0.1", "one", westeurope=1))
    assert wire.fetch(wire.version_name("1.0.1"), "westeurope") == data
