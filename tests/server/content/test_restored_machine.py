"""A server against a dictionary while its metadata database is restored, lost and made good again by an operator.

Whatever was acknowledged and not deleted is read under its name, or is a root that is told to belong to nothing.
"""

from __future__ import annotations

import copy
import itertools
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from galleria.v1 import installation_pb2 as pb
from galleria_server.config import Config, VolumeConfig
from galleria_server.content import make_content
from galleria_server.domain.models import DiskState
from galleria_server.metadata import copies, disks
from tests.server.refusals import refused
from tests.support.invariants import check_folder
from tests.support.restored_database import Metadata, Root, Row, Snapshot
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, WireClient, cut_image, eventually

VOLUMES = ("one", "two")
DISKS, VERSIONS = ("a", "b", "c"), ("1.0.0", "1.0.1")
MOST_SNAPSHOTS = 3
KNOWN = {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.FAILED_PRECONDITION}


def _contents() -> list[tuple[bytes, Image]]:
    """Three small disks that share their first half."""
    shared = random.Random(0).randbytes(61_440)
    made = [shared + random.Random(seed).randbytes(30_720 * seed) for seed in (1, 2, 3)]
    return [(data, cut_image(data)) for data in made]


CONTENTS = _contents()
NUMBERS = st.integers(0, 999)


def two_volumes(folder: Path) -> Config:
    """One region with two volumes, looked after by nobody but the operator."""
    config = config_in(folder)
    volumes = tuple(VolumeConfig(name, str(zone), folder / name) for zone, name in enumerate(VOLUMES, start=1))
    limits = replace(config.limits, collect_every=3600.0, scrub_every=3600.0, condemned_for=0.0)
    region = replace(config.regions[0], name="eastus", zones=("1", "2"), volumes=volumes)
    return replace(config, regions=(region,), limits=limits)


class RestoredDatabaseMachine(RuleBasedStateMachine):
    """`roots` are on the volumes, `known` is in the database; a restore puts back what was known once."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.roots: dict[UUID, Root] = {}
        self.known = Metadata()
        self.snapshots: list[Snapshot] = []
        self.strange: set[str] = set()
        self.damaged: set[UUID] = set()
        self.pinned = itertools.count()
        self.forgot_a_push = False
        self.running = ExitStack()
        self.start()

    def start(self) -> None:
        self.server: ContentServer = self.running.enter_context(server_thread(two_volumes(self.folder), make_content))
        self.wire = WireClient(self.running.enter_context(grpc.insecure_channel(self.server.target)), "group")
        # What was pinned when the database did not know of it yet is its disk's.
        for row in self.known.rows.values():
            row.ready = row.ready or bool(row.roots & self.roots.keys() - self.damaged)

    def stopped(self, change: Callable[[], object]) -> None:
        """Change something while the server is down."""
        self.running.close()
        change()
        self.start()

    # What users do.

    @rule(name=st.sampled_from(DISKS), number=NUMBERS)
    def push(self, name: str, number: int) -> None:
        """A disk; one that is there and empty gets its content now."""
        row = self.known.rows.get(name)
        if row is None:
            self.create(name, open_push=False)
        elif row.ready or row.roots & self.damaged:
            return
        data, image = CONTENTS[number % len(CONTENTS)]
        session = self.wire.begin(name).session
        stream = self.wire.open(session)
        stream.push(image.segments)
        stream.close()
        disk = self.wire.commit(session, image.layout)
        self.known.rows[name] = replace(self.known.rows[name], ready=True, pushing=False)
        made = self.server.read(disks.find_by_uid, UUID(disk.uid))
        assert made is not None
        self._pinned(made.root_id, made.uid, name, made.volume, data)

    @rule(name=st.sampled_from(DISKS), open_push=st.booleans())
    @precondition(lambda self: len(self.known.rows) < len(DISKS))
    def create(self, name: str, *, open_push: bool) -> None:
        """A disk that is empty, or has a push under way."""
        if name in self.known.rows:
            return
        uid = UUID(self.wire.create_disk(name).uid)
        row = self.server.read(disks.find_by_uid, uid)
        assert row is not None
        self.known.rows[name] = Row(uid, {row.root_id}, ready=False, pushing=open_push)
        if open_push:
            self.wire.begin(name)

    @rule(name=st.sampled_from(VERSIONS), number=NUMBERS)
    def publish(self, name: str, number: int) -> None:
        readable = sorted(disk for disk in self.known.rows if disk not in VERSIONS and self._content(disk) is not None)
        if name in self.known.rows or not readable:
            return
        self._make_gallery()
        disk = readable[number % len(readable)]
        version = self.wire.publish(name, disk, eastus=2)
        found = self.server.read(copies.of_version, UUID(version.uid))
        self.known.rows[name] = Row(UUID(version.uid), {made.root_id for made in found})
        data = self._content(disk) or b""
        for made in sorted(found, key=lambda made: made.volume):
            self._pinned(made.root_id, made.version_uid, name, made.volume, data)

    @rule(number=NUMBERS)
    @precondition(lambda self: self.known.rows)
    def delete(self, number: int) -> None:
        self._delete(sorted(self.known.rows)[number % len(self.known.rows)])

    def _delete(self, name: str) -> None:
        if name in VERSIONS:
            self.wire.delete_version(name)
        else:
            self.wire.delete_disk(name)
        for root in self.known.rows.pop(name).roots:
            self.roots.pop(root, None)
            self.damaged.discard(root)
        eventually(lambda: self._listed(unowned_only=False).keys() == self.roots.keys() | self.missing())

    # What happens to the database.

    @rule()
    @precondition(lambda self: len(self.snapshots) < MOST_SNAPSHOTS)
    def snapshot(self) -> None:
        kept = self.folder / f"snapshot-{len(self.snapshots)}"
        self.stopped(lambda: shutil.copytree(self.folder / "metadata", kept))
        known, roots, strange = copy.deepcopy(self.known), frozenset(self.roots), frozenset(self.strange)
        self.snapshots.append(Snapshot(kept, known, roots, strange))

    @rule(number=NUMBERS)
    @precondition(lambda self: self.snapshots)
    def restore(self, number: int) -> None:
        self._replace(self.snapshots[number % len(self.snapshots)])

    @rule()
    def lose(self) -> None:
        self._replace(Snapshot(Path(), Metadata(), frozenset(), frozenset()))

    @rule(number=NUMBERS)
    @precondition(lambda self: self.roots and not self.damaged)
    def damage(self, number: int) -> None:
        """Cut the end off a root file."""
        root = self._chosen(self.roots.keys(), number)
        file = self.folder / root.volume / "roots" / root.id.hex
        self.damaged.add(root.id)
        self.stopped(lambda: file.write_bytes(file.read_bytes()[:-1]))

    # What an operator does.

    @rule(number=NUMBERS)
    @precondition(lambda self: self.unowned())
    def adopt_root(self, number: int) -> None:
        root = self._chosen(self.unowned(), number)
        request = pb.AdoptVolumeRootRequest(name=self._name(root))
        if root.id in self.damaged:
            with refused("FAILED_PRECONDITION", "ROOT_NOT_USABLE"):
                self.wire.operators.AdoptVolumeRoot(request)
        elif root.name in VERSIONS:
            self._adopt_copy(root, request)
        else:
            self._adopt_disk(root, request)

    @rule(number=NUMBERS)
    @precondition(lambda self: self.roots)
    def release(self, number: int) -> None:
        """Give up a root; one that belongs to something or cannot be read is refused."""
        root = self._chosen(self.roots.keys(), number)
        request = pb.ReleaseVolumeRootRequest(name=self._name(root))
        if root.id in self.damaged or root.id in self.known.named():
            with refused("FAILED_PRECONDITION", "ROOT_NOT_USABLE"):
                self.wire.operators.ReleaseVolumeRoot(request)
        else:
            self.wire.operators.ReleaseVolumeRoot(request)
            del self.roots[root.id]

    @rule(number=NUMBERS)
    @precondition(lambda self: self.roots)
    def abandon(self, number: int) -> None:
        """Give up for lost; a root with which nothing is wrong is refused.

        That of a version is left: it is copied again, from what there is.
        """
        candidates = {root for root in self.damaged if self._owner(root) not in VERSIONS}
        candidates = candidates or self.roots.keys() - self.damaged
        if not candidates:
            return
        root = self._chosen(candidates, number)
        request = pb.AbandonVolumeRootRequest(name=self._name(root))
        if root.id not in self.damaged:
            with refused("FAILED_PRECONDITION", "ROOT_NOT_USABLE"):
                self.wire.operators.AbandonVolumeRoot(request)
        else:
            self._abandon(root)

    @rule(volume=st.sampled_from(VOLUMES))
    def adopt_volume(self, volume: str) -> None:
        assert not self.wire.operators.AdoptVolume(pb.AdoptVolumeRequest(name=_volume(volume))).strange
        self.strange.discard(volume)

    @rule(volume=st.sampled_from(VOLUMES))
    def collect(self, volume: str) -> None:
        request = pb.CollectVolumeRequest(name=_volume(volume))
        if self._shown(volume).strange:
            with refused("FAILED_PRECONDITION", "COLLECTION_OFF"):
                self.wire.operators.CollectVolume(request)
        elif any(self.roots[root].volume == volume for root in self.damaged):
            # It stops, unless nothing was given up since the last time: then it looks at nothing.
            with suppress(grpc.RpcError):
                assert not self.wire.operators.CollectVolume(request).condemned_bytes
        else:
            self.wire.operators.CollectVolume(request)

    # What must hold.

    @invariant()
    def what_belongs_to_nothing_is_told(self) -> None:
        listed = self._listed(unowned_only=True)
        assert listed.keys() == self.unowned() | self.damaged | self.missing()
        for root, shown in listed.items():
            assert bool(shown.owner) == (root in self.known.named())
            assert bool(shown.problem) == (root in self.damaged | self.missing())

    @invariant()
    def what_is_known_reads_back(self) -> None:
        for name, row in self.known.rows.items():
            data = self._content(name)
            if data is not None:
                assert self.wire.fetch(self._resource(name), "eastus") == data
            else:
                with pytest.raises(grpc.RpcError) as caught:
                    self.wire.fetch(self._resource(name), "eastus")
                assert caught.value.code() in KNOWN
                assert row.ready or not row.roots & self.roots.keys() - self.damaged

    @invariant()
    def what_lies_on_the_volumes_is_whole(self) -> None:
        for volume in VOLUMES:
            healthy = self.roots.keys() - self.damaged
            contents = {root: self.roots[root].data for root in healthy if self.roots[root].volume == volume}
            check_folder(self.folder / volume, contents, without={root.hex for root in self.damaged})

    @invariant()
    def a_volume_that_the_database_does_not_know_is_strange(self) -> None:
        for volume in self.strange:
            assert self._shown(volume).strange

    def teardown(self) -> None:
        try:
            self._make_good()
        finally:
            self.running.close()
            shutil.rmtree(self.folder)

    def unowned(self) -> set[UUID]:
        return self.roots.keys() - self.known.named()

    def missing(self) -> set[UUID]:
        """Roots that rows call ready, and that are gone."""
        ready = {root for row in self.known.rows.values() if row.ready for root in row.roots}
        return ready - self.roots.keys()

    def _abandon(self, root: Root) -> None:
        owner = self._owner(root.id)
        self.wire.operators.AbandonVolumeRoot(pb.AbandonVolumeRootRequest(name=self._name(root)))
        del self.roots[root.id]
        self.damaged.clear()
        if owner in self.known.rows and owner not in VERSIONS:
            self._lost(self.known.rows[owner])

    def _owner(self, root: UUID) -> str:
        return next((name for name, row in self.known.rows.items() if root in row.roots), "")

    def _lost(self, row: Row) -> None:
        """A disk has lost its content, and will have other content under another root."""
        found = self.server.read(disks.find_by_uid, row.uid)
        assert found is not None
        assert found.state is DiskState.LOST
        row.roots, row.ready = {found.root_id}, False

    def _make_good(self) -> None:
        """Give everything up: then all of it goes."""
        for root in list(self.damaged):
            owner = self._owner(root)
            self._abandon(self.roots[root])
            if owner in VERSIONS:
                # Before it is copied again, under a root that nobody here knows.
                self._delete(owner)
        for root in self.unowned():
            self.wire.operators.ReleaseVolumeRoot(pb.ReleaseVolumeRootRequest(name=self._name(self.roots.pop(root))))
        while self.known.rows:
            self.delete(0)
        for volume in VOLUMES:
            self.adopt_volume(volume)
            if self.forgot_a_push:
                # Nobody can end it any more; it would hold what is condemned until it lapses.
                self.wire.operators.RebuildVolume(pb.RebuildVolumeRequest(name=_volume(volume)))
            eventually(partial(self._is_empty_after_collection, volume))

    def _is_empty_after_collection(self, volume: str) -> bool:
        """A reader that has just ended, or what is being copied again, may hold something for a moment longer."""
        for _ in range(2):
            self.collect(volume)
        return not [*self.folder.glob(f"{volume}/packs/*"), *self.folder.glob(f"{volume}/pages/*")]

    def _replace(self, by: Snapshot) -> None:
        """Another database, which may know less than the volumes, or other things; without a path an empty one."""
        before, self.known = self.known, copy.deepcopy(by.known)
        self.forgot_a_push |= any(row.pushing for row in before.rows.values())

        def change() -> None:
            shutil.rmtree(self.folder / "metadata")
            if by.path.name:
                shutil.copytree(by.path, self.folder / "metadata")

        self.stopped(change)
        since = self.roots.keys() - by.roots - self.known.named()
        # One that was strange to an older database is not so to a newer one that knows what was done on it.
        self.strange = {*by.strange, *(self.roots[root].volume for root in since)}

    def _adopt_disk(self, root: Root, request: pb.AdoptVolumeRootRequest) -> None:
        name = root.name
        if name in self.known.rows:
            with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
                self.wire.operators.AdoptVolumeRoot(request)
            name = request.disk_id = f"found-{root.id}"
        owner = self.wire.operators.AdoptVolumeRoot(request).owner
        assert owner == self.wire.disk_name(name)
        self.known.rows[name] = Row(root.uid, {root.id})

    def _adopt_copy(self, root: Root, request: pb.AdoptVolumeRootRequest) -> None:
        row = self.known.rows.get(root.name)
        if row is not None and row.uid != root.uid:
            with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
                self.wire.operators.AdoptVolumeRoot(request)
            return
        if not self.known.gallery:
            with refused("FAILED_PRECONDITION", "ROOT_NOT_USABLE"):
                self.wire.operators.AdoptVolumeRoot(request)
            self._make_gallery()
        assert self.wire.operators.AdoptVolumeRoot(request).owner == self.wire.version_name(root.name)
        self.known.rows.setdefault(root.name, Row(root.uid, set())).roots.add(root.id)

    def _make_gallery(self) -> None:
        if not self.known.gallery:
            self.wire.prepare_gallery()
            self.known.gallery = True

    def _pinned(self, root: UUID, uid: UUID, name: str, volume: str, data: bytes) -> None:
        self.roots[root] = Root(next(self.pinned), root, uid, name, volume, data)

    def _content(self, name: str) -> bytes | None:
        """What is to be read under a name."""
        row = self.known.rows[name]
        healthy = sorted(row.roots & self.roots.keys() - self.damaged)
        return self.roots[healthy[0]].data if healthy and row.ready else None

    def _chosen(self, roots: Iterable[UUID], number: int) -> Root:
        ordered = sorted(roots, key=lambda root: self.roots[root].number)
        return self.roots[ordered[number % len(ordered)]]

    def _listed(self, *, unowned_only: bool) -> dict[UUID, pb.VolumeRoot]:
        requests = [pb.ListVolumeRootsRequest(parent=_volume(name), unowned_only=unowned_only) for name in VOLUMES]
        found = [root for request in requests for root in self.wire.operators.ListVolumeRoots(request).roots]
        return {UUID(root.name[-36:]): root for root in found}

    def _shown(self, volume: str) -> pb.Volume:
        return self.wire.operators.GetVolume(pb.GetVolumeRequest(name=_volume(volume)))

    def _resource(self, name: str) -> str:
        return self.wire.version_name(name) if name in VERSIONS else self.wire.disk_name(name)

    def _name(self, root: Root) -> str:
        return f"{_volume(root.volume)}/roots/{root.id}"


def _volume(name: str) -> str:
    return f"regions/eastus/volumes/{name}"


@pytest.fixture
def machine() -> Iterator[RestoredDatabaseMachine]:
    """For a story told by hand; what must hold is looked at when it is over."""
    machine = RestoredDatabaseMachine()
    try:
        yield machine
        machine.what_belongs_to_nothing_is_told()
        machine.what_is_known_reads_back()
        machine.a_volume_that_the_database_does_not_know_is_strange()
    finally:
        machine.teardown()


def test_a_disk_that_was_empty_in_the_copy_of_the_database_has_its_content(machine: RestoredDatabaseMachine) -> None:
    machine.create("a", open_push=False)
    machine.create("b", open_push=True)
    machine.snapshot()
    machine.push("a", 0)
    machine.push("b", 1)
    machine.restore(0)
    assert {row.ready for row in machine.known.rows.values()} == {True}


def test_copies_of_one_database_are_told_apart_by_what_was_done_after_each(
    machine: RestoredDatabaseMachine,
) -> None:
    """What is done after the older one is restored counts as much as what was done after it was made."""
    machine.push("a", 0)
    machine.snapshot()
    for name in DISKS[1:]:
        machine.push(name, 0)
    machine.snapshot()
    machine.restore(0)
    # Copies on both volumes: on one that is strange to the older copy of the database, and on one that it knew.
    machine.publish("1.0.0", 0)
    machine.restore(1)
    assert machine.strange == set(VOLUMES)


LIMITS = settings(
    max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestRestoredDatabase = RestoredDatabaseMachine.TestCase
TestRestoredDatabase.settings = LIMITS


@pytest.mark.slow
@pytest.mark.parametrize("steps", range(12, 22))
def test_what_was_acknowledged_outlives_many_restores(steps: int) -> None:
    run_state_machine_as_test(RestoredDatabaseMachine, settings=settings(LIMITS, stateful_step_count=steps))
