"""Applications and their versions: what may be said of them, what may be changed, how they are published."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.longrunning.operations_pb2 import Operation
from google.rpc import error_details_pb2 as rpc

from galleria.v1 import applications_pb2 as pb
from galleria.v1 import galleries_pb2, image_versions_pb2
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.domain.limits import LIMITS
from tests.server.application_client import COMMANDS, ApplicationClient
from tests.server.catalogue_client import CatalogueClient, drop_copies, target
from tests.server.refusals import refused
from tests.server.test_version_publishing import stamp

ALLOWED = publishing_pb.SafetyProfile(allow_deletion_of_replicated_locations=True)
PARAMETER = pb.CustomActionParameter(
    name="level",
    required=True,
    type=pb.CUSTOM_ACTION_PARAMETER_TYPE_STRING,
    default_value="info",
    description="How much it tells.",
)
ACTION = pb.CustomAction(name="log", script="cat log", description="Shows.", parameters=[PARAMETER])


@pytest.fixture
def apps(channel: grpc.Channel, client: CatalogueClient) -> ApplicationClient:
    return ApplicationClient(channel, client)


def test_everything_that_may_be_said_of_an_application_is_kept(apps: ApplicationClient) -> None:
    apps.catalogue.create_gallery()
    said: dict[str, Any] = {
        "os_type": image_pb.OS_TYPE_WINDOWS,
        "description": "d",
        "tags": {"a": "b"},
        "eula": "e",
        "privacy_statement_uri": "https://example.org/p",
        "release_note_uri": "https://example.org/r",
        "end_of_life_time": stamp(1),
        "end_of_life_policy": publishing_pb.END_OF_LIFE_POLICY_DENY,
        "custom_actions": [ACTION],
    }
    apps.create(**said)
    made = apps.stub.GetApplication(pb.GetApplicationRequest(name=apps.name))
    for name, value in said.items():
        assert getattr(made, name) == value, name
    assert (made.location, made.name) == ("eastus", apps.name)
    (listed,) = apps.stub.ListApplications(pb.ListApplicationsRequest(parent=apps.gallery)).applications
    assert listed == made


def test_an_application_is_changed_but_for_its_system(apps: ApplicationClient) -> None:
    apps.prepare()
    before = apps.stub.GetApplication(pb.GetApplicationRequest(name=apps.name))
    after = apps.change(description="new", eula="e", custom_actions=[ACTION], end_of_life_time=stamp(2))
    assert (after.description, after.eula, list(after.custom_actions)) == ("new", "e", [ACTION])
    assert after.etag != before.etag
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.change(os_type=image_pb.OS_TYPE_WINDOWS)
    assert refusal.fields == ["application.os_type"]
    with refused("ABORTED", "ETAG_MISMATCH"):
        apps.change(description="x", etag=before.etag)


def test_an_image_and_an_application_may_have_one_name_and_neither_is_the_other(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.catalogue.create_image("tool")
    assert apps.create_version().name
    images = apps.catalogue.galleries.ListImageDefinitions(
        image_pb.ListImageDefinitionsRequest(parent=apps.gallery)
    ).image_definitions
    assert [image.name for image in images] == [f"{apps.gallery}/images/tool"]
    with refused("NOT_FOUND", "NOT_FOUND"):
        apps.catalogue.galleries.GetImageVersion(
            image_versions_pb2.GetImageVersionRequest(name=f"{apps.gallery}/images/tool/versions/1.0.0")
        )


@pytest.mark.parametrize("name", ["a" * 118, "", "ends.", "with space", "a/b", "ümlaut"])
def test_a_name_that_an_application_may_not_have_is_refused(apps: ApplicationClient, name: str) -> None:
    apps.catalogue.create_gallery()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.create(name)
    assert refusal.fields == ["application_id"]


@pytest.mark.parametrize("name", ["a" * 117, "-_.a", "7-Zip_23.01"])
def test_names_of_applications_may_be_longer_than_those_of_images(apps: ApplicationClient, name: str) -> None:
    apps.catalogue.create_gallery()
    assert apps.create(name).name == f"{apps.gallery}/applications/{name}"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"os_type": image_pb.OS_TYPE_UNSPECIFIED}, "os_type"),
        ({"description": "d" * 1025}, "description"),
        ({"release_note_uri": "ftp://x"}, "release_note_uri"),
        ({"end_of_life_time": stamp(-1)}, "end_of_life_time"),
        ({"custom_actions": [ACTION, ACTION]}, "custom_actions.name"),
        ({"custom_actions": [pb.CustomAction(name="a")]}, "custom_actions[0].script"),
        ({"custom_actions": [pb.CustomAction(script="a")]}, "custom_actions[0].name"),
        (
            {"custom_actions": [pb.CustomAction(name="a", script="b", parameters=[PARAMETER, PARAMETER])]},
            "custom_actions[0].parameters.name",
        ),
        (
            {
                "custom_actions": [
                    pb.CustomAction(
                        name="a",
                        script="b",
                        parameters=[
                            pb.CustomActionParameter(
                                name="p",
                                default_value="x",
                                type=pb.CUSTOM_ACTION_PARAMETER_TYPE_LOG_OUTPUT_BLOB,
                            )
                        ],
                    )
                ]
            },
            "custom_actions[0].parameters[0].default_value",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_an_application_cannot_be_is_refused_by_its_field(
    apps: ApplicationClient, fields: dict[str, Any], wrong: str
) -> None:
    apps.catalogue.create_gallery()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.create(**fields)
    assert refusal.fields == [f"application.{wrong}"]


def test_an_application_with_versions_and_a_gallery_with_applications_stay(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.create_version()
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        apps.stub.DeleteApplication(pb.DeleteApplicationRequest(name=apps.name))
    assert refusal.info.metadata["user"] == f"{apps.name}/versions/1.0.0"
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        apps.catalogue.galleries.DeleteGallery(galleries_pb2.DeleteGalleryRequest(name=apps.gallery))
    assert refusal.info.metadata["user"] == apps.name
    version = apps.version()
    apps.stub.DeleteApplicationVersion(pb.DeleteApplicationVersionRequest(name=version.name))
    apps.catalogue.running.write(drop_copies, UUID(version.uid))
    apps.stub.DeleteApplication(pb.DeleteApplicationRequest(name=apps.name))
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        apps.create_version()
    assert refusal.info.metadata["kind"] == "application"


def test_everything_that_may_be_said_of_an_application_version_is_kept(apps: ApplicationClient) -> None:
    apps.prepare()
    configuration = apps.add_file("configuration", 7)
    said: dict[str, Any] = {
        "tags": {"a": "b"},
        "labels": {"commit": "abc"},
        "default_configuration": configuration,
        "manage_actions": pb.ManageActions(install="i", remove="r", update="u"),
        "settings": pb.ApplicationSettings(
            package_file_name="p.deb",
            config_file_name="c.ini",
            script_behavior_after_reboot=pb.REBOOT_BEHAVIOR_RERUN,
        ),
        "custom_actions": [ACTION],
        "advanced_settings": {"timeout": "60"},
        "enable_health_check": True,
        "replica_count": 10,
        "storage_account_type": publishing_pb.STORAGE_ACCOUNT_TYPE_PREMIUM_LRS,
        "exclude_from_latest": True,
        "end_of_life_time": stamp(1),
        "replication_mode": publishing_pb.REPLICATION_MODE_FULL,
        "safety_profile": ALLOWED,
    }
    apps.create_version(**said, target_regions=[target("eastus", 2), target("West US")])
    made = apps.version()
    for name, value in said.items():
        assert getattr(made, name) == value, name
    assert made.package == apps.disk("package")
    assert [(one.region, one.replica_count) for one in made.target_regions] == [("eastus", 2), ("westus", 1)]
    assert (made.package_file.size_bytes, made.configuration_file.size_bytes) == (1001, 7)
    assert made.package_file.sha256 == "ab" * 32
    assert made.provisioning_state == publishing_pb.PROVISIONING_STATE_CREATING
    assert [len(region.replicas) for region in made.replication] == [2, 1]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"package": ""}, "package"),
        ({"manage_actions": pb.ManageActions(remove="r")}, "manage_actions.install"),
        ({"manage_actions": pb.ManageActions(install="r")}, "manage_actions.remove"),
        (
            {"manage_actions": pb.ManageActions(install="r", remove="r", update="u" * 4097)},
            "manage_actions.update",
        ),
        ({"settings": pb.ApplicationSettings(package_file_name="../x")}, "settings.package_file_name"),
        ({"settings": pb.ApplicationSettings(config_file_name="a\\b")}, "settings.config_file_name"),
        ({"settings": pb.ApplicationSettings(config_file_name="..")}, "settings.config_file_name"),
        ({"settings": pb.ApplicationSettings(package_file_name="a", config_file_name="A")}, "settings"),
        ({"custom_actions": [ACTION, ACTION]}, "custom_actions.name"),
        ({"replica_count": 11}, "replica_count"),
        ({"target_regions": [target("eastus", 11)]}, "target_regions[0].replica_count"),
        ({"target_regions": [target("eastus", 101)]}, "target_regions[0].replica_count"),
        ({"target_regions": [target("westus")]}, "target_regions"),
        ({"target_regions": [target("eastus"), target("East US")]}, "target_regions"),
        ({"storage_account_type": 1, "storage_account_strategy": 1}, "storage_account_strategy"),
        ({"end_of_life_time": stamp(-1)}, "end_of_life_time"),
        (
            {
                "target_regions": [
                    publishing_pb.TargetRegion(region="eastus", encryption=publishing_pb.RegionEncryption())
                ]
            },
            "target_regions[0].encryption",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_an_application_version_cannot_be_is_refused_by_its_field(
    apps: ApplicationClient, fields: dict[str, Any], wrong: str
) -> None:
    apps.prepare()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.create_version(**fields)
    assert refusal.fields == [f"application_version.{wrong}"]
    with refused("NOT_FOUND", "NOT_FOUND"):
        apps.version()


def test_many_violations_come_together(apps: ApplicationClient) -> None:
    apps.prepare()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.create_version("1.0", package="", manage_actions=pb.ManageActions(), replica_count=11)
    assert set(refusal.fields) == {
        "application_version_id",
        "application_version.package",
        "application_version.manage_actions.install",
        "application_version.manage_actions.remove",
        "application_version.replica_count",
    }


@pytest.mark.parametrize(
    ("field", "limit"), [("package", "package_bytes"), ("default_configuration", "configuration_bytes")]
)
def test_package_and_configuration_may_be_as_long_as_their_limit(
    apps: ApplicationClient, field: str, limit: str
) -> None:
    apps.prepare()
    most = LIMITS[limit].number
    apps.create_version("1.0.0", **{field: apps.add_file("largest", most)})
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.create_version("2.0.0", **{field: apps.add_file("over", most + 1)})
    (violation,) = refusal.detail(rpc.BadRequest).field_violations
    assert violation.field == f"application_version.{field}"
    assert str(most) in violation.description
    assert str(most + 1) in violation.description


def test_a_package_that_is_not_there_or_has_no_content_is_refused(apps: ApplicationClient) -> None:
    apps.prepare()
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        apps.create_version(package=apps.disk("nothing"))
    assert refusal.info.metadata["kind"] == "disk"
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.create_version(package="https://example.org/blob")
    assert refusal.fields == ["application_version.package"]


def test_an_image_is_not_made_of_a_file(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.catalogue.create_image()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.catalogue.create_version("1.0.0", disk="package")
    assert refusal.fields == ["image_version.os_disk"]
    assert "file" in refusal.message


@pytest.mark.parametrize(
    "fields",
    [
        {"package": "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/rg/disks/other"},
        {"default_configuration": "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/rg/disks/other"},
        {"manage_actions": pb.ManageActions(install="other", remove="r")},
        {"settings": pb.ApplicationSettings(package_file_name="other")},
        {"custom_actions": [ACTION]},
        {"advanced_settings": {"a": "b"}},
        {"enable_health_check": True},
        {"storage_account_type": publishing_pb.STORAGE_ACCOUNT_TYPE_PREMIUM_LRS},
        {"replication_mode": publishing_pb.REPLICATION_MODE_SHALLOW},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_never_changes_of_a_version_is_refused_by_its_field(
    apps: ApplicationClient, fields: dict[str, Any]
) -> None:
    apps.prepare()
    apps.publish("1.0.0")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.change_version(**fields)
    assert refusal.fields == [f"application_version.{next(iter(fields))}"]


def test_what_may_change_of_a_version_changes(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.publish("1.0.0")
    operation = apps.change_version(
        tags={"a": "b"}, exclude_from_latest=True, end_of_life_time=stamp(1), safety_profile=ALLOWED
    )
    assert operation.done
    answer = pb.ApplicationVersion()
    assert operation.response.Unpack(answer)
    assert (dict(answer.tags), answer.exclude_from_latest, answer.safety_profile) == ({"a": "b"}, True, ALLOWED)
    assert answer.manage_actions == COMMANDS
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        encryption = publishing_pb.RegionEncryption()
        apps.change_version(target_regions=[publishing_pb.TargetRegion(region="eastus", encryption=encryption)])
    assert refusal.fields == ["application_version.target_regions[0].encryption"]


def test_regions_are_added_counted_and_given_up_one_by_one(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.publish("1.0.0", safety_profile=ALLOWED)
    name = f"{apps.name}/versions/1.0.0"
    add = image_versions_pb2.AddTargetRegionsRequest(name=name, target_regions=[target("westus")])
    apps.stub.AddApplicationTargetRegions(add)
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        apps.stub.AddApplicationTargetRegions(add)
    count = image_versions_pb2.SetReplicaCountRequest(name=name, region="westus", replica_count=3)
    apps.stub.SetApplicationReplicaCount(count)
    assert [(one.region, one.replica_count) for one in apps.version().target_regions] == [("eastus", 1), ("westus", 3)]
    count.replica_count = 11
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.stub.SetApplicationReplicaCount(count)
    assert refusal.fields == ["application_version.target_regions[1].replica_count"]
    apps.stub.RemoveApplicationTargetRegions(
        image_versions_pb2.RemoveTargetRegionsRequest(name=name, regions=["westus"])
    )
    assert [one.region for one in apps.version().target_regions] == ["eastus"]


def test_a_call_of_images_takes_no_application(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.publish("1.0.0")
    name = f"{apps.name}/versions/1.0.0"
    calls: list[Callable[[], object]] = [
        lambda: apps.catalogue.galleries.GetImageVersion(image_versions_pb2.GetImageVersionRequest(name=name)),
        lambda: apps.catalogue.galleries.DeleteImageVersion(image_versions_pb2.DeleteImageVersionRequest(name=name)),
        lambda: apps.catalogue.galleries.AddTargetRegions(
            image_versions_pb2.AddTargetRegionsRequest(name=name, target_regions=[target("westus")])
        ),
    ]
    for call in calls:
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            call()
        assert refusal.fields == ["name"]


def test_latest_is_the_highest_number_that_is_in_the_region_and_not_excluded(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.publish("1.9.0")
    apps.publish("1.10.0")
    apps.publish("2.0.0", exclude_from_latest=True)
    apps.create_version("3.0.0")
    assert apps.resolve("latest", "eastus") == "1.10.0"
    assert apps.version("latest", "eastus").name.endswith("/versions/1.10.0")
    listed = apps.stub.ListApplicationVersions(pb.ListApplicationVersionsRequest(parent=apps.name))
    numbers = [version.name.rpartition("/")[2] for version in listed.application_versions]
    assert numbers == ["3.0.0", "2.0.0", "1.10.0", "1.9.0"]
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        apps.resolve("latest", "westus")


def test_the_name_of_a_version_is_three_numbers_and_free_once(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.publish("1.0.0")
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        apps.create_version("1.0.0")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        apps.create_version("latest")
    assert refusal.fields == ["application_version_id"]


def test_nothing_of_a_version_that_is_being_deleted_is_changed(apps: ApplicationClient) -> None:
    apps.prepare()
    apps.publish("1.0.0")
    name = f"{apps.name}/versions/1.0.0"
    operation: Operation = apps.stub.DeleteApplicationVersion(pb.DeleteApplicationVersionRequest(name=name))
    assert not operation.done
    with refused("FAILED_PRECONDITION", "WRONG_STATE") as refusal:
        apps.change_version(exclude_from_latest=True)
    assert refusal.info.metadata["kind"] == "application version"


def test_soft_deletion_is_for_images_and_applications_go_at_once(apps: ApplicationClient) -> None:
    policy = galleries_pb2.SoftDeletePolicy(enabled=True)
    apps.catalogue.create_gallery(gallery=galleries_pb2.Gallery(soft_delete_policy=policy))
    apps.create()
    apps.add_file("package")
    apps.publish("1.0.0")
    name = f"{apps.name}/versions/1.0.0"
    assert not apps.stub.DeleteApplicationVersion(pb.DeleteApplicationVersionRequest(name=name)).done
    assert apps.version().provisioning_state == publishing_pb.PROVISIONING_STATE_DELETING
