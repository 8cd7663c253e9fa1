from uuid import uuid4

import pytest

from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from tests.server.catalogue_client import CatalogueClient, image_request
from tests.server.refusals import refused


def test_a_definition_has_defaults_and_its_gallerys_location(client: CatalogueClient) -> None:
    client.create_gallery()
    made = client.create_image()
    assert made.name == client.image_name
    assert made.location == "eastus"
    assert made.hyper_v_generation == image_pb.HYPER_V_GENERATION_V2
    assert made.architecture == image_pb.ARCHITECTURE_X64
    assert made == client.galleries.GetImageDefinition(image_pb.GetImageDefinitionRequest(name=made.name.upper()))


def test_a_definition_is_returned_as_it_was_asked_for(client: CatalogueClient) -> None:
    client.create_gallery()
    asked = image_pb.ImageDefinition(
        location="West Europe",
        description="base",
        tags={"a": "b"},
        os_type=image_pb.OS_TYPE_WINDOWS,
        os_state=image_pb.OS_STATE_SPECIALIZED,
        identifier=image_pb.ImageIdentifier(publisher="p" * 128, offer="o" * 64, sku="s" * 64),
        hyper_v_generation=image_pb.HYPER_V_GENERATION_V1,
        architecture=image_pb.ARCHITECTURE_ARM64,
    )
    made = client.create_image(image_definition=asked)
    asked.location = "westeurope"
    asked.MergeFrom(
        image_pb.ImageDefinition(
            name=client.image_name,
            uid=made.uid,
            etag=made.etag,
            create_time=made.create_time,
            update_time=made.create_time,
            end_of_life_policy=publishing_pb.END_OF_LIFE_POLICY_INFORM,
            provisioning_state=publishing_pb.PROVISIONING_STATE_SUCCEEDED,
        )
    )
    assert made == asked


@pytest.mark.parametrize("image_id", ["a", "a" * 80, "a-b_c.d"])
def test_an_image_id_at_its_limits_is_taken(client: CatalogueClient, image_id: str) -> None:
    client.create_gallery(f"g{len(image_id)}")
    request = image_request(f"{client.group}/galleries/g{len(image_id)}", image_id)
    request.image_definition.identifier.sku = "sku"
    assert client.galleries.CreateImageDefinition(request).name.endswith(f"/images/{image_id}")


@pytest.mark.parametrize("image_id", ["", "a" * 81, "_a", "a-", "a."])
def test_a_wrong_image_id_is_refused(client: CatalogueClient, image_id: str) -> None:
    request = image_request(client.gallery_name, image_id)
    request.image_definition.identifier.sku = "sku"
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.CreateImageDefinition(request)
    assert refusal.fields == ["image_definition_id"]


def test_every_wrong_field_is_told(client: CatalogueClient) -> None:
    asked = image_pb.ImageDefinition(
        os_state=image_pb.OS_STATE_GENERALIZED,
        identifier=image_pb.ImageIdentifier(publisher="p" * 129, offer="o.", sku=""),
        hyper_v_generation=9,  # type: ignore[arg-type]
        architecture=9,  # type: ignore[arg-type]
    )
    request = image_pb.CreateImageDefinitionRequest(
        parent=client.gallery_name, image_definition_id="debian", image_definition=asked
    )
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.CreateImageDefinition(request)
    assert [field.removeprefix("image_definition.") for field in refusal.fields] == [
        "os_type",
        "hyper_v_generation",
        "architecture",
        "identifier.publisher",
        "identifier.offer",
        "identifier.sku",
    ]


def test_publisher_offer_and_sku_are_unique_in_a_gallery(client: CatalogueClient) -> None:
    client.create_gallery()
    client.create_image("debian")
    again = image_request(client.gallery_name, "other")
    again.image_definition.identifier.sku = "DEBIAN"
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS") as refusal:
        client.galleries.CreateImageDefinition(again)
    assert refusal.info.metadata["name"] == client.image_name
    assert refusal.info.metadata["sku"] == "debian"
    client.create_gallery("second")
    again.parent = f"{client.group}/galleries/second"
    assert client.galleries.CreateImageDefinition(again).name == f"{again.parent}/images/other"


def test_a_definition_needs_its_gallery(client: CatalogueClient) -> None:
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        client.create_image()
    assert refusal.info.metadata["name"] == client.gallery_name
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.galleries.ListImageDefinitions(image_pb.ListImageDefinitionsRequest(parent=client.gallery_name))
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.galleries.GetImageDefinition(image_pb.GetImageDefinitionRequest(name=client.image_name))


def test_names_that_differ_in_case_are_one(client: CatalogueClient) -> None:
    client.create_gallery()
    client.create_image("Debian")
    request = image_request(client.gallery_name, "deBIAN")
    request.image_definition.identifier.sku = "other"
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        client.galleries.CreateImageDefinition(request)


def test_definitions_are_listed_by_name_page_by_page(client: CatalogueClient) -> None:
    client.create_gallery()
    for name in ("c", "A", "b"):
        client.create_image(name)
    request = image_pb.ListImageDefinitionsRequest(parent=client.gallery_name, page_size=2)
    first = client.galleries.ListImageDefinitions(request)
    request.page_token = first.next_page_token
    second = client.galleries.ListImageDefinitions(request)
    found = [image.identifier.sku for answer in (first, second) for image in answer.image_definitions]
    assert found == ["A", "b", "c"]
    assert second.next_page_token == ""


def test_a_definition_without_versions_is_deleted(client: CatalogueClient) -> None:
    client.create_gallery()
    made = client.create_image()
    delete = client.galleries.DeleteImageDefinition
    with refused("ABORTED", "ETAG_MISMATCH"):
        delete(image_pb.DeleteImageDefinitionRequest(name=made.name, etag="old"))
    delete(image_pb.DeleteImageDefinitionRequest(name=made.name, etag=made.etag))
    with refused("NOT_FOUND", "NOT_FOUND"):
        delete(image_pb.DeleteImageDefinitionRequest(name=made.name))


def test_a_definition_with_versions_is_in_use(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0")
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        client.galleries.DeleteImageDefinition(image_pb.DeleteImageDefinitionRequest(name=client.image_name))
    assert refusal.info.metadata["user"] == f"{client.image_name}/versions/1.0.0"


def test_a_repeated_create_returns_the_same_definition(client: CatalogueClient) -> None:
    client.create_gallery()
    request_id = str(uuid4())
    assert client.create_image(request_id=request_id) == client.create_image(request_id=request_id)
