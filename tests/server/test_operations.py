from uuid import UUID, uuid4

import grpc
import pytest
from google.longrunning import operations_pb2 as lro
from google.protobuf.empty_pb2 import Empty
from google.rpc import error_details_pb2 as rpc

from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from tests.server.catalogue_client import OCCUPIED, CatalogueClient, drop_copies, finish_copies, target
from tests.server.refusals import refused


def metadata_of(operation: lro.Operation) -> publishing_pb.VersionMetadata:
    metadata = publishing_pb.VersionMetadata()
    assert operation.metadata.Unpack(metadata)
    return metadata


def test_an_operation_tells_its_progress_and_its_result(client: CatalogueClient) -> None:
    client.prepare()
    operation = client.create_version("1.0.0", [target("eastus", 2), target("westus")])
    begun = metadata_of(operation)
    assert (begun.verb, begun.target) == ("create", f"{client.image_name}/versions/1.0.0")
    assert (begun.done_bytes, begun.total_bytes) == (0, 3 * OCCUPIED)
    client.replicate("1.0.0", "eastus")
    half = client.operation(operation.name)
    assert not half.done
    assert metadata_of(half).done_bytes == 2 * OCCUPIED
    assert [region.progress_percent for region in metadata_of(half).replication] == [100, 0]
    client.replicate("1.0.0", "westus")
    ended = client.operation(operation.name)
    assert metadata_of(ended).HasField("end_time")
    result = version_pb.ImageVersion()
    assert ended.response.Unpack(result)
    assert result == client.version("1.0.0")


def test_a_deletions_result_is_empty(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0")
    uid = UUID(client.version("1.0.0").uid)
    deletion = client.delete_version("1.0.0")
    client.running.write(drop_copies, uid)
    ended = client.operation(deletion.name)
    assert ended.response.Unpack(Empty())
    assert metadata_of(ended).verb == "delete"


def test_a_creation_whose_version_is_gone_still_tells_its_name(client: CatalogueClient) -> None:
    client.prepare()
    creation = client.create_version("1.0.0")
    client.replicate("1.0.0")
    made = client.version("1.0.0")
    client.delete_version("1.0.0")
    client.running.write(drop_copies, UUID(made.uid))
    result = version_pb.ImageVersion()
    assert client.operation(creation.name).response.Unpack(result)
    assert result == version_pb.ImageVersion(name=made.name, uid=made.uid)


def test_a_wait_ends_with_the_operation(client: CatalogueClient) -> None:
    client.prepare()
    operation = client.create_version("1.0.0")
    uid = UUID(client.version("1.0.0").uid)
    waiting = client.operations.WaitOperation.future(lro.WaitOperationRequest(name=operation.name), timeout=60)
    client.running.write(finish_copies, uid, None)
    client.running.ring()
    assert waiting.result().done


def test_a_wait_with_a_timeout_returns_the_operation_as_it_is(client: CatalogueClient) -> None:
    client.prepare()
    request = lro.WaitOperationRequest(name=client.create_version("1.0.0").name)
    request.timeout.FromMilliseconds(1)
    assert not client.operations.WaitOperation(request).done


def test_a_wait_answers_before_its_deadline(client: CatalogueClient) -> None:
    client.prepare()
    request = lro.WaitOperationRequest(name=client.create_version("1.0.0").name)
    assert not client.operations.WaitOperation(request, timeout=0.5).done


def test_a_cancelled_creation_ends_as_cancelled_and_its_version_as_failed(client: CatalogueClient) -> None:
    client.prepare()
    operation = client.create_version("1.0.0", [target("eastus"), target("westus")])
    client.replicate("1.0.0", "westus")
    waiting = client.operations.WaitOperation.future(lro.WaitOperationRequest(name=operation.name), timeout=60)
    client.operations.CancelOperation(lro.CancelOperationRequest(name=operation.name))
    ended = waiting.result()
    assert ended.error.code == grpc.StatusCode.CANCELLED.value[0]
    info = rpc.ErrorInfo()
    assert ended.error.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("CANCELLED", "galleria")
    made = client.version("1.0.0")
    assert made.provisioning_state == publishing_pb.PROVISIONING_STATE_FAILED
    assert [region.state for region in made.replication] == [
        publishing_pb.COPY_STATE_FAILED,
        publishing_pb.COPY_STATE_READY,
    ]
    client.operations.CancelOperation(lro.CancelOperationRequest(name=operation.name))


def test_a_deletion_cannot_be_cancelled(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0")
    deletion = client.delete_version("1.0.0")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        client.operations.CancelOperation(lro.CancelOperationRequest(name=deletion.name))


def test_only_an_operation_that_has_ended_can_be_forgotten(client: CatalogueClient) -> None:
    client.prepare()
    operation = client.create_version("1.0.0")
    request = lro.DeleteOperationRequest(name=operation.name)
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        client.operations.DeleteOperation(request)
    client.replicate("1.0.0")
    client.operations.DeleteOperation(request)
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.operation(operation.name)


def test_operations_are_listed_newest_first_page_by_page(client: CatalogueClient) -> None:
    client.prepare()
    made = [client.create_version(f"1.0.{i}").name for i in range(5)]
    found: list[str] = []
    request = lro.ListOperationsRequest(name="operations", page_size=2)
    while len(found) < len(made):
        answer = client.operations.ListOperations(request)
        found += [operation.name for operation in answer.operations]
        request.page_token = answer.next_page_token
    assert found[: len(made)] == made[::-1]


@pytest.mark.parametrize("name", ["", "operations", "operations/1", f"jobs/{UUID(int=1)}"])
def test_a_malformed_operation_name_is_refused(client: CatalogueClient, name: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.operation(name)
    assert refusal.fields == ["name"]


def test_an_unknown_operation_is_not_found(client: CatalogueClient) -> None:
    name = f"operations/{uuid4()}"
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        client.operation(name)
    assert refusal.info.metadata["name"] == name
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.operations.WaitOperation(lro.WaitOperationRequest(name=name))
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.operations.CancelOperation(lro.CancelOperationRequest(name=name))


def test_a_filter_that_cannot_be_read_is_refused_rather_than_ignored(client: CatalogueClient) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.operations.ListOperations(lro.ListOperationsRequest(name="operations", filter="done=maybe"))
    assert refusal.fields == ["filter"]


def test_many_waits_are_woken_by_one_ring(client: CatalogueClient) -> None:
    client.prepare()
    operation = client.create_version("1.0.0")
    request = lro.WaitOperationRequest(name=operation.name)
    waits = [client.operations.WaitOperation.future(request, timeout=60) for _ in range(20)]
    client.replicate("1.0.0")
    assert all(wait.result().done for wait in waits)
