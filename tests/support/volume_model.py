"""What a volume must hold and say, kept as dictionaries beside it, for state machines to add their rules to."""

from __future__ import annotations

import random
from typing import Final
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant

from galleria_storage.volume import Push, RecordsUnreadable
from tests.support.disks import build, recipes
from tests.support.medium import Key, Medium, lacking, needs
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    Content,
    Machine,
    Progress,
    begin,
    content_of,
    holder,
    occupied_by,
    read_range,
    read_records,
    send,
    unknown_segments,
)

MOST_ROOTS: Final = 6
ROOTS: Final = Bundle("roots")
SCOPES = st.integers(0, 1)
contents = st.builds(
    lambda recipe, seed, cut_off: content_of(build(recipe, SMALL_RULE, seed, cut_off)),
    recipes(600),
    st.integers(0, 3),
    st.sampled_from([0, 0, 1, 64, 100]),
)


class Under:
    """A push under way: what is in it, and which of its segments are acknowledged."""

    def __init__(self, push: Push, scope: int, root: UUID, content: Content, durable: set[int]) -> None:
        self.lease, self.scope, self.root, self.content, self.durable = push.id, scope, root, content, durable


class VolumeModel(RuleBasedStateMachine):
    """A volume on a machine whose power can be cut, another one for copies, and what both hold."""

    dedup = "volume"

    def __init__(self) -> None:
        super().__init__()
        self.home, self.away = Machine(self.dedup), Machine(self.dedup)
        self.medium = Medium(self.home)
        self.scopes = [uuid4(), uuid4()]
        self.pinned: dict[UUID, tuple[int, Content]] = {}
        self.domains: dict[UUID, int] = {}
        self.copies: dict[UUID, Content] = {}
        # Chunks that a scope ever brought: nothing else may be known to it.
        self.brought: list[set[bytes]] = [set(), set()]
        self.under: Under | None = None

    @initialize()
    def open(self) -> None:
        assert self.home.volume.owner_epoch == 1

    @invariant()
    def all_that_is_pinned_is_read_back(self) -> None:
        listed = {root.id: (root.scope, root.size, root.occupied) for root in self.home.volume.roots()}
        assert listed == {
            root: (self.scopes[scope], len(content.data), occupied_by(content.data))
            for root, (scope, content) in self.pinned.items()
        }
        for root in self.pinned:
            self.read(root)
        for root, content in self.copies.items():
            assert read_range(self.away.volume, root) == content.data

    @invariant()
    def usage_adds_up(self) -> None:
        usage = self.home.volume.usage()
        assert usage.roots == len(self.pinned)
        assert usage.logical == sum(len(content.data) for _, content in self.pinned.values())
        assert usage.occupied == sum(occupied_by(content.data) for _, content in self.pinned.values())

    @invariant()
    def every_byte_on_the_disk_is_accounted_for(self) -> None:
        if self.medium.sound:
            found = self.home.volume.verify(lambda _: None)
            assert (found.missing, found.unreadable) == (0, [])
            account = found.account
            assert account is not None
            usage = self.home.volume.usage()
            assert (account.logical, account.occupied, account.stored) == (usage.logical, usage.occupied, usage.stored)
            needed = {key for root in self.pinned for key in self.needed(root)}
            sizes = (account.stored, account.live, account.garbage, account.condemned, account.framing)
            assert sizes == self.medium.sizes(needed)

    def teardown(self) -> None:
        self.witness()
        self.home.close()
        self.away.close()

    def needed(self, root: UUID) -> set[Key]:
        """All records that a root needs."""
        pages = needs(self.pinned[root][1], self.domains[root])
        return set(pages).union(*pages.values())

    def lacks(self) -> dict[UUID, set[Key]]:
        """What each root lacks for good, by what lies on the disk; roots that lack nothing are left out."""
        good = self.medium.good()
        found = {root: lacking(needs(content, self.domains[root]), good) for root, (_, content) in self.pinned.items()}
        return {root: lost for root, lost in found.items() if lost}

    def may_fail(self, root: UUID) -> bool:
        """Whether a root needs anything of which not every record is good."""
        if self.medium.sound:
            return False
        return not self.needed(root) <= self.medium.good() - self.medium.doubtful()

    def read(self, root: UUID) -> bool:
        """Read a root in both ways: the bytes are right, or it lacks something and says so."""
        content = self.pinned[root][1]
        try:
            assert read_range(self.home.volume, root) == content.data
            assert read_records(self.home.volume, root).layout == content.layout
        except RecordsUnreadable:
            assert self.may_fail(root)
            return False
        return True

    def pushed(self, content: Content, scope: int, seed: int = 0, streams: int = 1, frame: int = 4) -> UUID:
        """Push content and pin it."""
        push = begin(self.home.volume, self.scopes[scope])
        order = unknown_segments(push, content)
        random.Random(seed).shuffle(order)
        for first in range(streams):
            self.send(push, content, scope, order[first::streams], frame)
        assert push.durable_segments() == set(content.pages)
        assert push.assemble(len(content.data)) == content.layout
        return self.commit(push, content, scope)

    def send(self, push: Push, content: Content, scope: int, segments: list[int], frame: int) -> None:
        """Send segments of which nothing may be known but what the scope has brought."""
        told = send(push, content, segments, frame)
        assert (sorted(told.durable), told.failures) == (sorted(segments), [])
        for segment in segments:
            self.brought[scope].update(told.asked[segment])
            assert set(content.names[segment]) <= self.brought[scope]

    def commit(self, push: Push, content: Content, scope: int) -> UUID:
        """Pin what is durable."""
        root = push.commit(content.layout, holder(self.scopes[scope]))
        assert root.layout.text == content.layout.text
        return self.pin(root.id, scope, content)

    def pin(self, root: UUID, scope: int, content: Content) -> UUID:
        """A root is there from now on."""
        found = self.home.volume.root(root)
        assert found is not None
        self.pinned[root], self.domains[root] = (scope, content), found.domain
        return root

    def copied(self, root: UUID, to: Machine, scope: int) -> UUID:
        """Copy a root; raises what the copy raises, and gives it up then."""
        copy = to.volume.begin_copy(self.scopes[scope], uuid4(), lease_id=uuid4())
        progress = Progress()
        try:
            with self.home.volume.open_read(root) as source:
                copy.run(source, progress)
            assert progress.seen[-1] == source.root.occupied
            return copy.commit(holder(self.scopes[scope])).id
        except RecordsUnreadable:
            copy.abort()
            raise

    def witness(self) -> None:
        """See by the disk alone that everything is there; on one that is spoilt only who reads it can tell."""
        if self.medium.sound:
            self.home.witness({root: content.data for root, (_, content) in self.pinned.items()})

    def reopened(self) -> None:
        """See what the volume's last owner left."""
        assert self.home.volume.suspect is None
        self.witness()
        assert self.home.temporaries() == []
