"""Connections that break, stall or stop being read; clients that meet; things that are deleted while they are used."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from galleria.v1.disks_pb2 import BeginPushRequest, CommitPushRequest, Disk, PushSession
from galleria.v1.disks_pb2_grpc import DisksStub
from galleria.v1.image_versions_pb2 import ImageVersion
from galleria.v1.publishing_pb2 import TargetRegion
from galleria_client import Client
from galleria_client._sync.transport import Transport
from galleria_client.errors import InUse, WrongState
from tests.support.e2e import PLACE, Proxy, make_definition
from tests.support.images import MIB, assert_same, noise_file
from tests.support.installation import check_installation
from tests.support.processes import SECONDS, Server

pytestmark = pytest.mark.xdist_group("streams-cut")

SEGMENT = 64 * MIB
SIZE = 200 * MIB
TO = ("-g", "images", "-l", "eastus")
GROUP = "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/images"
PULL = ("image-version", "pull", *PLACE, "-e", "1.0.0", "--region", "eastus", "--output")
BETWEEN = 24 * MIB
"""What may be under way in the buffers of both sides, the proxy and the kernel."""


@pytest.fixture(scope="module")
def impatient_server(module_folder: Path) -> Iterator[Server]:
    """A server that ends a stream on which nothing moves for 2 seconds."""
    with Server(module_folder, {"LIMITS__IDLE_TIMEOUT": "2s"}) as server:
        yield server
        server.kill()
        assert check_installation(server.data) > 0


@pytest.fixture(scope="module")
def published(impatient_server: Server, module_folder: Path) -> Path:
    """An image that is the version 1.0.0 in eastus."""
    image = noise_file(module_folder / "image.raw", SIZE)
    galleria = impatient_server.galleria
    make_definition(galleria)
    galleria.ok("disk", "push", str(image), "published", *TO)
    galleria.ok("image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "published")
    return image


@pytest.fixture
def server(impatient_server: Server) -> Server:
    return impatient_server


@pytest.fixture
def proxy(impatient_server: Server) -> Iterator[Proxy]:
    with Proxy(impatient_server.port) as proxy:
        yield proxy


@contextmanager
def disks_of(server: Server) -> Iterator[tuple[Transport, DisksStub]]:
    """The service Disks, for calls that the library does not have."""
    transport = Transport(server.endpoint)
    yield transport, DisksStub(transport.channel)
    transport.close()


def begin_push(server: Server, disk: str) -> PushSession:
    with disks_of(server) as (transport, stub):
        return transport.unary(stub.BeginPush, BeginPushRequest(disk=f"{GROUP}/disks/{disk}"), repeat=False)


def commit_push(server: Server, session: str, layout: bytes) -> Disk:
    with disks_of(server) as (transport, stub):
        return transport.unary(stub.CommitPush, CommitPushRequest(session=session, layout=layout), repeat=False)


def durable_segments(server: Server, disk: str) -> set[int]:
    """Segments of an open push that the server has told, or will tell, durable."""
    bits = begin_push(server, disk).durable_segments
    return {number for number in range(8 * len(bits)) if bits[number // 8] >> number % 8 & 1}


@pytest.mark.parametrize(("after", "complete"), [(20, 0), (90, 1), (170, 2)])
def test_a_push_goes_on_and_sends_again_only_what_was_not_durable(
    server: Server, proxy: Proxy, tmp_path: Path, after: int, complete: int
) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=after)
    proxy.hold_after(up=after * MIB)
    with proxy.galleria.begin("disk", "push", str(image), f"cut-{after}", *TO) as push:
        proxy.wait_until_held()
        durable = durable_segments(server, f"cut-{after}")
        while len(durable) < complete:
            # What has arrived is made durable after five seconds at the latest; pytest's timeout bounds this.
            durable = durable_segments(server, f"cut-{after}")
        before = proxy.up
        proxy.cut()
        report = push.json()["push"]
    left = sum(min(SEGMENT, SIZE - SEGMENT * number) for number in range(4) if number not in durable)
    assert report["breaks"] >= 1
    assert proxy.up - before <= 1.01 * left + MIB
    assert server.galleria.json("disk", "verify", f"cut-{after}", "-g", "images")["fetchedBytes"] == SIZE


def test_a_push_over_two_streams_survives_several_cuts(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=2)
    proxy.hold_after(up=30 * MIB)
    with proxy.galleria.begin("disk", "push", str(image), "twice", *TO, "--streams", "2") as push:
        for _ in range(3):
            proxy.wait_until_held()
            proxy.hold_after(up=40 * MIB)
            proxy.cut()
        proxy.wait_until_held()
        proxy.release()
        pushed = push.json()
    assert pushed["push"]["breaks"] >= 3
    assert server.galleria.json("disk", "verify", "twice", "-g", "images")["digest"] == pushed["disk"]["digest"]


@pytest.mark.parametrize("after", [0, 1, 90])
def test_a_pull_goes_on_over_cuts(proxy: Proxy, published: Path, tmp_path: Path, after: int) -> None:
    out = tmp_path / "out.raw"
    proxy.hold_after(down=after * MIB + 5000)
    with proxy.galleria.begin(*PULL, str(out)) as pull:
        proxy.wait_until_held()
        proxy.hold_after(down=60 * MIB)
        proxy.cut()
        proxy.wait_until_held()
        proxy.cut()
        report = pull.json()
    assert_same(published, out)
    assert report["breaks"] >= 1
    assert proxy.down <= 1.01 * SIZE + 2 * BETWEEN


def test_a_push_that_stalls_goes_on(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=3)
    told = len(server.lines)
    proxy.hold_after(up=90 * MIB)
    with proxy.galleria.begin("disk", "push", str(image), "stalled", *TO) as push:
        proxy.wait_until_held()
        server.wait_for_line(r"Disks/Push code=DEADLINE_EXCEEDED reason=IDLE", told)
        proxy.release()
        pushed = push.json()
    assert pushed["push"]["breaks"] >= 1
    assert server.galleria.json("disk", "verify", "stalled", "-g", "images")["digest"] == pushed["disk"]["digest"]


@pytest.mark.parametrize("how", ["network", "process"])
def test_a_client_that_stops_reading_is_left_and_comes_back(
    server: Server, proxy: Proxy, published: Path, tmp_path: Path, how: str
) -> None:
    out = tmp_path / "out.raw"
    told, idle = len(server.lines), server.memory("VmRSS")
    server.forget_peak()
    proxy.hold_after(down=50 * MIB)
    with proxy.galleria.begin(*PULL, str(out)) as pull:
        proxy.wait_until_held()
        if how == "process":
            pull.send(signal.SIGSTOP)
            proxy.release()
        server.wait_for_line(r"Contents/ReadChunks code=(CANCELLED|DEADLINE_EXCEEDED)", told)
        # Meanwhile others are served, and what the client does not take is not kept for it.
        assert server.galleria.ok("region", "list")
        assert server.memory("VmHWM") < idle + 150 * MIB
        pull.send(signal.SIGCONT)
        proxy.release()
        report = pull.json()
    assert report["breaks"] >= 1
    assert_same(published, out)


def test_two_pushes_of_the_same_content_at_once(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=4)
    proxy.hold_after(up=50 * MIB)
    with (
        proxy.galleria.begin("disk", "push", str(image), "one", *TO) as first,
        server.galleria.begin("disk", "push", str(image), "other", *TO) as second,
    ):
        proxy.wait_until_held()
        proxy.release()
        digests = {push.json()["disk"]["digest"] for push in (first, second)}
    assert len(digests) == 1
    for disk in ("one", "other"):
        assert server.galleria.json("disk", "verify", disk, "-g", "images")["digest"] in digests


def test_a_push_is_ended_once_and_only_its_own_layout_may_end_it_again(server: Server, tmp_path: Path) -> None:
    noise_file(tmp_path / "other.raw", MIB, seed=11)
    image = noise_file(tmp_path / "image.raw", MIB, seed=12)
    with Client(server.endpoint) as client:
        other = client.disks.push(tmp_path / "other.raw", f"{GROUP}/disks/other-layout", location="eastus").disk
        client.disks.create(GROUP, "ended", Disk(location="eastus"))
        session = begin_push(server, "ended").session
        ended = client.disks.push(image, f"{GROUP}/disks/ended", location="eastus").disk
        layouts = [client.contents.layout(disk.name).layout for disk in (ended, other)]
    assert commit_push(server, session, layouts[0]) == ended
    with pytest.raises(WrongState, match="disks/ended is ready"):
        commit_push(server, session, layouts[1])


def test_two_pushes_of_different_content_to_the_same_disk(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=6)
    other = noise_file(tmp_path / "other.raw", SIZE, seed=7)
    proxy.hold_after(up=70 * MIB)
    with proxy.galleria.begin("disk", "push", str(image), "disputed", *TO) as first:
        proxy.wait_until_held()
        second = server.galleria.json("disk", "push", str(other), "disputed", *TO)["disk"]
        proxy.release()
        loser = first.finish()
    assert loser.code == 4, loser
    assert "disputed" in loser.err
    assert server.galleria.json("disk", "show", "disputed", "-g", "images") == second


def test_two_pulls_to_the_same_file(server: Server, proxy: Proxy, published: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.raw"
    proxy.hold_after(down=50 * MIB)
    with proxy.galleria.begin(*PULL, str(out)) as first:
        proxy.wait_until_held()
        assert "another pull is writing" in server.galleria.refused(4, *PULL, str(out))
        proxy.release()
        assert first.json()["fetchedBytes"] == SIZE
    assert_same(published, out)


def test_deleting_the_disk_that_is_being_pushed(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=8)
    proxy.hold_after(up=70 * MIB)
    with proxy.galleria.begin("disk", "push", str(image), "doomed", *TO) as push:
        proxy.wait_until_held()
        server.galleria.ok("disk", "delete", "doomed", "-g", "images", "-y")
        proxy.release()
        done = push.finish()
    assert done.code == 3, done
    assert "doomed" in done.err
    assert "doomed" in server.galleria.refused(3, "disk", "show", "doomed", "-g", "images")
    assert server.galleria.json("disk", "push", str(image), "doomed", *TO)["disk"]["occupiedBytes"] == SIZE


def test_deleting_what_is_being_pulled(server: Server, proxy: Proxy, published: Path, tmp_path: Path) -> None:
    galleria, out = server.galleria, tmp_path / "out.raw"
    create = ("image-version", "create", *PLACE, "-e", "0.9.0", "--os-disk", "published")
    pull = ("image-version", "pull", *PLACE, "-e", "0.9.0", "--region", "eastus", "--output", str(out))
    galleria.ok(*create)
    proxy.hold_after(down=50 * MIB)
    with proxy.galleria.begin(*pull) as pulling:
        proxy.wait_until_held()
        galleria.ok("image-version", "delete", *PLACE, "-e", "0.9.0", "-y")
        proxy.release()
        assert pulling.json()["breaks"] == 0
    assert_same(published, out)
    assert "0.9.0" in galleria.refused(3, *pull, "--force")


@pytest.mark.usefixtures("published")
def test_what_a_version_is_being_made_from_is_not_deleted(server: Server) -> None:
    targets = [TargetRegion(region=region, replica_count=3) for region in ("eastus", "westeurope", "westus")]
    wanted = ImageVersion(os_disk=f"{GROUP}/disks/published", target_regions=targets)
    with Client(server.endpoint) as client:
        operation = client.galleries.create_version(f"{GROUP}/galleries/prod/images/debian", "0.8.0", wanted)
        with pytest.raises(InUse):
            client.disks.delete(f"{GROUP}/disks/published")
        assert operation.result(SECONDS).digest


@pytest.mark.slow
def test_a_push_over_a_connection_that_is_dead_without_a_word_goes_on(
    server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    image = noise_file(tmp_path / "image.raw", SIZE, seed=9)
    proxy.hold_after(up=90 * MIB)
    with proxy.galleria.begin("disk", "push", str(image), "dead", *TO) as push:
        pushed = push.json(timeout=200)
    assert pushed["push"]["breaks"] >= 1
    assert server.galleria.json("disk", "verify", "dead", "-g", "images")["fetchedBytes"] == SIZE


@pytest.mark.slow
def test_a_pull_over_a_connection_that_is_dead_without_a_word_goes_on(
    proxy: Proxy, published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.raw"
    proxy.hold_after(down=90 * MIB)
    with proxy.galleria.begin(*PULL, str(out)) as pull:
        assert pull.json(timeout=200)["breaks"] >= 1
    assert_same(published, out)
