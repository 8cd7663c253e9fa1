from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.metadata import groups
from tests.server.catalogue_client import CatalogueClient, gallery_request
from tests.server.empty_volumes import CatalogueServer
from tests.server.refusals import refused


def test_a_created_gallery_is_returned_as_it_was_asked_for(client: CatalogueClient) -> None:
    asked = pb.Gallery(location="East US", description="images of the platform team", tags={"team": "platform"})
    made = client.create_gallery("Prod.Images_1", gallery=asked)
    assert made.name == f"{client.group}/galleries/Prod.Images_1"
    assert (made.location, made.description, dict(made.tags)) == ("eastus", asked.description, {"team": "platform"})
    assert made.provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
    assert made.HasField("create_time")
    assert made == client.galleries.GetGallery(pb.GetGalleryRequest(name=made.name))


def test_names_compare_without_case_and_are_shown_as_given(client: CatalogueClient) -> None:
    made = client.create_gallery("Prod")
    assert client.galleries.GetGallery(pb.GetGalleryRequest(name=made.name.lower())) == made
    assert client.galleries.GetGallery(pb.GetGalleryRequest(name=made.name.upper())) == made
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS") as refusal:
        client.create_gallery("pROD")
    assert refusal.info.metadata["name"] == made.name
    assert refusal.detail(rpc.ResourceInfo).resource_name == made.name


def test_a_group_written_in_another_case_is_the_same_group(client: CatalogueClient) -> None:
    first = client.create_gallery("one")
    second = client.galleries.CreateGallery(gallery_request(client.group.upper(), "two"))
    assert second.name == first.name.replace("/one", "/two")


@pytest.mark.parametrize("gallery_id", ["a", "a" * 80, "a_b.c", "9"])
def test_a_gallery_id_at_its_limits_is_taken(client: CatalogueClient, gallery_id: str) -> None:
    assert client.create_gallery(gallery_id).name.endswith(f"/{gallery_id}")


@pytest.mark.parametrize("gallery_id", ["", "a" * 81, "a-b", "_a", "a.", "a/b", "ä", "a\n"])
def test_a_wrong_gallery_id_is_refused(client: CatalogueClient, gallery_id: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.CreateGallery(gallery_request(client.group, gallery_id))
    assert refusal.fields == ["gallery_id"]


def test_all_wrong_fields_are_told_at_once(client: CatalogueClient) -> None:
    gallery = pb.Gallery(description="x" * 1025, tags={"name": "v" * 257, "n" * 513: ""})
    request = pb.CreateGalleryRequest(parent=client.group, gallery_id="-", gallery=gallery)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.CreateGallery(request)
    expected = ["gallery.description", "gallery.location", "gallery.tags", "gallery.tags.name", "gallery_id"]
    assert sorted(refusal.fields) == expected
    assert "1024" in refusal.message
    assert sorted(refusal.info.metadata["fields"].split(", ")) == expected


def test_description_and_tags_at_their_limits_are_taken(client: CatalogueClient) -> None:
    tags = {f"{i:0512}": "v" * 256 for i in range(50)}
    made = client.create_gallery(gallery=pb.Gallery(description="x" * 1024, tags=tags))
    assert len(made.tags) == 50


def test_a_51st_tag_and_tags_that_differ_in_case_only_are_refused(client: CatalogueClient) -> None:
    for tags in ({str(i): "" for i in range(51)}, {"Team": "", "team": ""}):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            client.create_gallery(gallery=pb.Gallery(tags=tags))
        assert refusal.fields == ["gallery.tags"]


@pytest.mark.parametrize("parent", ["", "resourceGroups/a", "subscriptions/1/resourceGroups/a", "galleries/a"])
def test_a_malformed_parent_is_refused(client: CatalogueClient, parent: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.CreateGallery(gallery_request(parent))
    assert refusal.fields == ["parent"]


@pytest.mark.parametrize("group", ["g" * 91, "g.", "g h"])
def test_a_wrong_group_is_refused(client: CatalogueClient, group: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        client.galleries.CreateGallery(gallery_request(f"subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/{group}"))


def test_another_subscription_does_not_exist(client: CatalogueClient) -> None:
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        client.galleries.CreateGallery(gallery_request(f"subscriptions/{uuid4()}/resourceGroups/g"))
    assert refusal.detail(rpc.ResourceInfo).resource_type == "subscription"


def test_an_unknown_region_is_told_with_those_that_exist(client: CatalogueClient) -> None:
    with refused("NOT_FOUND", "REGION_UNKNOWN") as refusal:
        client.create_gallery(gallery=pb.Gallery(location="mars"))
    assert refusal.info.metadata == {"region": "mars", "known": "eastus, westeurope, westus"}


def test_a_missing_gallery_is_not_found(client: CatalogueClient) -> None:
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        client.galleries.GetGallery(pb.GetGalleryRequest(name=client.gallery_name))
    assert refusal.info.metadata == {"kind": "gallery", "name": client.gallery_name}
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.galleries.DeleteGallery(pb.DeleteGalleryRequest(name=client.gallery_name))


def test_a_deleted_gallery_is_gone_and_its_name_free_for_one_with_a_new_uid(client: CatalogueClient) -> None:
    first = client.create_gallery()
    client.galleries.DeleteGallery(pb.DeleteGalleryRequest(name=first.name, etag=first.etag))
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.galleries.GetGallery(pb.GetGalleryRequest(name=first.name))
    second = client.create_gallery()
    assert second.uid != first.uid
    assert second.etag != first.etag


def test_a_delete_with_an_old_etag_is_refused(client: CatalogueClient) -> None:
    made = client.create_gallery()
    with refused("ABORTED", "ETAG_MISMATCH") as refusal:
        client.galleries.DeleteGallery(pb.DeleteGalleryRequest(name=made.name, etag="old"))
    assert refusal.info.metadata == {"name": made.name, "given": "old", "current": made.etag}
    assert client.galleries.GetGallery(pb.GetGalleryRequest(name=made.name)) == made


def test_a_gallery_with_definitions_is_in_use(client: CatalogueClient) -> None:
    made = client.create_gallery()
    client.create_image("one")
    client.create_image("two")
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        client.galleries.DeleteGallery(pb.DeleteGalleryRequest(name=made.name))
    assert refusal.info.metadata["count"] == "2"
    assert refusal.info.metadata["user"] == f"{made.name}/images/one"
    (violation,) = refusal.detail(rpc.PreconditionFailure).violations
    assert (violation.type, violation.subject) == ("IN_USE", made.name)


def test_a_repeat_with_the_same_request_id_returns_the_same_gallery(client: CatalogueClient) -> None:
    request_id = str(uuid4())
    first = client.create_gallery(request_id=request_id)
    assert client.create_gallery(request_id=request_id) == first
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        client.create_gallery(request_id=str(uuid4()))


def test_a_repeated_delete_with_the_same_request_id_succeeds(client: CatalogueClient) -> None:
    request = pb.DeleteGalleryRequest(name=client.create_gallery().name, request_id=str(uuid4()))
    client.galleries.DeleteGallery(request)
    client.galleries.DeleteGallery(request)
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.galleries.DeleteGallery(pb.DeleteGalleryRequest(name=request.name))


def test_a_request_id_of_another_request_is_refused(client: CatalogueClient) -> None:
    request_id = str(uuid4())
    client.create_gallery("three", request_id=request_id)
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED") as refusal:
        client.create_gallery("four", request_id=request_id)
    assert refusal.info.metadata == {"request_id": request_id}
    # Ids are of a method: another one knows nothing of them.
    client.galleries.DeleteGallery(
        pb.DeleteGalleryRequest(name=f"{client.group}/galleries/three", request_id=request_id)
    )
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED"):
        client.galleries.DeleteGallery(pb.DeleteGalleryRequest(name=client.gallery_name, request_id=request_id))


def test_a_request_id_that_is_no_uuid_is_refused(client: CatalogueClient) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_gallery(request_id="again")
    assert refusal.fields == ["request_id"]


def test_a_refused_request_does_not_use_up_its_request_id(client: CatalogueClient) -> None:
    request_id = str(uuid4())
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        client.create_gallery(request_id=request_id, gallery=pb.Gallery(location="mars"))
    assert client.create_gallery(request_id=request_id).location == "eastus"


def test_validate_only_answers_and_changes_nothing(client: CatalogueClient, running: CatalogueServer) -> None:
    assert client.create_gallery(validate_only=True).location == "eastus"
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.galleries.GetGallery(pb.GetGalleryRequest(name=client.gallery_name))
    assert running.read(groups.find, client.group_name) is None
    made = client.create_gallery()
    client.galleries.DeleteGallery(pb.DeleteGalleryRequest(name=made.name, validate_only=True))
    assert client.galleries.GetGallery(pb.GetGalleryRequest(name=made.name)) == made
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        client.create_gallery(validate_only=True)


def test_galleries_are_listed_by_name_page_by_page(client: CatalogueClient) -> None:
    for name in ("delta", "Alpha", "charlie", "Bravo", "echo"):
        client.create_gallery(name)
    request = pb.ListGalleriesRequest(parent=client.group, page_size=2)
    pages = []
    while True:
        answer = client.galleries.ListGalleries(request)
        pages.append([gallery.name.rpartition("/")[2] for gallery in answer.galleries])
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert pages == [["Alpha", "Bravo"], ["charlie", "delta"], ["echo"]]


def test_a_list_of_a_group_that_has_nothing_is_empty(client: CatalogueClient) -> None:
    assert client.galleries.ListGalleries(pb.ListGalleriesRequest(parent=client.group)) == pb.ListGalleriesResponse()


def test_a_page_token_fits_only_its_own_list(client: CatalogueClient) -> None:
    for name in ("first", "other"):
        client.create_gallery(name)
    token = client.galleries.ListGalleries(pb.ListGalleriesRequest(parent=client.group, page_size=1)).next_page_token
    list_galleries = client.galleries.ListGalleries
    larger = pb.ListGalleriesRequest(parent=client.group.upper(), page_size=7, page_token=token)
    assert [gallery.name.rpartition("/")[2] for gallery in list_galleries(larger).galleries] == ["other"]
    for parent, wrong in (
        (f"{client.group}x", token),
        (client.group, token[:-1]),
        (client.group, "ä"),
        (client.group, "A"),
    ):
        with refused("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"):
            list_galleries(pb.ListGalleriesRequest(parent=parent, page_token=wrong))
    with refused("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"):
        request = image_pb.ListImageDefinitionsRequest(parent=f"{client.group}/galleries/first", page_token=token)
        client.galleries.ListImageDefinitions(request)


def test_a_negative_page_size_is_refused(client: CatalogueClient) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.ListGalleries(pb.ListGalleriesRequest(parent=client.group, page_size=-1))
    assert refusal.fields == ["page_size"]


def test_unknown_fields_of_a_newer_client_are_no_error(client: CatalogueClient, channel: grpc.Channel) -> None:
    newer = gallery_request(client.group, client.gallery_id).SerializeToString() + b"\xa2\x06\x03new"
    call: Any = channel.unary_unary("/galleria.v1.Galleries/CreateGallery", None, pb.Gallery.FromString)
    assert call(newer).name == client.gallery_name
