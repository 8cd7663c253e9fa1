"""Filters, orders and read masks of every list that has them, through the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.longrunning import operations_pb2 as lro
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import tenancy_pb2
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_server.domain.limits import IMAGE_VERSIONS
from galleria_server.domain.names import parse_version
from galleria_server.services.lists import LOOKED_AT
from tests.server.catalogue_client import CatalogueClient
from tests.server.filling import add_galleries, add_versions
from tests.server.refusals import refused

TEXTS = st.one_of(
    st.just(""),
    st.text(max_size=20),
    st.sampled_from(["name", "name desc", "etag", "tags", "tags:*", "create_time.seconds"]),
    st.text(alphabet="name.tags=:*()\"'\\ \0", max_size=20),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One of the lists of a catalogue, with three resources in it, and how to ask for it and for each of them."""

    call: Callable[[Any], Any]
    request: type[Any]
    parent: str
    items: str
    get: Callable[[Any], Any]
    get_request: type[Any]
    order: str = "name"

    def page(self, **asked: object) -> tuple[list[Any], str]:
        answer = self.call(self.request(parent=self.parent, **asked))
        return list(getattr(answer, self.items)), answer.next_page_token

    def all(self, **asked: object) -> Iterator[Any]:
        token = ""
        while True:
            page, token = self.page(page_token=token, **asked)
            yield from page
            if not token:
                return


def galleries(client: CatalogueClient) -> Listed:
    location = f"eastus{uuid4().hex}"  # a gallery's name is free only once in a subscription
    client.running.write(add_galleries, client.group_name, location, 3)
    stub = client.galleries
    return Listed(
        stub.ListGalleries, pb.ListGalleriesRequest, client.group, "galleries", stub.GetGallery, pb.GetGalleryRequest
    )


def definitions(client: CatalogueClient) -> Listed:
    client.create_gallery()
    for name in ("a", "b", "c"):
        client.create_image(name)
    stub = client.galleries
    return Listed(
        stub.ListImageDefinitions,
        image_pb.ListImageDefinitionsRequest,
        client.gallery_name,
        "image_definitions",
        stub.GetImageDefinition,
        image_pb.GetImageDefinitionRequest,
    )


def versions(client: CatalogueClient) -> Listed:
    client.prepare()
    for number in ("1.0.0", "1.0.2", "1.0.10"):
        client.create_version(number)
    return listed_versions(client)


def listed_versions(client: CatalogueClient) -> Listed:
    stub = client.galleries
    return Listed(
        stub.ListImageVersions,
        version_pb.ListImageVersionsRequest,
        client.image_name,
        "image_versions",
        stub.GetImageVersion,
        version_pb.GetImageVersionRequest,
        order="number",
    )


def groups(client: CatalogueClient) -> Listed:
    stub = TenancyStub(client.channel)
    tenant = stub.CreateTenant(tenancy_pb2.CreateTenantRequest(tenant=tenancy_pb2.Tenant(display_name="t")))
    subscription = stub.CreateSubscription(
        tenancy_pb2.CreateSubscriptionRequest(
            subscription=tenancy_pb2.Subscription(tenant=tenant.name, display_name="s")
        )
    )
    for name in ("a", "b", "c"):
        stub.CreateResourceGroup(
            tenancy_pb2.CreateResourceGroupRequest(parent=subscription.name, resource_group_id=name)
        )
    return Listed(
        stub.ListResourceGroups,
        tenancy_pb2.ListResourceGroupsRequest,
        subscription.name,
        "resource_groups",
        stub.GetResourceGroup,
        tenancy_pb2.GetResourceGroupRequest,
    )


@pytest.fixture(params=[galleries, definitions, versions, groups], ids=lambda make: make.__name__)
def listed(request: pytest.FixtureRequest, client: CatalogueClient) -> Listed:
    make: Callable[[CatalogueClient], Listed] = request.param
    return make(client)


@contextmanager
def statements() -> Iterator[list[tuple[str, str]]]:
    """Every SELECT of this process meanwhile, each with how SQLite goes about it."""
    seen: list[tuple[str, str]] = []

    def note(connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:  # noqa: ANN401
        if statement.startswith("SELECT"):
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            seen.append((statement, "; ".join(str(row[-1]) for row in cursor.fetchall())))
            cursor.close()

    event.listen(Engine, "after_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "after_cursor_execute", note)


def names(items: list[Any]) -> list[str]:
    return [item.name for item in items]


def fields(message: Message) -> set[str]:
    return {field.name for field, _ in message.ListFields()}


def test_a_list_goes_both_ways(listed: Listed) -> None:
    usual = names(list(listed.all()))
    assert len(usual) == 3
    up = usual if listed.order == "name" else usual[::-1]
    for order, wanted in (("", up), (" asc", up), (" desc", up[::-1]), ("  desc ", up[::-1])):
        assert names(list(listed.all(order_by=f"{listed.order}{order}", page_size=1))) == wanted


def test_only_what_passes_a_filter_is_listed(listed: Listed) -> None:
    first, second, third = names(listed.page()[0])
    assert names(listed.page(filter=f'name = "{second}"')[0]) == [second]
    assert names(list(listed.all(filter=f'name != "{second}"', page_size=1))) == [first, third]
    assert listed.page(filter="uid:* AND NOT name:*") == ([], "")
    assert listed.page(filter=f'name = "{third}"', page_size=1)[1] == ""
    assert listed.page(page_size=3)[1] == ""
    page, token = listed.page(filter=f'name = "{first}" OR name = "{second}"', page_size=2)
    assert names(page) == [first, second]
    assert listed.page(filter=f'name = "{first}" OR name = "{second}"', page_size=2, page_token=token) == ([], "")


def test_a_page_token_is_good_only_for_its_filter_and_order(listed: Listed) -> None:
    asked = {"filter": "uid:*", "order_by": f"{listed.order} desc", "page_size": 1}
    _, token = listed.page(**asked)
    for other in ({"filter": ""}, {"filter": "name:*"}, {"order_by": listed.order}):
        with refused("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"):
            listed.page(page_token=token, **{**asked, **other})
    assert len(listed.page(page_token=token, **{**asked, "page_size": 2, "filter": " uid:*"})[0]) == 2


def test_an_order_that_there_is_not_is_refused_with_those_that_there_are(listed: Listed) -> None:
    for order in ("etag", f"{listed.order} down", f"{listed.order}, uid", "NAME"):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            listed.page(order_by=order)
        (violation,) = refusal.detail(rpc.BadRequest).field_violations
        assert violation.field == "order_by"
        assert f"{order!r} must be {listed.order} or {listed.order} desc" in violation.description


def test_all_that_is_wrong_with_a_list_is_told_at_once(listed: Listed) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        mask = FieldMask(paths=["nome"])
        listed.page(page_size=-1, filter='name = "x" AND nome = 1', order_by="etag", read_mask=mask)
    assert refusal.fields == ["page_size", "filter", "order_by", "read_mask"]
    told = refusal.detail(rpc.BadRequest).field_violations[1].description
    assert told.startswith("column 16: 'nome' is no field")


def test_a_read_mask_shows_its_fields_and_the_name(listed: Listed) -> None:
    for item in listed.page(read_mask=FieldMask(paths=["etag", "create_time.seconds"]))[0]:
        assert fields(item) == {"name", "etag", "create_time"}
        whole = listed.get(listed.get_request(name=item.name))
        assert listed.get(listed.get_request(name=item.name, read_mask=FieldMask(paths=["*"]))) == whole
        part = listed.get(listed.get_request(name=item.name, read_mask=FieldMask(paths=["etag"])))
        assert (fields(part), part.etag) == ({"name", "etag"}, whole.etag)
    assert listed.page(read_mask=FieldMask(paths=["uid", "*"])) == listed.page()


def test_what_is_filtered_by_need_not_be_shown(listed: Listed) -> None:
    (first, *_), _ = listed.page()
    (found,), _ = listed.page(filter=f'uid = "{first.uid}"', read_mask=FieldMask(paths=["etag"]))
    assert (fields(found), found.name) == ({"name", "etag"}, first.name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=3), st.integers(-(2**31), 2**31 - 1))
def test_whatever_is_asked_of_a_list_is_answered_or_refused_as_wrong(
    listed: Listed, text: str, order: str, token: str, paths: list[str], size: int
) -> None:
    asked = {"filter": text, "order_by": order, "read_mask": FieldMask(paths=paths), "page_token": token}
    try:
        listed.page(page_size=size, **asked)
    except grpc.RpcError as error:
        call: Any = error
        code = call.code()
    else:
        code = grpc.StatusCode.OK
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)


@pytest.mark.parametrize("path", ["nome", "name.x", "", "tags.team", "create_time.hours"])
def test_a_read_mask_of_no_field_is_refused_by_name(listed: Listed, path: str) -> None:
    (first, *_), _ = listed.page()
    mask = FieldMask(paths=["etag", path])
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        listed.get(listed.get_request(name=first.name, read_mask=mask))
    (violation,) = refusal.detail(rpc.BadRequest).field_violations
    assert violation.field == "read_mask"
    assert violation.description.startswith(f"{path!r} is no field of ")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        listed.page(read_mask=mask)


def test_a_page_is_found_by_an_index_wherever_it_lies(listed: Listed) -> None:
    for order in (listed.order, f"{listed.order} desc"):
        _, token = listed.page(order_by=order, page_size=1)
        with statements() as seen:
            listed.page(order_by=order, page_size=1, page_token=token)
        (plan,) = [plan for statement, plan in seen if "ORDER BY" in statement and "LIMIT" in statement]
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan


def test_copies_are_looked_up_only_for_who_wants_to_see_them(client: CatalogueClient) -> None:
    listed = versions(client)
    (first, *_), _ = listed.page()
    assert first.replication
    for paths, text, wanted in (
        (["tags"], "", False),
        (["tags", "replication"], "", True),
        (["tags"], "replication.region:eastus", True),
        ([], "", True),
    ):
        with statements() as seen:
            page, _ = listed.page(read_mask=FieldMask(paths=paths), filter=text)
        assert len(page) == 3
        assert any("FROM copies" in statement for statement, _ in seen) == wanted
    with statements() as seen:
        listed.get(listed.get_request(name=first.name, read_mask=FieldMask(paths=["tags"])))
    assert not any("FROM copies" in statement for statement, _ in seen)


def test_versions_are_filtered_by_what_they_have(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0", image_version=version_pb.ImageVersion(tags={"team": "a"}))
    client.create_version("1.0.1", image_version=version_pb.ImageVersion(exclude_from_latest=True))
    client.replicate("1.0.0")
    listed = listed_versions(client)
    for text, number in (
        ('tags.team = "a"', "1.0.0"),
        ("tags:team", "1.0.0"),
        ('provisioning_state = "SUCCEEDED"', "1.0.0"),
        ("exclude_from_latest = true", "1.0.1"),
        ("published_time:*", "1.0.0"),
        ("NOT published_time:*", "1.0.1"),
        ('create_time > "2026-01-01T00:00:00Z" AND -(name:"/1.0.1")', "1.0.0"),
        ("replication.state:READY", "1.0.0"),
        ("target_regions.region:eastus AND size_bytes = 4096 AND tags.team:*", "1.0.0"),
    ):
        assert [name.rpartition("/")[2] for name in names(listed.page(filter=text)[0])] == [number], text


def test_operations_are_filtered_by_what_their_metadata_has(client: CatalogueClient) -> None:
    client.prepare()
    begun = client.create_version("1.0.0")
    client.create_version("1.0.1")
    client.replicate("1.0.0")

    def found(text: str) -> list[str]:
        text += f' AND metadata.target:"{client.gallery_id}"'
        answer = client.operations.ListOperations(lro.ListOperationsRequest(name="operations", filter=text))
        return names(list(answer.operations))

    assert found("done = true") == [begun.name]
    assert len(found("metadata.verb = create AND NOT error:*")) == 2
    assert found("metadata.end_time:* AND metadata.done_bytes > 0") == [begun.name]


def test_a_call_looks_at_so_many_items_and_the_next_goes_on(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0")
    like = parse_version("name", f"{client.image_name}/versions/1.0.0")
    client.running.write(add_versions, like, range(LOOKED_AT + 10))
    listed = listed_versions(client)
    wanted = f'name = "{client.image_name}/versions/1.0.0"'
    first, token = listed.page(filter=wanted, page_size=1)
    assert first == []
    assert token
    assert len(listed.page(filter=wanted, page_size=1, page_token=token)[0]) == 1
    assert len(listed.page(page_size=LOOKED_AT)[0]) == LOOKED_AT
    assert len(listed.page(page_size=LOOKED_AT, filter="name:*")[0]) == LOOKED_AT


@pytest.mark.timeout(600)
def test_ten_thousand_versions_are_listed_each_once(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0")
    like = parse_version("name", f"{client.image_name}/versions/1.0.0")
    client.running.write(add_versions, like, range(IMAGE_VERSIONS.number - 1))
    listed = listed_versions(client)
    mask = FieldMask(paths=["uid"])
    found = [name.rpartition("/")[2] for name in names(list(listed.all(read_mask=mask, page_size=777)))]
    assert found == [*(f"2.0.{patch}" for patch in reversed(range(IMAGE_VERSIONS.number - 1))), "1.0.0"]
    text = 'name:"/2.0.7" AND exclude_from_latest = false'
    filtered = names(list(listed.all(filter=text, order_by="number", page_size=100)))
    assert [name.rpartition("/")[2] for name in filtered] == [n for n in found[::-1] if n.startswith("2.0.7")]
