"""Which versions go by themselves, and in which regions the others are."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import aliases_pb2 as alias_pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import locks_pb2 as lock_pb
from galleria.v1 import policies_pb2 as pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.aliases_pb2_grpc import AliasesStub
from galleria.v1.locks_pb2_grpc import LocksStub
from galleria.v1.policies_pb2_grpc import PoliciesStub
from tests.server.catalogue_client import OCCUPIED, CatalogueClient, drop_copies, fail_copies, finish_copies, target
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.server.refusals import refused
from tests.support.moving_clock import MovingClock
from tests.support.server_thread import config_in, server_thread

CLOCK = MovingClock()
ALLOWED = publishing_pb.SafetyProfile(allow_deletion_of_replicated_locations=True)
EVERYWHERE = (target("eastus", 2), target("westus"), target("westeurope"))


@pytest.fixture(scope="module")
def running(module_folder: Path) -> Iterator[CatalogueServer]:
    with server_thread(config_in(module_folder), EmptyVolumes, CLOCK) as server:
        yield server


@pytest.fixture
def policies(channel: grpc.Channel) -> PoliciesStub:
    return PoliciesStub(channel)


def put(client: CatalogueClient, **policy: object) -> None:
    definition = image_pb.ImageDefinition(name=client.image_name, **policy)  # type: ignore[arg-type]
    client.galleries.UpdateImageDefinition(image_pb.UpdateImageDefinitionRequest(image_definition=definition))


def keep(client: CatalogueClient, last: int, days: int = 0, labels: tuple[str, ...] = ()) -> None:
    put(client, retention_policy=image_pb.RetentionPolicy(keep_last=last, keep_days=days, keep_labels=labels))


def publish(client: CatalogueClient, number: str, *regions: publishing_pb.TargetRegion, **fields: object) -> None:
    client.create_version(number, regions, image_version=version_pb.ImageVersion(**fields))  # type: ignore[arg-type]
    client.replicate(number)


def numbers(fates: object) -> list[str]:
    return [fate.version.rpartition("/")[2] for fate in fates]  # type: ignore[attr-defined]


def reasons(outcome: pb.PolicyOutcome) -> dict[str, str]:
    return {fate.version.rpartition("/")[2]: fate.reason for fate in outcome.kept}


def preview(client: CatalogueClient, policies: PoliciesStub) -> pb.PolicyOutcome:
    return policies.PreviewRetention(pb.PreviewRetentionRequest(name=client.image_name))


def test_the_last_of_each_minor_line_are_kept(client: CatalogueClient, policies: PoliciesStub) -> None:
    client.prepare()
    for number in ("1.0.0", "1.0.9", "1.0.10", "1.1.0", "2.0.0", "2.0.1", "2.0.2"):
        publish(client, number)
    keep(client, 2)
    told = preview(client, policies)
    assert numbers(told.changed) == ["2.0.0", "1.0.0"]
    assert all(fate.deleted for fate in told.changed)
    assert (told.changed_count, told.kept_count, told.saved_bytes) == (2, 5, 2 * OCCUPIED)
    assert not told.operations
    done = policies.ApplyRetention(pb.ApplyRetentionRequest(name=client.image_name))
    assert (numbers(done.changed), len(done.operations)) == (["2.0.0", "1.0.0"], 2)
    assert client.version("1.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_DELETING
    assert not preview(client, policies).changed


def test_versions_that_never_succeeded_count_for_nothing(client: CatalogueClient, policies: PoliciesStub) -> None:
    """A clean-up that counts failed versions deletes the good ones."""
    client.prepare()
    publish(client, "1.0.0")
    for number in ("1.0.1", "1.0.2"):
        client.create_version(number)
    client.running.write(fail_copies, UUID(client.version("1.0.1").uid), None, "no")
    keep(client, 1)
    told = preview(client, policies)
    assert numbers(told.changed) == ["1.0.1"]
    assert reasons(told) == {"1.0.2": "is creating", "1.0.0": "one of the last 1 of 1.0"}


def test_what_is_young_or_labelled_is_kept(client: CatalogueClient, policies: PoliciesStub) -> None:
    client.prepare()
    publish(client, "1.0.0", labels={"keep": "release"})
    publish(client, "1.0.1", labels={"keep": "no"})
    CLOCK.advance(timedelta(days=10))
    publish(client, "1.0.2")
    publish(client, "1.0.3")
    keep(client, 1, 7, ("keep=release",))
    told = preview(client, policies)
    assert numbers(told.changed) == ["1.0.1"]
    assert reasons(told)["1.0.2"] == "younger than 7 days"
    assert reasons(told)["1.0.0"] == "has the label keep=release"
    keep(client, 1, 7, ("keep",))
    assert not preview(client, policies).changed


def test_what_is_protected_is_never_touched(
    client: CatalogueClient, policies: PoliciesStub, channel: grpc.Channel
) -> None:
    client.prepare()
    guard = publishing_pb.SafetyProfile(block_deletion_before_end_of_life=True)
    for number in ("1.0.0", "1.0.1", "1.0.2", "1.0.4", "1.0.5"):
        publish(client, number)
    end = CLOCK() + timedelta(days=30)
    version = version_pb.ImageVersion(safety_profile=guard)
    version.end_of_life_time.FromDatetime(end)
    client.create_version("1.0.3", image_version=version)
    client.replicate("1.0.3")
    alias = f"{client.image_name}/aliases/stable"
    AliasesStub(channel).SetAlias(alias_pb.SetAliasRequest(name=alias, version="1.0.0"))
    lock = lock_pb.Lock(level=lock_pb.LOCK_LEVEL_CAN_NOT_DELETE)
    locks = LocksStub(channel)
    parent = f"{client.image_name}/versions/1.0.1"
    locks.CreateLock(lock_pb.CreateLockRequest(parent=parent, lock_id="keep", lock=lock))
    copied = version_pb.ImageVersion(source_version=f"{client.image_name}/versions/1.0.2")
    client.galleries.CreateImageVersion(
        version_pb.CreateImageVersionRequest(parent=client.image_name, image_version_id="9.0.0", image_version=copied)
    )
    keep(client, 1)
    told = preview(client, policies)
    assert numbers(told.changed) == ["1.0.4"]
    found = reasons(told)
    assert "aliases/stable" in found["1.0.0"]
    assert "lock" in found["1.0.1"]
    assert "a copy that is being made" in found["1.0.2"]
    assert "end of life" in found["1.0.3"]
    done = policies.ApplyRetention(pb.ApplyRetentionRequest(name=client.image_name))
    assert numbers(done.changed) == ["1.0.4"]


def test_a_policy_that_would_keep_nothing_is_refused(client: CatalogueClient) -> None:
    client.prepare()
    for policy in (
        image_pb.RetentionPolicy(keep_last=0),
        image_pb.RetentionPolicy(keep_last=1001),
        image_pb.RetentionPolicy(keep_days=3651),
        image_pb.RetentionPolicy(keep_labels=[""]),
    ):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            put(client, retention_policy=policy)
        assert refusal.fields[0].startswith("image_definition.retention_policy.keep_")


def test_without_a_policy_there_is_nothing_to_apply(client: CatalogueClient, policies: PoliciesStub) -> None:
    client.prepare()
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        preview(client, policies)
    assert refusal.info.metadata["kind"] == "retention policy"
    with refused("NOT_FOUND", "NOT_FOUND"):
        policies.ApplySpread(pb.ApplySpreadRequest(name=client.image_name))


def spread(client: CatalogueClient, newest: int, *regions: publishing_pb.TargetRegion) -> None:
    put(client, spread_policy=image_pb.SpreadPolicy(newest=newest, target_regions=regions))


def regions_of(client: CatalogueClient, number: str) -> dict[str, int]:
    return {region.region: region.replica_count for region in client.version(number).target_regions}


def test_the_newest_are_everywhere_and_older_ones_at_home(client: CatalogueClient, policies: PoliciesStub) -> None:
    client.prepare()
    publish(client, "1.0.0", *EVERYWHERE, safety_profile=ALLOWED)
    publish(client, "2.0.0", safety_profile=ALLOWED)
    spread(client, 1, target("East US", 2), target("westus"))
    told = policies.PreviewSpread(pb.PreviewSpreadRequest(name=client.image_name))
    assert numbers(told.changed) == ["2.0.0", "1.0.0"]
    # In westus there is nothing newer yet; at home there is.
    assert {at.region: at.replica_count for at in told.changed[1].target_regions} == {
        "eastus": 1,
        "westus": 1,
        "westeurope": 1,
    }
    assert (told.added_bytes, told.saved_bytes) == (2 * OCCUPIED, OCCUPIED)
    policies.ApplySpread(pb.ApplySpreadRequest(name=client.image_name))
    assert regions_of(client, "2.0.0") == {"eastus": 2, "westus": 1}
    client.replicate("2.0.0")
    policies.ApplySpread(pb.ApplySpreadRequest(name=client.image_name))
    # The policy does not have westeurope, and nothing newer can be used there.
    assert regions_of(client, "1.0.0") == {"eastus": 1, "westeurope": 1}


def test_a_region_is_left_only_when_the_newer_version_is_usable_there(
    client: CatalogueClient, policies: PoliciesStub
) -> None:
    client.prepare()
    publish(client, "1.0.0", target("eastus"), target("westus"), safety_profile=ALLOWED)
    client.create_version("2.0.0", [target("eastus"), target("westus")])
    uid = UUID(client.version("2.0.0").uid)
    client.running.write(finish_copies, uid, "eastus")
    client.running.write(fail_copies, uid, "westus", "no")
    spread(client, 1, target("westus"))
    policies.ApplySpread(pb.ApplySpreadRequest(name=client.image_name))
    assert regions_of(client, "1.0.0") == {"eastus": 1, "westus": 1}


def test_what_does_not_allow_it_stays_where_it_is(
    client: CatalogueClient, policies: PoliciesStub, channel: grpc.Channel
) -> None:
    client.prepare()
    publish(client, "1.0.0", *EVERYWHERE)
    publish(client, "1.1.0", *EVERYWHERE, safety_profile=ALLOWED)
    publish(client, "2.0.0", *EVERYWHERE)
    alias = f"{client.image_name}/aliases/stable"
    AliasesStub(channel).SetAlias(alias_pb.SetAliasRequest(name=alias, version="1.1.0"))
    spread(client, 1, *EVERYWHERE)
    told = policies.ApplySpread(pb.ApplySpreadRequest(name=client.image_name))
    assert not told.changed
    found = reasons(told)
    assert "allow_deletion_of_replicated_locations" in found["1.0.0"]
    assert "aliases/stable" in found["1.1.0"]
    assert found["2.0.0"] == "one of the newest 1"


def test_one_that_cannot_be_changed_does_not_hold_the_others_up(
    client: CatalogueClient, policies: PoliciesStub
) -> None:
    client.prepare()
    publish(client, "2.0.0")
    publish(client, "1.0.0", *EVERYWHERE, safety_profile=ALLOWED)
    spread(client, 2, target("eastus", 3), target("westus", 9))
    told = policies.ApplySpread(pb.ApplySpreadRequest(name=client.image_name))
    assert not told.changed
    assert all("region westus has room for 3 copies" in reason for reason in reasons(told).values())
    assert regions_of(client, "2.0.0") == {"eastus": 1}


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (image_pb.SpreadPolicy(newest=0, target_regions=[target("eastus")]), "newest"),
        (image_pb.SpreadPolicy(newest=1), "target_regions"),
        (image_pb.SpreadPolicy(target_regions=[target("eastus"), target("eastus")]), "target_regions"),
        (image_pb.SpreadPolicy(target_regions=[target("eastus", 101)]), "target_regions[0].replica_count"),
        (image_pb.SpreadPolicy(target_regions=[target("")]), "target_regions[0].region"),
    ],
)
def test_what_no_spread_may_be(client: CatalogueClient, policy: image_pb.SpreadPolicy, field: str) -> None:
    client.prepare()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        put(client, spread_policy=policy)
    assert refusal.fields == [f"image_definition.spread_policy.{field}"]


def test_a_spread_to_an_unknown_region_is_refused(client: CatalogueClient) -> None:
    client.prepare()
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        spread(client, 1, target("mars"))


def test_policies_are_cleared_by_their_mask(client: CatalogueClient, policies: PoliciesStub) -> None:
    client.prepare()
    keep(client, 1)
    cleared = image_pb.UpdateImageDefinitionRequest(
        image_definition=image_pb.ImageDefinition(name=client.image_name),
        update_mask=FieldMask(paths=["retention_policy"]),
    )
    assert not client.galleries.UpdateImageDefinition(cleared).HasField("retention_policy")
    with refused("NOT_FOUND", "NOT_FOUND"):
        preview(client, policies)


def test_the_server_applies_policies_by_itself(client: CatalogueClient, running: CatalogueServer) -> None:
    client.prepare()
    publish(client, "1.0.0", *EVERYWHERE, safety_profile=ALLOWED)
    publish(client, "1.0.1", *EVERYWHERE, safety_profile=ALLOWED)
    publish(client, "1.0.2", *EVERYWHERE)
    keep(client, 2)
    spread(client, 1, *EVERYWHERE)
    wakes = running.content.wakes
    assert running.run(running.server.housekeeping.round()) >= 2
    assert running.content.wakes > wakes
    assert client.version("1.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_DELETING
    assert regions_of(client, "1.0.1") == {"eastus": 1}
    assert regions_of(client, "1.0.2") == {"eastus": 2, "westus": 1, "westeurope": 1}
    running.write(drop_copies, UUID(client.version("1.0.0").uid))
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.version("1.0.0")
