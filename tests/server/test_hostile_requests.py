"""Whatever a writing call is sent, it is done, or refused with a typed error and nothing has changed."""

from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from galleria.v1 import errors_pb2
from galleria_server.domain.actions import ACTIONS
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import metadata
from tests.server.catalogue_client import CatalogueClient
from tests.server.test_actions import FILES

SERVICES = (
    "Galleries",
    "Tenancy",
    "RegionControl",
    "Locks",
    "Usages",
    "Aliases",
    "Policies",
    "Applications",
    "Deployments",
)
REASONS = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()}  # noqa: SIM118 - no mapping
WRITES: dict[str, MethodDescriptor] = {
    f"{service.full_name}/{method.name}": method
    for file in FILES
    for service in file.services_by_name.values()
    if service.name in SERVICES
    for method in service.methods
    if not ACTIONS[f"{service.full_name}/{method.name}"].endswith("/read")
}
DEEPEST = 4
INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
GROUP = f"subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/hostile"
GALLERY = f"{GROUP}/galleries/hostile"
IMAGE = f"{GALLERY}/images/debian"
NAMES = (
    *(GROUP, GALLERY, IMAGE, f"{IMAGE}/versions/1.0.0", f"{IMAGE}/versions/latest", f"{IMAGE}/aliases/stable"),
    *(f"{GALLERY}/applications/tool", f"{GALLERY}/applications/tool/versions/1.0.0"),
    *(
        f"{GROUP}/disks/disk-1",
        f"{GROUP}/deployments/web",
        f"{GALLERY}/locks/l",
        f"subscriptions/{DEFAULT_SUBSCRIPTION}",
        "subscriptions/-",
    ),
    *(f"subscriptions/{DEFAULT_SUBSCRIPTION}/regionAccess/westus", "tenants/x", "eastus", "West US", "mars"),
    *("1.0.0", "1.0.1", "99999999999.0.0", "latest", "hostile", "debian", "", str(DEFAULT_SUBSCRIPTION)),
    *("\0", "x" * 3000, "../..", "a/b", "ä\u202e", "'; DROP TABLE disks; --", "{}", "%s%n", "\ud7ff"),
)
TEXTS = st.one_of(st.sampled_from(NAMES), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))


def messages(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[Message]:
    """Messages of that kind with any of their fields."""
    made = GetMessageClass(descriptor)
    if descriptor.full_name == "google.protobuf.FieldMask":
        return st.lists(st.one_of(st.sampled_from(PATHS), TEXTS), max_size=4).map(lambda paths: made(paths=paths))
    deep = depth >= DEEPEST
    fields = {field.name: values(field, depth) for field in descriptor.fields if not (deep and field.message_type)}
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: made(**given))


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type and field.message_type.GetOptions().map_entry:
        return st.dictionaries(TEXTS, TEXTS, max_size=3)
    one = single(field, depth)
    return st.lists(one, max_size=3) if field.is_repeated else one


def single(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type:
        return messages(field.message_type, depth + 1)
    if field.enum_type:
        return st.one_of(st.sampled_from([value.number for value in field.enum_type.values]), st.integers(-3, 99))
    if field.type in INTEGERS:
        least, most = INTEGERS[field.type]
        return st.one_of(st.integers(least, most), st.integers(max(least, -2), 130))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=40)
    return TEXTS


PATHS = (
    *("*", "name", "uid", "tags", "description", "spec", "sharing_profile.permissions", "tags.a", "target_regions"),
    *("retention_policy.keep_last", "features", "location", "etag", "soft_delete_policy.enabled", "a.b.c", ".", ""),
)


def rows(transaction: Transaction) -> dict[str, list[str]]:
    """All that the database has, but for the requests that are remembered."""
    tables = (table for table in metadata.sorted_tables if table.name != "requests")
    return {table.name: sorted(map(repr, transaction.execute(select(table)))) for table in tables}


def send(channel: grpc.Channel, call: str, request: Message) -> grpc.Call | None:
    """The refusal; None when it was done."""
    answer = GetMessageClass(cast("Any", WRITES[call].output_type))
    method = channel.unary_unary(f"/{call}", type(request).SerializeToString, answer.FromString)
    try:
        method(request, timeout=30)
    except grpc.RpcError as error:
        return cast("grpc.Call", error)
    return None


@pytest.fixture(scope="module")
def known(running: Any, channel: grpc.Channel) -> None:  # noqa: ANN401 - a server of its own for this module
    """What the names above name."""
    client = CatalogueClient(channel, running, "hostile")
    client.gallery_id, client.gallery_name, client.image_name = "hostile", GALLERY, IMAGE
    client.prepare()
    client.publish("1.0.0")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("call", sorted(WRITES))
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_a_call_is_done_or_refused_by_its_kind(
    call: str, client: CatalogueClient, channel: grpc.Channel, data: st.DataObject
) -> None:
    request = data.draw(messages(WRITES[call].input_type))
    before = client.running.read(rows)
    refusal = send(channel, call, request)
    if refusal is None:
        return
    told = rpc_status.from_call(refusal)
    assert told is not None, refusal
    info = rpc.ErrorInfo()
    assert sum(detail.Unpack(info) for detail in told.details) == 1, told
    assert (info.domain, info.reason in REASONS - {"INTERNAL"}) == ("galleria", True), told
    assert refusal.code() not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
    assert client.running.read(rows) == before


def test_every_kind_of_resource_is_among_the_calls() -> None:
    assert len(WRITES) > 30
    assert {call.split(".")[-1].split("/")[0] for call in WRITES} == set(SERVICES)
