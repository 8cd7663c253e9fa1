"""Aliases of applications: as those of images, and of either only."""

import grpc
import pytest

from galleria.v1 import aliases_pb2 as pb
from galleria.v1 import applications_pb2, deletion_pb2
from galleria.v1.aliases_pb2_grpc import AliasesStub
from tests.server.application_client import ApplicationClient
from tests.server.catalogue_client import CatalogueClient, target
from tests.server.refusals import refused


@pytest.fixture
def apps(channel: grpc.Channel, client: CatalogueClient) -> ApplicationClient:
    """An application with the versions 1.0.0, in two regions, and 2.0.0 in one."""
    made = ApplicationClient(channel, client)
    made.prepare()
    made.publish("1.0.0", [target("eastus"), target("westus")])
    made.publish("2.0.0", [target("eastus")])
    return made


@pytest.fixture
def aliases(channel: grpc.Channel) -> AliasesStub:
    return AliasesStub(channel)


def point(aliases: AliasesStub, apps: ApplicationClient, number: str, alias: str = "stable") -> pb.Alias:
    return aliases.SetAlias(pb.SetAliasRequest(name=f"{apps.name}/aliases/{alias}", version=number))


def test_an_alias_stands_wherever_latest_may(apps: ApplicationClient, aliases: AliasesStub) -> None:
    made = point(aliases, apps, "1.0.0")
    assert (made.name, made.version) == (f"{apps.name}/aliases/stable", "1.0.0")
    assert apps.resolve("stable", "westus") == "1.0.0"
    assert apps.version("Stable").name == f"{apps.name}/versions/1.0.0"
    point(aliases, apps, "2.0.0")
    assert apps.resolve("stable", "eastus") == "2.0.0"
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        apps.resolve("stable", "westus")
    with refused("NOT_FOUND", "NOT_FOUND"):
        apps.resolve("canary", "eastus")


def test_aliases_are_listed_with_their_history_and_deleted(apps: ApplicationClient, aliases: AliasesStub) -> None:
    point(aliases, apps, "1.0.0")
    stable = point(aliases, apps, "2.0.0")
    canary = point(aliases, apps, "2.0.0", "canary")
    assert list(aliases.ListAliases(pb.ListAliasesRequest(parent=apps.name)).aliases) == [canary, stable]
    moves = aliases.ListAliasMoves(pb.ListAliasMovesRequest(parent=stable.name)).alias_moves
    assert [move.version for move in moves] == ["2.0.0", "1.0.0"]
    aliases.DeleteAlias(pb.DeleteAliasRequest(name=canary.name, etag=canary.etag))
    assert list(aliases.ListAliases(pb.ListAliasesRequest(parent=apps.name)).aliases) == [stable]


def test_an_image_of_the_same_name_has_aliases_of_its_own(apps: ApplicationClient, aliases: AliasesStub) -> None:
    catalogue = apps.catalogue
    catalogue.create_image("tool")
    point(aliases, apps, "1.0.0")
    image = f"{catalogue.gallery_name}/images/tool"
    assert not aliases.ListAliases(pb.ListAliasesRequest(parent=image)).aliases
    with refused("NOT_FOUND", "NOT_FOUND"):
        aliases.GetAlias(pb.GetAliasRequest(name=f"{image}/aliases/stable"))


def test_a_version_with_an_alias_stays_unless_all_of_the_gallery_goes(
    apps: ApplicationClient, aliases: AliasesStub
) -> None:
    made = point(aliases, apps, "1.0.0")
    request = applications_pb2.DeleteApplicationVersionRequest(name=f"{apps.name}/versions/1.0.0", force=True)
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        apps.stub.DeleteApplicationVersion(request)
    assert refusal.info.metadata["user"] == made.name
    tree = deletion_pb2.DeleteGalleryTreeRequest(name=apps.gallery)
    assert list(apps.catalogue.galleries.DeleteGalleryTree(tree).plan.aliases) == [made.name]
    with refused("NOT_FOUND", "NOT_FOUND"):
        aliases.GetAlias(pb.GetAliasRequest(name=made.name))


def test_a_version_that_is_being_deleted_is_not_pointed_at(apps: ApplicationClient, aliases: AliasesStub) -> None:
    name = f"{apps.name}/versions/1.0.0"
    apps.stub.DeleteApplicationVersion(applications_pb2.DeleteApplicationVersionRequest(name=name))
    with refused("FAILED_PRECONDITION", "WRONG_STATE") as refusal:
        point(aliases, apps, "1.0.0")
    assert refusal.info.metadata["kind"] == "application version"
