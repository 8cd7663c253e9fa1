"""Locks: what they are, and what each of them forbids where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from sqlalchemy import Connection, event

from galleria.v1 import galleries_pb2, image_definitions_pb2, regions_pb2, tenancy_pb2
from galleria.v1 import locks_pb2 as pb
from galleria.v1.locks_pb2_grpc import LocksStub
from galleria.v1.regions_pb2_grpc import RegionControlStub
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_server.catalogue import protection
from galleria_server.domain.locks import Effect
from galleria_server.domain.scopes import parse_scope
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.metadata.engine import Transaction
from tests.server.catalogue_client import CatalogueClient, gallery_request
from tests.server.empty_volumes import EmptyVolumes
from tests.server.locking import CAN_NOT_DELETE, READ_ONLY, locked, put_lock, take_lock
from tests.server.refusals import refused
from tests.support.server_thread import config_in, server_thread

SUBSCRIPTION = f"subscriptions/{DEFAULT_SUBSCRIPTION}"


@pytest.fixture
def locks(channel: grpc.Channel) -> LocksStub:
    return LocksStub(channel)


@pytest.fixture
def tenancy(channel: grpc.Channel) -> TenancyStub:
    return TenancyStub(channel)


@pytest.fixture
def subscription(tenancy: TenancyStub) -> str:
    """A subscription of this test's own."""
    tenant = tenancy.CreateTenant(tenancy_pb2.CreateTenantRequest(tenant=tenancy_pb2.Tenant(display_name="T")))
    asked = tenancy_pb2.Subscription(tenant=tenant.name, display_name="S")
    return tenancy.CreateSubscription(tenancy_pb2.CreateSubscriptionRequest(subscription=asked)).name


@pytest.fixture
def published(client: CatalogueClient) -> CatalogueClient:
    """A disk, a gallery, a definition and a version in a group of the test's own."""
    client.prepare()
    client.publish("1.0.0")
    return client


SCOPES: dict[str, Callable[[CatalogueClient], str]] = {
    "group": lambda client: client.group,
    "gallery": lambda client: client.gallery_name,
    "image": lambda client: client.image_name,
    "version": lambda client: f"{client.image_name}/versions/1.0.0",
    "disk": lambda client: f"{client.group}/disks/disk-1",
}


class Writes(NamedTuple):
    """A change and a deletion of a resource."""

    change: Callable[[], object] | None
    delete: Callable[[], object]


def writes_to(client: CatalogueClient, tenancy: TenancyStub) -> dict[str, Writes]:
    galleries, group, gallery, image = client.galleries, client.group, client.gallery_name, client.image_name
    changed_group = tenancy_pb2.ResourceGroup(name=group, tags={"a": "b"})
    changed_gallery = galleries_pb2.Gallery(name=gallery, description="new")
    changed_image = image_definitions_pb2.ImageDefinition(name=image, description="new")
    return {
        "group": Writes(
            lambda: tenancy.UpdateResourceGroup(tenancy_pb2.UpdateResourceGroupRequest(resource_group=changed_group)),
            lambda: tenancy.DeleteResourceGroup(tenancy_pb2.DeleteResourceGroupRequest(name=group)),
        ),
        "gallery": Writes(
            lambda: galleries.UpdateGallery(galleries_pb2.UpdateGalleryRequest(gallery=changed_gallery)),
            lambda: galleries.DeleteGallery(galleries_pb2.DeleteGalleryRequest(name=gallery)),
        ),
        "image": Writes(
            lambda: galleries.UpdateImageDefinition(
                image_definitions_pb2.UpdateImageDefinitionRequest(image_definition=changed_image)
            ),
            lambda: galleries.DeleteImageDefinition(image_definitions_pb2.DeleteImageDefinitionRequest(name=image)),
        ),
        "version": Writes(None, lambda: client.delete_version("1.0.0", validate_only=True)),
    }


def listed(locks: LocksStub, scope: str, **options: bool) -> list[str]:
    answer = locks.ListLocks(pb.ListLocksRequest(parent=scope, **options))  # type: ignore[arg-type]
    return [lock.name for lock in answer.locks]


@pytest.mark.parametrize("kind", SCOPES)
def test_a_lock_is_put_on_a_scope_found_listed_and_deleted(
    published: CatalogueClient, locks: LocksStub, kind: str
) -> None:
    scope = SCOPES[kind](published)
    asked = pb.Lock(level=CAN_NOT_DELETE, notes="until the audit is over")
    made = locks.CreateLock(pb.CreateLockRequest(parent=scope.upper(), lock_id="Audit 2027", lock=asked))
    assert (made.name, made.scope, made.level, made.notes) == (
        f"{scope}/locks/Audit 2027",
        scope,
        CAN_NOT_DELETE,
        asked.notes,
    )
    assert locks.GetLock(pb.GetLockRequest(name=made.name.upper())) == made
    assert listed(locks, scope) == [made.name]
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS") as refusal:
        put_lock(locks, scope, READ_ONLY, "AUDIT 2027")
    assert refusal.info.metadata["name"] == made.name
    with refused("ABORTED", "ETAG_MISMATCH"):
        locks.DeleteLock(pb.DeleteLockRequest(name=made.name, etag="other"))
    locks.DeleteLock(pb.DeleteLockRequest(name=made.name, etag=made.etag))
    assert listed(locks, scope) == []
    with refused("NOT_FOUND", "NOT_FOUND"):
        locks.GetLock(pb.GetLockRequest(name=made.name))


def test_a_subscription_is_a_scope_too(locks: LocksStub, tenancy: TenancyStub, subscription: str) -> None:
    group = tenancy_pb2.CreateResourceGroupRequest(parent=subscription, resource_group_id="g")
    with locked(locks, subscription, READ_ONLY):
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED") as refusal:
            tenancy.CreateResourceGroup(group)
        assert refusal.info.metadata["scope"] == subscription
    with locked(locks, subscription, CAN_NOT_DELETE):
        tenancy.CreateResourceGroup(group)
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            tenancy.DeleteResourceGroup(tenancy_pb2.DeleteResourceGroupRequest(name=f"{subscription}/resourceGroups/g"))


def test_the_server_draws_a_name_and_a_repeat_makes_one_lock(client: CatalogueClient, locks: LocksStub) -> None:
    client.create_gallery()
    lock = pb.Lock(level=READ_ONLY)
    request = pb.CreateLockRequest(parent=client.gallery_name, lock=lock, request_id=str(uuid4()))
    made = locks.CreateLock(request)
    assert made.name == f"{client.gallery_name}/locks/{made.uid}"
    assert locks.CreateLock(request) == made
    deletion = pb.DeleteLockRequest(name=made.name, request_id=str(uuid4()))
    locks.DeleteLock(deletion)
    locks.DeleteLock(deletion)
    assert listed(locks, client.gallery_name) == []


def test_a_lock_that_is_only_validated_is_neither_made_nor_deleted(client: CatalogueClient, locks: LocksStub) -> None:
    client.create_gallery()
    lock = pb.Lock(level=READ_ONLY)
    locks.CreateLock(pb.CreateLockRequest(parent=client.gallery_name, lock=lock, validate_only=True))
    assert listed(locks, client.gallery_name) == []
    made = put_lock(locks, client.gallery_name)
    locks.DeleteLock(pb.DeleteLockRequest(name=made.name, validate_only=True))
    assert listed(locks, client.gallery_name) == [made.name]


def test_wrong_fields_are_told_together(client: CatalogueClient, locks: LocksStub) -> None:
    client.create_gallery()
    for wrong in ("a/b", "a<b", "50%", "a:b", "a\\b", "a?b", "a&b", "a\nb", "x" * 261):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            request = pb.CreateLockRequest(parent=client.gallery_name, lock_id=wrong, lock=pb.Lock(notes="x" * 513))
            locks.CreateLock(request)
        assert refusal.fields == ["lock_id", "lock.level", "lock.notes"]
        assert "513 characters, the limit is 512" in refusal.message
    longest = pb.CreateLockRequest(
        parent=client.gallery_name, lock_id="x" * 260, lock=pb.Lock(level=READ_ONLY, notes="x" * 512)
    )
    assert locks.CreateLock(longest).notes == "x" * 512
    for scope in ("", "regions/eastus", f"{client.image_name}/versions/latest", "subscriptions/x", "tenants/x"):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            put_lock(locks, scope)
        assert refusal.fields == ["parent"]
    for name in (client.gallery_name, f"{client.gallery_name}/locks/", "locks/x"):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            locks.GetLock(pb.GetLockRequest(name=name))
        assert refusal.fields == ["name"]


@pytest.mark.parametrize("kind", SCOPES)
def test_nothing_that_does_not_exist_is_locked(client: CatalogueClient, locks: LocksStub, kind: str) -> None:
    scope = SCOPES[kind](client)
    with refused("NOT_FOUND", "NOT_FOUND"):
        put_lock(locks, scope)
    with refused("NOT_FOUND", "NOT_FOUND"):
        listed(locks, scope)
    with refused("NOT_FOUND", "NOT_FOUND"):
        take_lock(locks, f"{scope}/locks/keep")


@pytest.mark.parametrize("kind", ["group", "gallery", "image", "version"])
@pytest.mark.parametrize("level", [CAN_NOT_DELETE, READ_ONLY])
def test_a_lock_holds_at_its_scope_and_below_and_keeps_what_is_above_from_being_deleted(
    published: CatalogueClient, locks: LocksStub, tenancy: TenancyStub, kind: str, level: pb.LockLevel.ValueType
) -> None:
    writes, kinds = writes_to(published, tenancy), ["group", "gallery", "image", "version"]
    with locked(locks, SCOPES[kind](published), level):
        for other, write in writes.items():
            with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
                write.delete()
            if write.change is None:
                continue
            if level == READ_ONLY and kinds.index(other) >= kinds.index(kind):
                with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
                    write.change()
            else:
                write.change()
    for write in writes.values():
        if write.change is not None:
            write.change()
    writes["version"].delete()
    with refused("FAILED_PRECONDITION", "IN_USE"):
        writes["group"].delete()


def test_a_lock_does_not_hold_beside_its_scope(published: CatalogueClient, locks: LocksStub) -> None:
    with locked(locks, published.gallery_name), locked(locks, f"{published.group}/disks/disk-1"):
        published.create_gallery("other." + published.gallery_id)
        published.galleries.DeleteGallery(
            galleries_pb2.DeleteGalleryRequest(name=f"{published.group}/galleries/other.{published.gallery_id}")
        )


def test_nothing_is_put_into_a_read_only_scope(published: CatalogueClient, locks: LocksStub) -> None:
    with locked(locks, published.group):
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED") as refusal:
            published.create_gallery("new." + published.gallery_id)
        assert refusal.info.metadata["name"].endswith(f"/galleries/new.{published.gallery_id}")
    with locked(locks, published.gallery_name):
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            published.create_image("new")
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            published.create_version("2.0.0")
    with locked(locks, published.image_name), refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
        published.create_version("2.0.0")
    published.create_version("2.0.0")


def test_what_is_made_under_a_lock_is_locked_from_the_start(client: CatalogueClient, locks: LocksStub) -> None:
    client.create_gallery()
    with locked(locks, client.group, CAN_NOT_DELETE):
        client.create_image()
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            client.galleries.DeleteImageDefinition(
                image_definitions_pb2.DeleteImageDefinitionRequest(name=client.image_name)
            )


def test_the_refusal_names_the_strictest_lock_and_says_what_to_do(client: CatalogueClient, locks: LocksStub) -> None:
    client.create_gallery()
    put_lock(locks, client.group, CAN_NOT_DELETE, "a")
    put_lock(locks, client.group, CAN_NOT_DELETE, "b")
    put_lock(locks, client.gallery_name, READ_ONLY, "c")
    with refused("FAILED_PRECONDITION", "SCOPE_LOCKED") as refusal:
        client.galleries.DeleteGallery(galleries_pb2.DeleteGalleryRequest(name=client.gallery_name))
    assert dict(refusal.info.metadata) == {
        "name": client.gallery_name,
        "effect": "deleted",
        "scope": client.gallery_name,
        "lock": "c",
        "level": "ReadOnly",
        "others": "2",
    }
    (violation,) = refusal.detail(rpc.PreconditionFailure).violations
    assert (violation.type, violation.subject) == ("SCOPE_LOCKED", client.gallery_name)
    assert refusal.message == (
        f"{client.gallery_name} cannot be deleted: {client.gallery_name} has the ReadOnly lock 'c' and 2 more; "
        "delete the lock first"
    )


def test_a_write_that_is_only_validated_is_refused_too(client: CatalogueClient, locks: LocksStub) -> None:
    client.create_gallery()
    with locked(locks, client.gallery_name):
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            client.create_image(validate_only=True)
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            request = galleries_pb2.DeleteGalleryRequest(name=client.gallery_name, validate_only=True)
            client.galleries.DeleteGallery(request)


def test_a_repeat_of_what_was_done_before_the_lock_is_answered(client: CatalogueClient, locks: LocksStub) -> None:
    request_id = str(uuid4())
    made = client.create_gallery(request_id=request_id)
    with locked(locks, client.group):
        assert client.create_gallery(request_id=request_id) == made


def test_a_group_that_is_made_again_has_no_old_locks(
    client: CatalogueClient, locks: LocksStub, tenancy: TenancyStub
) -> None:
    parent, _, group_id = client.group.partition("/resourceGroups/")
    creation = tenancy_pb2.CreateResourceGroupRequest(parent=parent, resource_group_id=group_id)
    deletion = tenancy_pb2.DeleteResourceGroupRequest(name=client.group)
    tenancy.CreateResourceGroup(creation)
    lock = put_lock(locks, client.group)
    with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
        tenancy.DeleteResourceGroup(deletion)
    take_lock(locks, lock.name)
    tenancy.DeleteResourceGroup(deletion)
    tenancy.CreateResourceGroup(creation)
    assert listed(locks, client.group) == []
    client.create_gallery()


def test_a_version_that_is_being_deleted_cannot_be_locked(published: CatalogueClient, locks: LocksStub) -> None:
    published.delete_version("1.0.0")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        put_lock(locks, f"{published.image_name}/versions/1.0.0")


def test_a_scope_whose_region_is_down_is_locked_and_unlocked(
    client: CatalogueClient, locks: LocksStub, channel: grpc.Channel
) -> None:
    client.create_gallery()
    control = RegionControlStub(channel)
    control.MarkRegion(regions_pb2.MarkRegionRequest(region="eastus", down=True))
    try:
        with locked(locks, client.gallery_name) as lock:
            assert listed(locks, client.gallery_name) == [lock.name]
    finally:
        control.MarkRegion(regions_pb2.MarkRegionRequest(region="eastus", down=False))


def test_lists_have_what_is_above_and_below_when_asked(published: CatalogueClient, locks: LocksStub) -> None:
    names = {kind: put_lock(locks, SCOPES[kind](published), CAN_NOT_DELETE).name for kind in SCOPES}
    assert listed(locks, published.gallery_name) == [names["gallery"]]
    assert listed(locks, published.image_name, inherited=True) == [names["group"], names["gallery"], names["image"]]
    below = [names["gallery"], names["image"], names["version"]]
    assert listed(locks, published.gallery_name, recursive=True) == below
    assert listed(locks, published.gallery_name, inherited=True, recursive=True) == [names["group"], *below]
    assert set(listed(locks, published.group, recursive=True)) == set(names.values())


def test_lists_page_and_their_tokens_are_bound(published: CatalogueClient, locks: LocksStub) -> None:
    for name in ("b", "A", "c"):
        put_lock(locks, published.gallery_name, CAN_NOT_DELETE, name)
    put_lock(locks, published.image_name, CAN_NOT_DELETE, "a")
    request = pb.ListLocksRequest(parent=published.gallery_name, page_size=1, recursive=True)
    found: list[str] = []
    while len(found) < 10:
        answer = locks.ListLocks(request)
        found += [lock.name.removeprefix(published.gallery_name) for lock in answer.locks]
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert found == ["/locks/A", "/locks/b", "/locks/c", "/images/debian/locks/a"]
    other = pb.ListLocksRequest(parent=published.gallery_name, page_token=request.page_token)
    with refused("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"):
        locks.ListLocks(other)


def test_locks_are_there_after_a_restart(tmp_path: Path) -> None:
    config, gallery = config_in(tmp_path), f"{SUBSCRIPTION}/resourceGroups/rg/galleries/prod"
    with server_thread(config, EmptyVolumes) as server, grpc.insecure_channel(server.target) as channel:
        client = CatalogueClient(channel, server, "rg")
        client.galleries.CreateGallery(gallery_request(client.group))
        made = put_lock(LocksStub(channel), gallery)
    with server_thread(config, EmptyVolumes) as server, grpc.insecure_channel(server.target) as channel:
        assert LocksStub(channel).GetLock(pb.GetLockRequest(name=made.name)) == made
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            client = CatalogueClient(channel, server, "rg")
            client.galleries.DeleteGallery(galleries_pb2.DeleteGalleryRequest(name=gallery))


@pytest.mark.parametrize("effect", Effect, ids=lambda effect: effect.value)
@pytest.mark.parametrize("kind", SCOPES)
def test_a_check_is_one_statement_that_reads_no_whole_table(
    published: CatalogueClient, kind: str, effect: Effect
) -> None:
    plans = published.running.read(plans_of_check, SCOPES[kind](published), effect)
    assert len(plans) == 1
    assert any(step.startswith(("SEARCH locks USING INDEX", "MULTI-INDEX OR")) for step in plans[0])
    assert [step for step in plans[0] if step.startswith("SCAN")] == []


def plans_of_check(transaction: Transaction, scope: str, effect: Effect) -> list[list[str]]:
    """How SQLite runs each statement of a check."""
    seen: list[tuple[str, object]] = []

    def note(_connection: Connection, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(transaction, "before_cursor_execute", note)
    try:
        protection.check(transaction, parse_scope("scope", scope), effect)
    finally:
        event.remove(transaction, "before_cursor_execute", note)
    explained = [
        transaction.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        for statement, parameters in seen
    ]
    return [[str(row[3]) for row in plan] for plan in explained]
