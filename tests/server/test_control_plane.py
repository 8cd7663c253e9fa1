"""The control plane beside a model: galleries, images, versions, aliases, deployments, locks, deletion, restarts.

Names come from a small pool in either case, so that they collide and are used again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from galleria.v1 import aliases_pb2 as alias_pb
from galleria.v1 import deletion_pb2 as tree_pb
from galleria.v1 import deployments_pb2 as deployment_pb
from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import locks_pb2 as lock_pb
from galleria.v1 import publishing_pb2
from tests.server.control_plane.model import (
    HOME,
    REGIONS,
    Deployment,
    Gallery,
    Image,
    Model,
    Number,
    Path,
    Version,
    text_of,
)
from tests.server.control_plane.wire import DISK, GROUP, World, gallery_request, image_request, name_of, outcome

# Most of them of what is there at the beginning, so that much is done and not only refused.
NAMES = st.sampled_from(["prod", "Prod", "prod", "test"])
IMAGES = st.one_of(
    st.just(("prod", "debian")),
    st.just(("Prod", "Debian")),
    st.just(("prod", "debian")),
    st.tuples(NAMES, st.sampled_from(["debian", "other"])),
)
NUMBERS = st.sampled_from([(1, 0, 9), (1, 0, 10), (1, 0, 9), (1, 0, 10), (2, 0, 0)])
ALIASES = st.sampled_from(["stable", "Stable", "stable", "canary"])
DEPLOYMENTS = st.sampled_from(["web", "WEB", "web", "db"])
SELDOM = st.sampled_from([False, False, False, True])
LEVELS = st.sampled_from(["CAN_NOT_DELETE", "READ_ONLY"])
SCOPES = st.one_of(
    st.just(()),
    st.tuples(NAMES),
    IMAGES,
    st.tuples(IMAGES, NUMBERS).map(lambda at: (*at[0], text_of(at[1]))),
)
# With more of them hardly anything could be written.
MOST_LOCKS = 1
STATES = {"SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED", "DELETING": "DELETING"}


def folded(path: Path) -> Path:
    return tuple(part.casefold() for part in path)


class ControlPlaneMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.model = Model()

    def teardown(self) -> None:
        self.world.running.close()
        shutil.rmtree(self.world.folder)

    def ask(self, call: Callable[[Any], Any], request: Any, refusals: set[str]) -> Any:  # noqa: ANN401
        """The answer; None when it is refused, which must be for one of the reasons, and for none otherwise."""
        answer, reason = outcome(call, request)
        if refusals:
            assert reason in refusals, (request, reason, refusals)
            return None
        assert reason == "", (request, reason)
        return answer

    def write(self, call: Callable[[Any], Any], request: Any, refusals: set[str], *, again: bool) -> Any:  # noqa: ANN401
        """As `ask`, checked first, which changes nothing, and repeated with its request id, which changes nothing."""
        request.request_id, request.validate_only = str(uuid4()), True
        self.ask(call, request, refusals)
        request.validate_only = False
        answer = self.ask(call, request, refusals)
        if again and not refusals:
            repeated, reason = outcome(call, request)
            assert reason == "", request
            assert type(repeated) is type(answer)
        return answer

    @initialize(keeps=st.booleans())
    def begin(self, *, keeps: bool) -> None:
        """A gallery, an image, and two versions of which one is everywhere."""
        self.create_gallery("prod", again=False)
        self.set_policy("prod", keeps=keeps)
        self.create_image(("prod", "debian"), again=False)
        for number in ((1, 0, 9), (1, 0, 10)):
            self.create_version(("prod", "debian"), number, west=True, excluded=False, again=False)
        for region in REGIONS:
            self.copy(("prod", "debian"), (1, 0, 9), region)

    # Parents.

    @rule(name=NAMES, again=st.booleans())
    def create_gallery(self, name: str, *, again: bool) -> None:
        taken = {"ALREADY_EXISTS"} if name.casefold() in self.model.galleries else set()
        refusals = taken | self.model.locked(folded((name,)), delete=False)
        if self.write(self.world.galleries.CreateGallery, gallery_request(name), refusals, again=again):
            self.model.galleries[name.casefold()] = Gallery()

    @rule(name=NAMES, keeps=st.booleans())
    def set_policy(self, name: str, *, keeps: bool) -> None:
        path = folded((name,))
        policy = pb.SoftDeletePolicy(enabled=keeps)
        request = pb.UpdateGalleryRequest(
            gallery=pb.Gallery(name=name_of((name,)), soft_delete_policy=policy),
            update_mask=FieldMask(paths=["soft_delete_policy"]),
        )
        refusals = self.model.missing(path) | self.model.locked(path, delete=False)
        if self.write(self.world.galleries.UpdateGallery, request, refusals, again=False):
            self.model.galleries[path[0]].keeps_deleted = keeps

    @rule(name=NAMES, again=st.booleans())
    def delete_gallery(self, name: str, *, again: bool) -> None:
        path = folded((name,))
        refusals = self.model.missing(path) | self.model.locked(path, delete=True)
        gallery = self.model.galleries.get(path[0])
        refusals |= {"IN_USE"} if gallery and gallery.images else set()
        request = pb.DeleteGalleryRequest(name=name_of((name,)))
        if self.write(self.world.galleries.DeleteGallery, request, refusals, again=again) is not None:
            del self.model.galleries[path[0]]

    @rule(at=IMAGES, again=st.booleans())
    def create_image(self, at: Path, *, again: bool) -> None:
        path = folded(at)
        refusals = self.model.missing(path[:1]) | self.model.locked(path, delete=False)
        refusals |= {"ALREADY_EXISTS"} if self.model.image(path) else set()
        request = image_request(*at)
        if self.write(self.world.galleries.CreateImageDefinition, request, refusals, again=again):
            self.model.galleries[path[0]].images[path[1]] = Image()

    @rule(at=IMAGES)
    def delete_image(self, at: Path) -> None:
        path, image = folded(at), self.model.image(folded(at))
        refusals = self.model.missing(path) | self.model.locked(path, delete=True)
        refusals |= {"IN_USE"} if image and image.versions else set()
        request = image_pb.DeleteImageDefinitionRequest(name=name_of(at))
        if self.write(self.world.galleries.DeleteImageDefinition, request, refusals, again=False) is not None:
            del self.model.galleries[path[0]].images[path[1]]

    # Versions.

    @rule(at=IMAGES, number=NUMBERS, west=st.booleans(), excluded=st.booleans(), again=st.booleans())
    def create_version(self, at: Path, number: Number, *, west: bool, excluded: bool, again: bool) -> None:
        path, regions = folded(at), frozenset(REGIONS if west else {HOME})
        existing = self.model.version(path, number)
        refusals = self.model.missing(path) | self.model.locked((*path, text_of(number)), delete=False)
        if existing and (existing.soft or existing.deleting or not existing.failed):
            refusals |= {"ALREADY_EXISTS"}
        version = version_pb.ImageVersion(os_disk=DISK, exclude_from_latest=excluded)
        version.target_regions.extend(
            publishing_pb2.TargetRegion(region=region, replica_count=1) for region in sorted(regions)
        )
        request = version_pb.CreateImageVersionRequest(
            parent=name_of(at), image_version_id=text_of(number), image_version=version
        )
        image = self.model.image(path)
        if self.write(self.world.galleries.CreateImageVersion, request, refusals, again=again) and image is not None:
            ready = existing.ready & regions if existing else frozenset[str]()
            image.versions[number] = Version(regions, excluded, ready)
            self.learn(path, number)

    def learn(self, path: Path, number: Number) -> None:
        """What the server draws: uid and etag."""
        version = self.model.version(path, number)
        found = self.world.galleries.GetImageVersion(
            version_pb.GetImageVersionRequest(name=name_of(path, text_of(number)))
        )
        assert version is not None
        version.uid, version.etag = found.uid, found.etag

    @rule(at=IMAGES, number=NUMBERS, region=st.sampled_from(REGIONS))
    def copy(self, at: Path, number: Number, region: str) -> None:
        version = self.model.version(folded(at), number)
        if version is None:
            return
        self.world.copied(version.uid, region)
        if region in version.regions and not version.failed and not version.deleting:
            version.ready |= {region}
        self.learn(folded(at), number)

    @rule(at=IMAGES, number=NUMBERS, excluded=SELDOM, stale=SELDOM)
    def update_version(self, at: Path, number: Number, *, excluded: bool, stale: bool) -> None:
        path, version = folded(at), self.model.version(folded(at), number)
        refusals = self.model.locked((*path, text_of(number)), delete=False)
        if version is None:
            refusals |= {"NOT_FOUND"}
        else:
            refusals |= {"ETAG_MISMATCH"} if stale else set()
            refusals |= {"WRONG_STATE"} if version.deleting or version.soft else set()
        changed = version_pb.ImageVersion(name=name_of(at, text_of(number)), exclude_from_latest=excluded)
        changed.etag = "0" * 16 if stale else (version.etag if version else "")
        request = version_pb.UpdateImageVersionRequest(
            image_version=changed, update_mask=FieldMask(paths=["exclude_from_latest"])
        )
        if self.write(self.world.galleries.UpdateImageVersion, request, refusals, again=False) and version:
            version.excluded, version.failed = excluded, False
            self.learn(path, number)

    @rule(at=IMAGES, number=NUMBERS, bypass=st.booleans(), force=st.booleans(), stale=SELDOM)
    def delete_version(self, at: Path, number: Number, *, bypass: bool, force: bool, stale: bool) -> None:
        path, version = folded(at), self.model.version(folded(at), number)
        refusals = self.model.refusals_of_deletion(path, number, bypass=bypass, force=force, stale=stale)
        request = version_pb.DeleteImageVersionRequest(
            name=name_of(at, text_of(number)),
            etag="0" * 16 if stale else "",
            bypass_soft_delete=bypass,
            force=force,
        )
        done = self.write(self.world.galleries.DeleteImageVersion, request, refusals, again=False)
        if done is None or version is None or version.deleting:
            return
        if self.model.galleries[path[0]].keeps_deleted and not bypass:
            version.failed = version.failed or not version.succeeded
            version.soft = True
        else:
            version.deleting = True
        self.learn(path, number)

    @rule(at=IMAGES, number=NUMBERS, purge=st.booleans(), force=st.booleans())
    def purge_or_restore(self, at: Path, number: Number, *, purge: bool, force: bool) -> None:
        path, version = folded(at), self.model.version(folded(at), number)
        name = name_of(at, text_of(number))
        wrong = {"WRONG_STATE"} if version and not version.soft else set()
        if purge:
            refusals = wrong | self.model.refusals_of_deletion(path, number, bypass=True, force=force, stale=False)
            request: Any = version_pb.PurgeImageVersionRequest(name=name, force=force)
            call: Any = self.world.galleries.PurgeImageVersion
        else:
            refusals = wrong | self.model.locked((*path, text_of(number)), delete=False)
            refusals |= {"NOT_FOUND"} if version is None else set()
            refusals |= {"WRONG_STATE"} if version and version.deleting else set()
            request = version_pb.RestoreImageVersionRequest(name=name)
            call = self.world.galleries.RestoreImageVersion
        if self.write(call, request, refusals, again=False) is None or version is None or version.deleting:
            return
        if purge:
            version.deleting = True
        else:
            version.soft = False
        self.learn(path, number)

    @rule(at=IMAGES)
    def remove_copies(self, at: Path) -> None:
        """What is being deleted goes with its last copy."""
        image = self.model.image(folded(at))
        for number in [number for number, version in (image.versions if image else {}).items() if version.deleting]:
            assert image is not None
            self.world.removed(image.versions[number].uid)
            del image.versions[number]

    @rule(name=NAMES, bypass=st.booleans(), force=st.booleans(), real=SELDOM)
    def delete_tree(self, name: str, *, bypass: bool, force: bool, real: bool) -> None:
        path, dry = folded((name,)), not real
        gallery = self.model.galleries.get(path[0])
        staying = [
            version
            for image in (gallery.images.values() if gallery else ())
            for version in image.versions.values()
            if not version.deleting
        ]
        blockers = self.model.locked(path, delete=True)
        if gallery and not bypass and (any(one.soft for one in staying) or (gallery.keeps_deleted and staying)):
            blockers |= {"IN_USE"}
        if not force and any(self.model.in_use(one) for one in staying):
            blockers |= {"IN_USE"}
        request = tree_pb.DeleteGalleryTreeRequest(
            name=name_of((name,)), bypass_soft_delete=bypass, force=force, validate_only=dry
        )
        refusals = self.model.missing(path) | (set() if dry else blockers)
        answer = self.ask(self.world.galleries.DeleteGalleryTree, request, refusals)
        if answer is None or gallery is None:
            return
        assert {blocker.reason for blocker in answer.plan.blockers} == blockers
        assert answer.plan.image_version_count == sum(len(image.versions) for image in gallery.images.values())
        if not dry:
            for image in gallery.images.values():
                for version in image.versions.values():
                    self.world.removed(version.uid)
            del self.model.galleries[path[0]]

    # What points at versions.

    @rule(at=IMAGES, alias=ALIASES, number=NUMBERS, again=st.booleans())
    def set_alias(self, at: Path, alias: str, number: Number, *, again: bool) -> None:
        path, version = folded(at), self.model.version(folded(at), number)
        refusals = self.model.locked(path, delete=False)
        refusals |= {"NOT_FOUND"} if version is None else set()
        refusals |= {"WRONG_STATE"} if version and (version.deleting or version.soft) else set()
        request = alias_pb.SetAliasRequest(name=f"{name_of(at)}/aliases/{alias}", version=text_of(number))
        image = self.model.image(path)
        if self.write(self.world.aliases.SetAlias, request, refusals, again=again) and image is not None:
            moves = image.aliases.setdefault(alias.casefold(), [])
            if moves[-1:] != [number]:
                moves.append(number)

    @rule(at=IMAGES, alias=ALIASES)
    def delete_alias(self, at: Path, alias: str) -> None:
        path, image = folded(at), self.model.image(folded(at))
        refusals = self.model.locked(path, delete=True)
        refusals |= {"NOT_FOUND"} if image is None or alias.casefold() not in image.aliases else set()
        request = alias_pb.DeleteAliasRequest(name=f"{name_of(at)}/aliases/{alias}")
        if self.write(self.world.aliases.DeleteAlias, request, refusals, again=False) is not None and image:
            del image.aliases[alias.casefold()]

    @rule(name=DEPLOYMENTS, at=IMAGES, number=st.none() | NUMBERS, region=st.sampled_from(REGIONS))
    def deploy(self, name: str, at: Path, number: Number | None, region: str) -> None:
        path = folded(at)
        refusals = self.model.locked((), delete=False)
        refusals |= {"ALREADY_EXISTS"} if name.casefold() in self.model.deployments else set()
        if number is None:
            number, _, wrong = self.model.resolved(path, region)
            refusals |= {wrong} if wrong else set()
            asked = "latest"
        else:
            refusals |= self.model.unreadable(self.model.version(path, number), region)
            asked = text_of(number)
        request = deployment_pb.CreateDeploymentRequest(
            parent=GROUP,
            deployment_id=name,
            deployment=deployment_pb.Deployment(version=name_of(at, asked), region=region),
        )
        made = self.write(self.world.deployments.CreateDeployment, request, refusals, again=True)
        if made is not None and number is not None:
            version = self.model.version(path, number)
            assert version is not None
            assert made.version.casefold() == name_of(at, text_of(number)).casefold()
            self.model.deployments[name.casefold()] = Deployment(path, number, version.uid)

    @rule(name=DEPLOYMENTS)
    def undeploy(self, name: str) -> None:
        refusals = {"NOT_FOUND"} if name.casefold() not in self.model.deployments else set()
        refusals |= {"SCOPE_LOCKED"} if () in self.model.locks else set()
        request = deployment_pb.DeleteDeploymentRequest(name=f"{GROUP}/deployments/{name}")
        if self.write(self.world.deployments.DeleteDeployment, request, refusals, again=False) is not None:
            del self.model.deployments[name.casefold()]

    # What protects them, and what they mean.

    @rule(at=SCOPES, level=LEVELS)
    @precondition(lambda self: len(self.model.locks) < MOST_LOCKS)
    def put_lock(self, at: Path, level: str) -> None:
        path = folded(at)
        refusals = {"ALREADY_EXISTS"} if path in self.model.locks else set()
        if len(path) in (1, 2):
            refusals |= self.model.missing(path)
        if len(path) == 3:
            version = self.model.version(path[:2], tuple(map(int, path[2].split("."))))  # type: ignore[arg-type]
            refusals |= {"NOT_FOUND"} if version is None else set()
            refusals |= {"WRONG_STATE"} if version and version.deleting else set()
        lock = lock_pb.Lock(level=lock_pb.LockLevel.Value(f"LOCK_LEVEL_{level}"))
        request = lock_pb.CreateLockRequest(parent=name_of(at), lock_id="keep", lock=lock)
        if self.write(self.world.locks.CreateLock, request, refusals, again=False):
            self.model.locks[path] = level

    @rule(data=st.data())
    @precondition(lambda self: self.model.locks)
    def take_lock(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.model.locks)))
        request = lock_pb.DeleteLockRequest(name=f"{name_of(path)}/locks/keep")
        self.write(self.world.locks.DeleteLock, request, set(), again=True)
        del self.model.locks[path]

    def resolve_latest(self, at: Path, region: str) -> None:
        number, passed, wrong = self.model.resolved(folded(at), region)
        request = version_pb.ResolveImageVersionRequest(name=name_of(at, "latest"), region=region)
        answer = self.ask(self.world.galleries.ResolveImageVersion, request, {wrong} if wrong else set())
        if answer is not None and number is not None:
            reasons = version_pb.SkipReason.Name
            skipped = [(one.version, reasons(one.reason).removeprefix("SKIP_REASON_")) for one in answer.skipped]
            assert (answer.version, skipped) == (text_of(number), passed)

    @rule(at=IMAGES, alias=ALIASES, region=st.sampled_from(REGIONS))
    def resolve_alias(self, at: Path, alias: str, region: str) -> None:
        image = self.model.image(folded(at))
        moves = image.aliases.get(alias.casefold()) if image else None
        wrong = self.model.unreadable(self.model.version(folded(at), moves[-1]), region) if moves else {"NOT_FOUND"}
        request = version_pb.ResolveImageVersionRequest(name=name_of(at, alias), region=region)
        answer = self.ask(self.world.galleries.ResolveImageVersion, request, wrong)
        if answer is not None and moves:
            assert answer.version == text_of(moves[-1])

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        listed = self.world.galleries.ListGalleries(pb.ListGalleriesRequest(parent=GROUP)).galleries
        assert [last(found.name) for found in listed] == sorted(self.model.galleries)
        for gallery, held in self.model.galleries.items():
            request = image_pb.ListImageDefinitionsRequest(parent=name_of((gallery,)))
            images = self.world.galleries.ListImageDefinitions(request).image_definitions
            assert [last(found.name) for found in images] == sorted(held.images)
        for path, image in self.model.walk():
            self.compare(path, image)
            for region in REGIONS:
                self.resolve_latest(path, region)
        registered = deployment_pb.ListDeploymentsRequest(parent=GROUP)
        deployed = self.world.deployments.ListDeployments(registered).deployments
        assert [last(found.name) for found in deployed] == sorted(self.model.deployments)
        for found in deployed:
            kept = self.model.deployments[last(found.name)]
            version = self.model.version(kept.path, kept.number)
            there = version is not None and version.uid == kept.uid and not version.deleting
            assert found.version_deleted is not there

    def compare(self, path: Path, image: Image) -> None:
        request = version_pb.ListImageVersionsRequest(parent=name_of(path), show_deleted=True, order_by="number")
        listed = self.world.galleries.ListImageVersions(request).image_versions
        assert [last(found.name) for found in listed] == [text_of(number) for number in sorted(image.versions)]
        for found, number in zip(listed, sorted(image.versions), strict=True):
            version = image.versions[number]
            state = publishing_pb2.ProvisioningState.Name(found.provisioning_state)
            assert STATES.get(state.removeprefix("PROVISIONING_STATE_"), "UNDER_WAY") == version.state
            assert (found.image_state == publishing_pb2.IMAGE_STATE_SOFT_DELETED) is version.soft
            assert (found.uid, found.exclude_from_latest) == (version.uid, version.excluded)
            usable = {region.region for region in found.replication if region.usable}
            assert version.deleting or usable == version.ready
        aliases = self.world.aliases.ListAliases(alias_pb.ListAliasesRequest(parent=name_of(path))).aliases
        pointing = {last(found.name): found.version for found in aliases}
        assert pointing == {alias: text_of(moves[-1]) for alias, moves in image.aliases.items()}
        for alias, moves in image.aliases.items():
            history = alias_pb.ListAliasMovesRequest(parent=f"{name_of(path)}/aliases/{alias}")
            told = self.world.aliases.ListAliasMoves(history).alias_moves
            assert [move.version for move in told] == [text_of(number) for number in reversed(moves)]


def last(name: str) -> str:
    return name.rpartition("/")[2].casefold()


LIMITS = settings(max_examples=12, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
TestControlPlane = ControlPlaneMachine.TestCase
TestControlPlane.settings = LIMITS


@pytest.mark.slow
def test_many_and_long_histories_of_the_control_plane() -> None:
    longer = settings(LIMITS, max_examples=300, stateful_step_count=80)
    run_state_machine_as_test(ControlPlaneMachine, settings=longer)
