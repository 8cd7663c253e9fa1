"""Operations are watched as they go on, and told with their pace and cost."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from google.longrunning import operations_pb2 as lro

from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import operation_watches_pb2 as pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.operation_watches_pb2_grpc import OperationWatchesStub
from galleria_server.clock import utc_now
from galleria_server.domain.models import Operation, OperationState, Verb
from galleria_server.domain.progress import Pace, pace
from galleria_server.metadata import copies
from tests.server.catalogue_client import OCCUPIED, CatalogueClient, claim_all, finish_copies, target
from tests.server.empty_volumes import CatalogueServer
from tests.server.refusals import refused
from tests.server.test_version_updates import add_regions

REGIONS = (target("eastus"), target("westus"), target("westeurope", 2))


@pytest.fixture
def watches(running: CatalogueServer) -> Iterator[OperationWatchesStub]:
    with grpc.insecure_channel(running.target) as channel:
        yield OperationWatchesStub(channel)


def metadata_of(operation: lro.Operation) -> publishing_pb.VersionMetadata:
    metadata = publishing_pb.VersionMetadata()
    assert operation.metadata.Unpack(metadata)
    return metadata


def finish(client: CatalogueClient, region: str) -> None:
    client.running.write(finish_copies, UUID(client.version("1.0.0").uid), region)
    client.running.ring()


def test_each_change_is_told_until_the_end(client: CatalogueClient, watches: OperationWatchesStub) -> None:
    client.prepare()
    operation = client.create_version("1.0.0", REGIONS)
    stream = watches.WatchOperation(pb.WatchOperationRequest(name=operation.name))
    first = next(stream)
    assert (first.operation.name, first.operation.done, list(first.usable_regions)) == (operation.name, False, [])
    finish(client, "westus")
    second = next(answer for answer in stream if answer.usable_regions)
    assert list(second.usable_regions) == ["westus"]
    assert metadata_of(second.operation).done_bytes == OCCUPIED
    finish(client, "eastus")
    finish(client, "westeurope")
    *_, last = stream
    assert last.operation.done
    assert (last.reached, list(last.usable_regions)) == (False, ["eastus", "westus", "westeurope"])


def test_an_operation_that_has_ended_is_told_once(client: CatalogueClient, watches: OperationWatchesStub) -> None:
    client.prepare()
    operation = client.create_version("1.0.0")
    client.replicate("1.0.0")
    (only,) = watches.WatchOperation(pb.WatchOperationRequest(name=operation.name))
    assert only.operation.done


def test_a_wait_for_regions_ends_with_them(client: CatalogueClient, watches: OperationWatchesStub) -> None:
    client.prepare()
    operation = client.create_version("1.0.0", REGIONS)
    asked = pb.WatchOperationRequest(name=operation.name, regions=["West US", "eastus"])
    stream = watches.WatchOperation(asked)
    assert not next(stream).reached
    finish(client, "westus")
    finish(client, "eastus")
    *_, last = stream
    assert (last.reached, last.operation.done) == (True, False)


def test_a_wait_for_any_two_regions_ends_with_them(client: CatalogueClient, watches: OperationWatchesStub) -> None:
    client.prepare()
    operation = client.create_version("1.0.0", REGIONS)
    finish(client, "westeurope")
    stream = watches.WatchOperation(pb.WatchOperationRequest(name=operation.name, min_regions=2))
    assert not next(stream).reached
    finish(client, "eastus")
    *_, last = stream
    assert last.reached
    assert set(last.usable_regions) == {"westeurope", "eastus"}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.WatchOperationRequest(regions=["westus"]), "regions[0]"),
        (pb.WatchOperationRequest(min_regions=2), "min_regions"),
    ],
    ids=["regions", "number"],
)
def test_what_never_comes_is_not_waited_for(
    client: CatalogueClient, watches: OperationWatchesStub, request_: pb.WatchOperationRequest, field: str
) -> None:
    client.prepare()
    asked = pb.WatchOperationRequest(name=client.create_version("1.0.0").name)
    asked.MergeFrom(request_)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        next(watches.WatchOperation(asked))
    assert refusal.fields == [field]


def test_what_is_not_there_cannot_be_watched(client: CatalogueClient, watches: OperationWatchesStub) -> None:
    with refused("NOT_FOUND", "NOT_FOUND"):
        next(watches.WatchOperation(pb.WatchOperationRequest(name=f"operations/{UUID(int=9)}")))
    client.prepare()
    asked = pb.WatchOperationRequest(name=client.create_version("1.0.0").name, regions=["mars"])
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        next(watches.WatchOperation(asked))


def test_pace_and_cost_are_told(client: CatalogueClient) -> None:
    client.prepare()
    operation = client.create_version("1.0.0", REGIONS)
    begun = metadata_of(operation)
    assert (begun.bytes_per_second, begun.HasField("remaining")) == (0, False)
    assert (begun.replica_bytes, begun.egress_bytes) == (4 * OCCUPIED, 2 * OCCUPIED)
    (first, *_) = client.running.write(claim_all, UUID(client.version("1.0.0").uid), "westeurope")
    assert client.running.write(copies.checkpoint, first.uid, first.epoch, 500, utc_now())
    half = metadata_of(client.operation(operation.name))
    assert half.bytes_per_second > 0
    assert half.remaining.ToTimedelta() > timedelta()
    (europe,) = (region for region in half.replication if region.region == "westeurope")
    assert (europe.done_bytes, europe.total_bytes) == (500, 2 * OCCUPIED)


def test_what_was_there_before_is_no_pace(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0")
    begun = metadata_of(add_regions(client, target("westus")))
    assert (begun.done_bytes, begun.total_bytes) == (OCCUPIED, 2 * OCCUPIED)
    assert (begun.bytes_per_second, begun.HasField("remaining")) == (0, False)


def test_validating_tells_the_cost_and_makes_nothing(client: CatalogueClient) -> None:
    client.prepare()
    version = version_pb.ImageVersion(os_disk=f"{client.group}/disks/disk-1", target_regions=REGIONS)
    asked = version_pb.CreateImageVersionRequest(
        parent=client.image_name, image_version_id="1.0.0", image_version=version, validate_only=True
    )
    told = metadata_of(client.galleries.CreateImageVersion(asked))
    assert (told.replica_bytes, told.egress_bytes) == (4 * OCCUPIED, 2 * OCCUPIED)
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.version("1.0.0")


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (100, Pace(0.0, None)),
        (600, Pace(50.0, timedelta(seconds=8))),
        (1000, Pace(90.0, timedelta())),
        (50, Pace(0.0, None)),
    ],
)
def test_the_rest_takes_as_long_as_the_pace_says(done: int, expected: Pace) -> None:
    begun = utc_now()
    running = Operation(
        UUID(int=1), Verb.UPDATE, UUID(int=2), "v", OperationState.RUNNING, False, None, begun, None, 100
    )
    assert pace(running, done, 1000, begun + timedelta(seconds=10)) == expected


def test_what_takes_years_is_not_foretold() -> None:
    begun = utc_now()
    running = Operation(UUID(int=1), Verb.CREATE, UUID(int=2), "v", OperationState.RUNNING, False, None, begun, None)
    assert pace(running, 1, 1 << 50, begun + timedelta(days=1)).remaining is None
