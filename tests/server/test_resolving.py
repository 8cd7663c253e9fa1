"""What `latest` and aliases mean, why, and what was passed over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from galleria.v1 import aliases_pb2 as alias_pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.aliases_pb2_grpc import AliasesStub
from galleria_server.domain.aliases import MAX_MOVES
from galleria_server.domain.models import DiskState
from galleria_server.metadata import aliases as rows
from galleria_server.metadata.engine import Transaction
from tests.server.catalogue_client import CatalogueClient, add_disk, finish_copies, target
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.server.refusals import refused
from tests.server.test_version_updates import change
from tests.support.moving_clock import MovingClock
from tests.support.server_thread import config_in, server_thread

DENY, WARN = publishing_pb.END_OF_LIFE_POLICY_DENY, publishing_pb.END_OF_LIFE_POLICY_WARN


CLOCK = MovingClock()


@pytest.fixture(scope="module")
def running(module_folder: Path) -> Iterator[CatalogueServer]:
    with server_thread(config_in(module_folder), EmptyVolumes, CLOCK) as server:
        yield server


def tomorrow() -> Timestamp:
    time = Timestamp()
    time.FromDatetime(CLOCK() + timedelta(days=1))
    return time


@pytest.fixture
def aliases(running: CatalogueServer) -> Iterator[AliasesStub]:
    with grpc.insecure_channel(running.target) as channel:
        yield AliasesStub(channel)


def resolve(client: CatalogueClient, number: str, region: str = "eastus") -> version_pb.ResolveImageVersionResponse:
    name = f"{client.image_name}/versions/{number}"
    return client.galleries.ResolveImageVersion(version_pb.ResolveImageVersionRequest(name=name, region=region))


def skipped(answer: version_pb.ResolveImageVersionResponse) -> dict[str, str]:
    return {
        version.version: version_pb.SkipReason.Name(version.reason).removeprefix("SKIP_REASON_")
        for version in answer.skipped
    }


def end(client: CatalogueClient, number: str, policy: publishing_pb.EndOfLifePolicy.ValueType) -> None:
    """Let the end of life of a version have come, under a policy."""
    change(client, number=number, end_of_life_time=tomorrow())
    definition = image_pb.ImageDefinition(name=client.image_name, end_of_life_policy=policy)
    client.galleries.UpdateImageDefinition(image_pb.UpdateImageDefinitionRequest(image_definition=definition))
    CLOCK.advance(timedelta(days=2))


def test_each_version_that_was_passed_over_is_told_with_its_reason(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0")
    client.create_version("1.1.0", [target("eastus"), target("westus")])
    client.running.write(finish_copies, UUID(client.version("1.1.0").uid), "westus")
    client.publish("1.2.0", [target("eastus", exclude=True)])
    client.create_version("1.3.0", image_version=version_pb.ImageVersion(exclude_from_latest=True))
    client.replicate("1.3.0")
    client.create_version("1.4.0", [target("westus")], image_version=version_pb.ImageVersion(location="westus"))
    client.publish("1.5.0")
    client.delete_version("1.5.0")
    answer = resolve(client, "latest")
    assert (answer.version, answer.image_version.name.rpartition("/")[2]) == ("1.0.0", "1.0.0")
    assert skipped(answer) == {
        "1.5.0": "DELETING",
        "1.4.0": "NOT_IN_REGION",
        "1.3.0": "EXCLUDED",
        "1.2.0": "EXCLUDED",
        "1.1.0": "NOT_READY",
    }
    assert [version.version for version in answer.skipped] == ["1.5.0", "1.4.0", "1.3.0", "1.2.0", "1.1.0"]
    assert answer.skipped_count == 5
    assert "1.0.0 is the highest version that is usable in eastus" in answer.reason
    assert "everywhere" in answer.skipped[2].details
    assert "in eastus" in answer.skipped[3].details


def test_a_hundred_are_told_and_all_are_counted(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("0.0.1")
    for patch in range(2, 105):
        client.create_version(f"0.0.{patch}")
    answer = resolve(client, "latest")
    assert (answer.version, len(answer.skipped), answer.skipped_count) == ("0.0.1", 100, 103)
    assert answer.skipped[0].version == "0.0.104"


def test_where_none_is_meant_the_refusal_says_why(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0")
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION") as refusal:
        resolve(client, "latest")
    assert "1.0.0 has no full copy that can be read in eastus yet" in refusal.message
    assert "1.0.0" in refusal.info.metadata["skipped"]


def test_a_denied_end_of_life_is_passed_over_and_refused(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0")
    client.publish("2.0.0")
    end(client, "2.0.0", DENY)
    answer = resolve(client, "latest")
    assert (answer.version, skipped(answer)) == ("1.0.0", {"2.0.0": "END_OF_LIFE"})
    with refused("FAILED_PRECONDITION", "END_OF_LIFE") as refusal:
        resolve(client, "2.0.0")
    assert refusal.info.metadata["end_of_life"]
    assert client.version("2.0.0").end_of_life_time.seconds


def test_a_denied_end_of_a_definition_denies_all_its_versions(client: CatalogueClient) -> None:
    client.create_gallery()
    client.create_image(image_definition=image_pb.ImageDefinition(end_of_life_time=tomorrow(), end_of_life_policy=DENY))
    client.running.write(add_disk, client.group_name, "disk-1", DiskState.READY)
    client.publish("1.0.0")
    assert resolve(client, "latest").version == "1.0.0"
    CLOCK.advance(timedelta(days=2))
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION") as refusal:
        resolve(client, "latest")
    assert "end of life" in refusal.message


@pytest.mark.parametrize(("policy", "told"), [(WARN, 1), (publishing_pb.END_OF_LIFE_POLICY_INFORM, 0)])
def test_other_policies_let_it_be_deployed(
    client: CatalogueClient, policy: publishing_pb.EndOfLifePolicy.ValueType, told: int
) -> None:
    client.prepare()
    client.publish("1.0.0")
    end(client, "1.0.0", policy)
    for number in ("latest", "1.0.0"):
        answer = resolve(client, number)
        assert (answer.version, len(answer.warnings)) == ("1.0.0", told)


def point(client: CatalogueClient, aliases: AliasesStub, alias: str, version: str, etag: str = "") -> alias_pb.Alias:
    return aliases.SetAlias(
        alias_pb.SetAliasRequest(name=f"{client.image_name}/aliases/{alias}", version=version, etag=etag)
    )


def test_an_alias_stands_for_the_version_that_it_points_at(client: CatalogueClient, aliases: AliasesStub) -> None:
    client.prepare()
    client.publish("1.0.0")
    client.publish("2.0.0")
    made = point(client, aliases, "Stable", "1.0.0")
    assert (made.name, made.version) == (f"{client.image_name}/aliases/Stable", "1.0.0")
    assert resolve(client, "stable").version == "1.0.0"
    assert "alias" in resolve(client, "stable").reason
    named = version_pb.GetImageVersionRequest(name=f"{client.image_name}/versions/STABLE")
    assert client.galleries.GetImageVersion(named).name.endswith("1.0.0")
    moved = point(client, aliases, "stable", "2.0.0", etag=made.etag)
    assert (moved.uid, moved.name, moved.version) == (made.uid, made.name, "2.0.0")
    assert resolve(client, "stable").version == "2.0.0"
    with refused("ABORTED", "ETAG_MISMATCH"):
        point(client, aliases, "stable", "1.0.0", etag=made.etag)
    moves = aliases.ListAliasMoves(alias_pb.ListAliasMovesRequest(parent=made.name))
    assert [move.version for move in moves.alias_moves] == ["2.0.0", "1.0.0"]


def test_an_alias_that_points_there_already_stays_as_it_is(client: CatalogueClient, aliases: AliasesStub) -> None:
    client.prepare()
    client.publish("1.0.0")
    assert point(client, aliases, "stable", "1.0.0") == point(client, aliases, "stable", "1.0.0")


def test_an_alias_needs_its_version_in_the_region(client: CatalogueClient, aliases: AliasesStub) -> None:
    client.prepare()
    client.create_version("1.0.0")
    point(client, aliases, "canary", "1.0.0")
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        resolve(client, "canary")
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        resolve(client, "other")
    assert refusal.info.metadata["kind"] == "alias"


def test_a_version_with_an_alias_is_in_use(client: CatalogueClient, aliases: AliasesStub) -> None:
    client.prepare()
    client.publish("1.0.0")
    made = point(client, aliases, "stable", "1.0.0")
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        client.delete_version("1.0.0")
    assert refusal.info.metadata["user"] == made.name
    with refused("ABORTED", "ETAG_MISMATCH"):
        aliases.DeleteAlias(alias_pb.DeleteAliasRequest(name=made.name, etag="other"))
    aliases.DeleteAlias(alias_pb.DeleteAliasRequest(name=made.name))
    with refused("NOT_FOUND", "NOT_FOUND"):
        aliases.GetAlias(alias_pb.GetAliasRequest(name=made.name))
    client.delete_version("1.0.0")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        point(client, aliases, "stable", "1.0.0")


@pytest.mark.parametrize("alias", ["latest", "Recent", "1.0.0", "1a", "", "a" * 64, "a_b", "-a", "ä"])
def test_what_no_alias_may_be_called(client: CatalogueClient, aliases: AliasesStub, alias: str) -> None:
    client.prepare()
    client.publish("1.0.0")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        point(client, aliases, alias, "1.0.0")
    assert refusal.fields == ["name"]


def test_aliases_need_definition_and_version(client: CatalogueClient, aliases: AliasesStub) -> None:
    with refused("NOT_FOUND", "NOT_FOUND"):
        point(client, aliases, "stable", "1.0.0")
    client.prepare()
    with refused("NOT_FOUND", "NOT_FOUND"):
        point(client, aliases, "stable", "1.0.0")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        point(client, aliases, "stable", "latest")
    assert refusal.fields == ["version"]


def test_aliases_and_moves_are_listed_page_by_page(client: CatalogueClient, aliases: AliasesStub) -> None:
    client.prepare()
    client.publish("1.0.0")
    client.publish("2.0.0")
    for alias in ("b", "A", "c"):
        point(client, aliases, alias, "1.0.0")
    request = alias_pb.ListAliasesRequest(parent=client.image_name, page_size=2)
    first = aliases.ListAliases(request)
    request.page_token = first.next_page_token
    found = [*first.aliases, *aliases.ListAliases(request).aliases]
    assert [alias.name.rpartition("/")[2] for alias in found] == ["A", "b", "c"]
    point(client, aliases, "b", "2.0.0")
    moves = alias_pb.ListAliasMovesRequest(parent=f"{client.image_name}/aliases/b", page_size=1)
    newest = aliases.ListAliasMoves(moves)
    moves.page_token = newest.next_page_token
    oldest = aliases.ListAliasMoves(moves)
    assert [newest.alias_moves[0].version, oldest.alias_moves[0].version] == ["2.0.0", "1.0.0"]
    assert not oldest.next_page_token


def test_the_oldest_moves_are_forgotten(client: CatalogueClient, aliases: AliasesStub) -> None:
    client.prepare()
    client.publish("1.0.0")
    made = point(client, aliases, "stable", "1.0.0")

    def many(transaction: Transaction) -> list[int]:
        before = rows.find_by_uid(transaction, UUID(made.uid))
        assert before is not None
        for moves in range(2, MAX_MOVES + 4):
            rows.put(transaction, replace(before, moves=moves))
        return [move.position for move in rows.moves(transaction, before.uid, None, 2 * MAX_MOVES)]

    assert client.running.write(many) == list(range(MAX_MOVES + 3, 3, -1))


def test_a_definition_with_aliases_has_versions_and_stays(client: CatalogueClient, aliases: AliasesStub) -> None:
    client.prepare()
    client.publish("1.0.0")
    point(client, aliases, "stable", "1.0.0")
    with refused("FAILED_PRECONDITION", "IN_USE"):
        client.galleries.DeleteImageDefinition(image_pb.DeleteImageDefinitionRequest(name=client.image_name))
