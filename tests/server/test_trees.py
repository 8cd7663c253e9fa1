"""Galleries and image definitions deleted with all that is in them: everything or nothing."""

from uuid import UUID, uuid4

import pytest
from google.longrunning.operations_pb2 import Operation

from galleria.v1 import aliases_pb2 as alias_pb
from galleria.v1 import deletion_pb2 as deletion_pb
from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.aliases_pb2_grpc import AliasesStub
from galleria.v1.locks_pb2_grpc import LocksStub
from galleria_server.domain.deletion_plan import DeletionPlan
from galleria_server.domain.errors import InUse
from galleria_server.domain.limits import LIMITS
from galleria_server.domain.names import DefinitionName, GalleryName, GroupName, VersionName, VersionNumber
from galleria_server.services.tree_methods import told
from tests.server.catalogue_client import OCCUPIED, CatalogueClient, drop_copies, target
from tests.server.locking import CAN_NOT_DELETE, READ_ONLY, locked
from tests.server.refusals import refused
from tests.server.test_version_publishing import stamp
from tests.server.test_version_updates import change

DELETING = publishing_pb.PROVISIONING_STATE_DELETING


@pytest.fixture
def filled(client: CatalogueClient) -> CatalogueClient:
    """A gallery with two definitions, one of them with two versions in three copies and an alias."""
    client.prepare()
    client.create_image("empty")
    client.publish("1.0.0", [target("eastus"), target("westus")])
    client.publish("2.0.0")
    AliasesStub(client.channel).SetAlias(
        alias_pb.SetAliasRequest(name=f"{client.image_name}/aliases/stable", version="1.0.0")
    )
    return client


def delete(client: CatalogueClient, *, dry: bool = False, bypass: bool = False, request_id: str = "") -> Operation:
    return client.galleries.DeleteGalleryTree(
        deletion_pb.DeleteGalleryTreeRequest(
            name=client.gallery_name, bypass_soft_delete=bypass, validate_only=dry, request_id=request_id
        )
    ).operation


def plan_of(client: CatalogueClient, *, bypass: bool = False) -> deletion_pb.DeletionPlan:
    answer = client.galleries.DeleteGalleryTree(
        deletion_pb.DeleteGalleryTreeRequest(name=client.gallery_name, bypass_soft_delete=bypass, validate_only=True)
    )
    assert not answer.HasField("operation")
    return answer.plan


def gallery(client: CatalogueClient) -> pb.Gallery:
    return client.galleries.GetGallery(pb.GetGalleryRequest(name=client.gallery_name))


def everything(client: CatalogueClient) -> list[object]:
    listing = image_pb.ListImageDefinitionsRequest(parent=client.gallery_name)
    return [
        gallery(client),
        list(client.galleries.ListImageDefinitions(listing).image_definitions),
        client.version("1.0.0"),
        client.version("2.0.0"),
        list(AliasesStub(client.channel).ListAliases(alias_pb.ListAliasesRequest(parent=client.image_name)).aliases),
    ]


def release(client: CatalogueClient, number: str) -> None:
    client.running.write(drop_copies, UUID(client.version(number).uid))


def test_a_dry_run_tells_exactly_what_would_go(filled: CatalogueClient) -> None:
    before = everything(filled)
    plan = plan_of(filled)
    assert list(plan.galleries) == [filled.gallery_name]
    assert list(plan.image_definitions) == [filled.image_name, f"{filled.gallery_name}/images/empty"]
    assert list(plan.image_versions) == [f"{filled.image_name}/versions/{number}" for number in ("2.0.0", "1.0.0")]
    assert list(plan.aliases) == [f"{filled.image_name}/aliases/stable"]
    counts = plan.gallery_count, plan.image_definition_count, plan.image_version_count, plan.alias_count
    assert (counts, plan.replica_bytes, plan.blocker_count) == ((1, 2, 2, 1), 3 * OCCUPIED, 0)
    assert everything(filled) == before


def test_everything_goes_and_the_gallery_with_the_last_copy(filled: CatalogueClient) -> None:
    request_id = str(uuid4())
    operation = delete(filled, request_id=request_id)
    assert not operation.done
    assert gallery(filled).provisioning_state == DELETING
    release(filled, "1.0.0")
    with refused("NOT_FOUND", "NOT_FOUND"):
        filled.galleries.GetImageDefinition(
            image_pb.GetImageDefinitionRequest(name=f"{filled.gallery_name}/images/empty")
        )
    assert not filled.operation(operation.name).done
    assert delete(filled, request_id=request_id).name == operation.name
    release(filled, "2.0.0")
    ended = filled.operation(operation.name)
    assert (ended.done, ended.HasField("error")) == (True, False)
    with refused("NOT_FOUND", "NOT_FOUND"):
        gallery(filled)
    filled.create_gallery()


def test_nothing_is_written_in_what_is_going(filled: CatalogueClient) -> None:
    delete(filled)
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        filled.create_version("3.0.0")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        filled.create_image("more")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        filled.galleries.UpdateGallery(
            pb.UpdateGalleryRequest(gallery=pb.Gallery(name=filled.gallery_name, description="new"))
        )
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        delete(filled)


def test_a_definition_goes_alone(filled: CatalogueClient) -> None:
    request = deletion_pb.DeleteImageDefinitionTreeRequest(name=filled.image_name)
    answer = filled.galleries.DeleteImageDefinitionTree(request)
    assert (answer.plan.gallery_count, answer.plan.image_definition_count) == (0, 1)
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        filled.create_version("3.0.0")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        filled.galleries.UpdateImageDefinition(
            image_pb.UpdateImageDefinitionRequest(
                image_definition=image_pb.ImageDefinition(name=filled.image_name, description="new")
            )
        )
    for number in ("1.0.0", "2.0.0"):
        release(filled, number)
    assert filled.operation(answer.operation.name).done
    assert gallery(filled).provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
    filled.create_image()


def test_an_empty_gallery_is_gone_at_once(client: CatalogueClient) -> None:
    client.create_gallery()
    client.create_image()
    assert delete(client).done
    with refused("NOT_FOUND", "NOT_FOUND"):
        gallery(client)


def test_all_that_forbids_it_is_told_and_nothing_goes(filled: CatalogueClient) -> None:
    guard = publishing_pb.SafetyProfile(block_deletion_before_end_of_life=True)
    change(filled, number="2.0.0", safety_profile=guard, end_of_life_time=stamp(1))
    filled.galleries.CreateImageVersion(
        version_pb.CreateImageVersionRequest(
            parent=filled.image_name,
            image_version_id="3.0.0",
            image_version=version_pb.ImageVersion(source_version=f"{filled.image_name}/versions/1.0.0"),
        )
    )
    locks = LocksStub(filled.channel)
    with locked(locks, filled.image_name, CAN_NOT_DELETE), locked(locks, filled.group, READ_ONLY):
        before = everything(filled)
        plan = plan_of(filled)
        assert sorted(blocker.reason for blocker in plan.blockers) == [
            "DELETION_BLOCKED",
            "IN_USE",
            "SCOPE_LOCKED",
            "SCOPE_LOCKED",
        ]
        assert plan.blocker_count == 4
        assert all(blocker.message for blocker in plan.blockers)
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            delete(filled)
        assert everything(filled) == before
    with refused("FAILED_PRECONDITION", "DELETION_BLOCKED"):
        delete(filled)
    assert everything(filled) == before


def test_what_soft_deletion_keeps_goes_only_when_that_is_bypassed(filled: CatalogueClient) -> None:
    policy = pb.Gallery(name=filled.gallery_name, soft_delete_policy=pb.SoftDeletePolicy(enabled=True))
    filled.galleries.UpdateGallery(pb.UpdateGalleryRequest(gallery=policy))
    filled.delete_version("2.0.0")
    (blocker,) = plan_of(filled).blockers
    assert (blocker.reason, "2.0.0" in blocker.message) == ("IN_USE", True)
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        delete(filled)
    assert refusal.info.metadata["count"] == "2"
    assert not plan_of(filled, bypass=True).blockers
    delete(filled, bypass=True)
    assert filled.version("2.0.0").provisioning_state == DELETING


def test_a_stale_etag_refuses_it(filled: CatalogueClient) -> None:
    request = deletion_pb.DeleteGalleryTreeRequest(name=filled.gallery_name, etag="stale")
    with refused("ABORTED", "ETAG_MISMATCH"):
        filled.galleries.DeleteGalleryTree(request)


def test_a_version_that_was_being_deleted_before_keeps_its_operation(filled: CatalogueClient) -> None:
    first = filled.delete_version("2.0.0")
    assert plan_of(filled).image_version_count == 2
    whole = delete(filled)
    for number in ("2.0.0", "1.0.0"):
        release(filled, number)
    assert all(filled.operation(one.name).done for one in (first, whole))
    assert not filled.operation(first.name).HasField("error")


def test_a_definition_stays_when_its_last_version_is_deleted_by_itself(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0")
    client.delete_version("1.0.0")
    release(client, "1.0.0")
    client.create_version("2.0.0")


def test_a_plan_tells_as_many_names_as_its_limit_and_counts_all() -> None:
    limit = LIMITS["deletion_names"].number
    image = DefinitionName(GalleryName(GroupName(UUID(int=1), "rg"), "g"), "i")
    names = tuple(VersionName(image, VersionNumber(1, 0, patch)) for patch in range(limit + 1))
    blockers = tuple(InUse("image version", str(name), "a copy", 1) for name in names)
    plan = told(DeletionPlan((), (image,), names, (), 0, blockers))
    assert (len(plan.image_versions), plan.image_version_count) == (limit, limit + 1)
    assert (len(plan.blockers), plan.blocker_count) == (limit, limit + 1)
