"""What may be changed of galleries and image definitions, and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.domain.end_of_life import check_new_end_of_life
from galleria_server.domain.image_definition import (
    DefinitionSpec,
    Identifier,
    OsState,
    OsType,
)
from tests.server.catalogue_client import CatalogueClient, image_request
from tests.server.refusals import refused

COMMUNITY = pb.CommunityInfo(
    publisher_uri="https://example.com",
    publisher_contact="images@example.com",
    eula="https://example.com/eula",
    public_name_prefix="images",
)


def time_in(days: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return stamp


def change(client: CatalogueClient, *paths: str, **fields: object) -> pb.Gallery:
    asked = pb.Gallery(**{"name": client.gallery_name, **fields})  # type: ignore[arg-type]
    return client.galleries.UpdateGallery(pb.UpdateGalleryRequest(gallery=asked, update_mask=FieldMask(paths=paths)))


def change_image(
    client: CatalogueClient, *paths: str, allow: bool = False, **fields: object
) -> image_pb.ImageDefinition:
    asked = image_pb.ImageDefinition(name=client.image_name, **fields)  # type: ignore[arg-type]
    return client.galleries.UpdateImageDefinition(
        image_pb.UpdateImageDefinitionRequest(
            image_definition=asked, update_mask=FieldMask(paths=paths), allow_update_image=allow
        )
    )


def test_a_mask_names_what_an_update_takes(client: CatalogueClient) -> None:
    before = client.create_gallery(gallery=pb.Gallery(description="old", tags={"a": "1"}))
    after = change(client, "description", description="new", tags={"b": "2"})
    assert (after.description, dict(after.tags)) == ("new", {"a": "1"})
    assert after.etag != before.etag
    assert after.update_time.ToDatetime() > before.update_time.ToDatetime()
    assert after.create_time == before.create_time
    assert change(client, "tags").tags == {}
    assert client.galleries.GetGallery(pb.GetGalleryRequest(name=client.gallery_name)).description == "new"


def test_without_a_mask_what_is_not_empty_is_taken_and_with_a_star_all(client: CatalogueClient) -> None:
    client.create_gallery(gallery=pb.Gallery(description="old", tags={"a": "1"}))
    after = change(client, tags={"b": "2"})
    assert (after.description, dict(after.tags)) == ("old", {"b": "2"})
    after = change(client, "*", soft_delete_policy=pb.SoftDeletePolicy(enabled=True, retention_days=30))
    assert (after.description, dict(after.tags)) == ("", {})
    assert after.soft_delete_policy == pb.SoftDeletePolicy(enabled=True, retention_days=30, grace_days=7)


def test_a_part_of_a_message_is_changed_alone(client: CatalogueClient) -> None:
    client.create_gallery(gallery=pb.Gallery(soft_delete_policy=pb.SoftDeletePolicy(enabled=True, retention_days=9)))
    after = change(client, "soft_delete_policy.grace_days", soft_delete_policy=pb.SoftDeletePolicy(grace_days=0))
    assert after.soft_delete_policy == pb.SoftDeletePolicy(enabled=True, retention_days=9, grace_days=0)


@pytest.mark.parametrize("path", ["uid", "name", "location", "etag", "provisioning_state", "nothing", "tags.a", "Tags"])
def test_a_mask_that_names_what_cannot_be_set_is_refused(client: CatalogueClient, path: str) -> None:
    before = client.create_gallery()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change(client, path, description="new")
    assert refusal.fields == ["update_mask"]
    assert client.galleries.GetGallery(pb.GetGalleryRequest(name=client.gallery_name)) == before


def test_what_never_changes_is_told_with_its_value(client: CatalogueClient) -> None:
    client.create_gallery()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        profile = pb.SharingProfile(permissions=pb.SHARING_PERMISSIONS_COMMUNITY, community=COMMUNITY)
        change(client, sharing_profile=profile)
    assert refusal.fields == ["gallery.sharing_profile.permissions"]
    assert "it is Private" in refusal.message
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change(client, location="westus")
    assert refusal.fields == ["gallery.location"]


def test_an_update_is_guarded_by_the_etag_and_names_are_identities(client: CatalogueClient) -> None:
    made = client.create_gallery()
    change(client, description="new", etag=made.etag, uid=made.uid)
    with refused("ABORTED", "ETAG_MISMATCH"):
        change(client, description="newer", etag=made.etag)
    with refused("FAILED_PRECONDITION", "MOVE_NOT_SUPPORTED") as refusal:
        change(client, description="newer", uid=str(uuid4()))
    assert "copy it" in refusal.message
    with refused("NOT_FOUND", "NOT_FOUND"):
        change(client, description="newer", name=f"{client.gallery_name}x")


def test_a_repeat_of_an_update_changes_nothing_more(client: CatalogueClient) -> None:
    client.create_gallery()
    asked = pb.Gallery(name=client.gallery_name, description="new")
    request = pb.UpdateGalleryRequest(gallery=asked, request_id=str(uuid4()))
    assert client.galleries.UpdateGallery(request) == client.galleries.UpdateGallery(request)


def test_an_update_that_only_validates_changes_nothing(client: CatalogueClient) -> None:
    before = client.create_gallery()
    asked = pb.Gallery(name=client.gallery_name, description="new")
    answer = client.galleries.UpdateGallery(pb.UpdateGalleryRequest(gallery=asked, validate_only=True))
    assert answer.description == "new"
    assert client.galleries.GetGallery(pb.GetGalleryRequest(name=client.gallery_name)) == before


def test_a_community_gallery_says_who_publishes_it(client: CatalogueClient) -> None:
    profile = pb.SharingProfile(permissions=pb.SHARING_PERMISSIONS_COMMUNITY, community=COMMUNITY)
    made = client.create_gallery(gallery=pb.Gallery(sharing_profile=profile))
    assert made.sharing_profile == profile
    assert made.unique_name.endswith("-" + client.gallery_id.upper())


def test_every_wrong_field_of_a_gallery_is_told(client: CatalogueClient) -> None:
    wrong = pb.CommunityInfo(publisher_uri="ftp://x", publisher_contact="nobody", public_name_prefix="a-b")
    profile = pb.SharingProfile(permissions=pb.SHARING_PERMISSIONS_COMMUNITY, community=wrong)
    policy = pb.SoftDeletePolicy(retention_days=366, grace_days=366)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_gallery(gallery=pb.Gallery(sharing_profile=profile, soft_delete_policy=policy, description="\0"))
    assert {field.removeprefix("gallery.") for field in refusal.fields} == {
        "description",
        "sharing_profile.community.publisher_uri",
        "sharing_profile.community.publisher_contact",
        "sharing_profile.community.eula",
        "sharing_profile.community.public_name_prefix",
        "soft_delete_policy.retention_days",
        "soft_delete_policy.grace_days",
    }
    assert "366 must be 1 to 365" in refusal.message


def test_community_information_is_for_community_galleries(client: CatalogueClient) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_gallery(gallery=pb.Gallery(sharing_profile=pb.SharingProfile(community=COMMUNITY)))
    assert refusal.fields == ["gallery.sharing_profile.community"]


def test_a_gallerys_name_is_taken_in_the_whole_subscription(client: CatalogueClient) -> None:
    made = client.create_gallery()
    elsewhere = pb.CreateGalleryRequest(
        parent=client.group + "-2", gallery_id=client.gallery_id.upper(), gallery=pb.Gallery(location="westus")
    )
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS") as refusal:
        client.galleries.CreateGallery(elsewhere)
    assert made.name in refusal.message


def full_definition() -> image_pb.ImageDefinition:
    return image_pb.ImageDefinition(
        features=[
            image_pb.ImageFeature(name="securitytype", value="trustedlaunch"),
            image_pb.ImageFeature(name="IsHibernateSupported", value="true", starts_at_version="1.2.0"),
            image_pb.ImageFeature(name="Custom", value="anything"),
        ],
        recommended=image_pb.RecommendedMachine(
            vcpus=image_pb.NumberRange(min=1, max=80), memory_gib=image_pb.NumberRange(max=640)
        ),
        disallowed_disk_types=[publishing_pb.STORAGE_ACCOUNT_TYPE_STANDARD_LRS],
        purchase_plan=image_pb.PurchasePlan(name="plan", publisher="p", product="x"),
        eula="terms",
        privacy_statement_uri="https://example.com/privacy",
        release_note_uri="https://example.com/notes",
        end_of_life_time=time_in(1),
        end_of_life_policy=publishing_pb.END_OF_LIFE_POLICY_DENY,
    )


def test_every_field_of_a_definition_is_kept(client: CatalogueClient) -> None:
    client.create_gallery()
    asked = full_definition()
    made = client.create_image(image_definition=asked)
    asked.features[0].name, asked.features[0].value = "SecurityType", "TrustedLaunch"
    asked.features[1].value = "True"
    for name in [field.name for field, _ in asked.ListFields()]:
        assert getattr(made, name) == getattr(asked, name), name
    found = client.galleries.GetImageDefinition(image_pb.GetImageDefinitionRequest(name=made.name))
    assert found == made


def test_uefi_images_support_trusted_launch_unless_they_say_otherwise(client: CatalogueClient) -> None:
    client.create_gallery()
    assert [(f.name, f.value) for f in client.create_image().features] == [("SecurityType", "TrustedLaunchSupported")]
    bios = image_request(client.gallery_name, "bios")
    bios.image_definition.identifier.sku = "bios"
    bios.image_definition.hyper_v_generation = image_pb.HYPER_V_GENERATION_V1
    assert list(client.galleries.CreateImageDefinition(bios).features) == []


def refused_fields(client: CatalogueClient, wrong: image_pb.ImageDefinition) -> set[str]:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_image(image_definition=wrong)
    return {field.removeprefix("image_definition.") for field in refusal.fields}


def test_every_wrong_feature_and_recommendation_is_told(client: CatalogueClient) -> None:
    client.create_gallery()
    wrong = image_pb.ImageDefinition(
        hyper_v_generation=image_pb.HYPER_V_GENERATION_V1,
        features=[
            image_pb.ImageFeature(name="SecurityType", value="TrustedLaunch"),
            image_pb.ImageFeature(name="IsHibernateSupported", value="perhaps", starts_at_version="1.0"),
            image_pb.ImageFeature(name="a b", value="x"),
        ],
        recommended=image_pb.RecommendedMachine(
            vcpus=image_pb.NumberRange(min=4, max=2), memory_gib=image_pb.NumberRange(min=0, max=641)
        ),
    )
    assert refused_fields(client, wrong) == {
        "features[0].value",
        "features[1].value",
        "features[1].starts_at_version",
        "features[2].name",
        "recommended.vcpus.min",
        "recommended.memory_gib.min",
        "recommended.memory_gib.max",
    }


def test_every_other_wrong_field_of_a_definition_is_told(client: CatalogueClient) -> None:
    client.create_gallery()
    wrong = image_pb.ImageDefinition(
        disallowed_disk_types=[publishing_pb.STORAGE_ACCOUNT_TYPE_STANDARD_LRS] * 2,
        purchase_plan=image_pb.PurchasePlan(name="a b"),
        eula="x" * 2049,
        privacy_statement_uri="nowhere",
        release_note_uri="file:///x",
        end_of_life_time=time_in(-1),
    )
    assert refused_fields(client, wrong) == {
        "disallowed_disk_types",
        "purchase_plan.name",
        "purchase_plan.publisher",
        "purchase_plan.product",
        "eula",
        "privacy_statement_uri",
        "release_note_uri",
        "end_of_life_time",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"os_type": image_pb.OS_TYPE_WINDOWS},
        {"os_state": image_pb.OS_STATE_SPECIALIZED},
        {
            "hyper_v_generation": image_pb.HYPER_V_GENERATION_V1,
            "features": [image_pb.ImageFeature(name="Other", value="x")],
        },
        {"architecture": image_pb.ARCHITECTURE_ARM64},
        {"identifier": image_pb.ImageIdentifier(publisher="p", offer="other", sku="s")},
        {"purchase_plan": image_pb.PurchasePlan(name="n", publisher="p", product="x")},
        {"eula": "other"},
        {"privacy_statement_uri": "https://example.com/other"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_machines_count_on_never_changes(client: CatalogueClient, fields: dict[str, object]) -> None:
    client.create_gallery()
    before = client.create_image()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change_image(client, allow=True, **fields)
    assert refusal.fields == [f"image_definition.{next(iter(fields))}"]
    assert client.galleries.GetImageDefinition(image_pb.GetImageDefinitionRequest(name=client.image_name)) == before


def test_features_change_only_when_the_request_says_so(client: CatalogueClient) -> None:
    client.create_gallery()
    client.create_image()
    features = [image_pb.ImageFeature(name="SecurityType", value="Standard")]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change_image(client, features=features)
    assert refusal.fields == ["image_definition.features"]
    assert "allow_update_image" in refusal.message
    assert list(change_image(client, allow=True, features=features).features) == features


def test_an_end_of_life_is_set_to_come_and_may_be_taken_back(client: CatalogueClient) -> None:
    client.create_gallery()
    client.create_image(image_definition=image_pb.ImageDefinition(end_of_life_time=time_in(1)))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change_image(client, end_of_life_time=time_in(-1))
    assert refusal.fields == ["image_definition.end_of_life_time"]
    assert not change_image(client, "end_of_life_time").HasField("end_of_life_time")


def test_an_end_of_life_that_has_passed_hinders_no_other_change() -> None:
    now = datetime.now(UTC)
    past = DefinitionSpec(
        OsType.LINUX, OsState.GENERALIZED, Identifier("p", "o", "s"), end_of_life_time=now - timedelta(days=1)
    )
    assert check_new_end_of_life("image", replace(past, description="new"), past, now) == []
    assert check_new_end_of_life("image", replace(past, end_of_life_time=None), past, now) == []
    assert check_new_end_of_life("image", past, None, now) != []
    assert check_new_end_of_life("image", replace(past, end_of_life_time=now), past, now) != []


def test_features_for_private_galleries_are_refused_in_others(client: CatalogueClient) -> None:
    client.create_gallery(
        gallery=pb.Gallery(sharing_profile=pb.SharingProfile(permissions=pb.SHARING_PERMISSIONS_GROUPS))
    )
    definition = image_pb.ImageDefinition(features=[image_pb.ImageFeature(name="SecurityType", value="ConfidentialVM")])
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_image(image_definition=definition)
    assert refusal.fields == ["image_definition.features[0].value"]
    assert "ConfidentialVmSupported" in refusal.message
