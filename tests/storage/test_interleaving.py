"""Pushes, readers, copies, collection and scrub beside each other, a step at a time, in any order."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from galleria_storage.packs.format import CONDEMNED, decode_entries, parse_object_name
from galleria_storage.packs.reader import read_entries
from galleria_storage.volume.leases import LEASE_SECONDS
from tests.support import actors
from tests.support.actors import Actor, Site
from tests.support.invariants import check_volume
from tests.support.small_rule import SMALL_RULE
from tests.support.volume_model import contents
from tests.support.volumes import CONDEMNED_SECONDS, Content, begin, content_of, read_range, read_records

MOST_ROOTS, MOST_ACTORS = 4, 5
SCOPES = st.sampled_from([UUID(int=1 << 64), UUID(int=2 << 64)])
NUMBERS = st.integers(0, 11)


class InterleavingMachine(RuleBasedStateMachine):
    dedup = "volume"

    def __init__(self) -> None:
        super().__init__()
        self.site = Site(self.dedup)
        self.volume = self.site.volume
        self.actors: list[Actor] = []
        self.collection: Actor | None = None
        self.seen: list[tuple[UUID, Content]] = []

    @rule(content=contents, scope=SCOPES, frame=st.integers(1, 30))
    @precondition(lambda self: self._has_room())
    def push(self, content: Content, scope: UUID, frame: int) -> None:
        self.seen.append((scope, content))
        self._begin(actors.push(self.site, scope, content, frame))

    @rule(which=NUMBERS)
    @precondition(lambda self: self.seen and self._has_room())
    def push_again(self, which: int) -> None:
        """What may have been given up since: it may be here still, and may be about to go."""
        scope, content = self.seen[which % len(self.seen)]
        self._begin(actors.push(self.site, scope, content, 8))

    @rule(which=NUMBERS, at=st.integers(0, 40_000))
    @precondition(lambda self: self.seen and self._has_room())
    def push_changed(self, which: int, at: int) -> None:
        scope, content = self.seen[which % len(self.seen)]
        data = bytearray(content.data)
        data[at % len(data)] ^= 1
        self.push(content_of(bytes(data)), scope, 8)

    @rule(which=NUMBERS)
    @precondition(lambda self: self.site.pinned and len(self.actors) < MOST_ACTORS)
    def read(self, which: int) -> None:
        self._begin(actors.read(self.site, self._root(which)))

    @rule(which=NUMBERS, scope=SCOPES)
    @precondition(lambda self: self.site.pinned and self._has_room())
    def copy(self, which: int, scope: UUID) -> None:
        self._begin(actors.copy(self.site, self._root(which), scope))

    @rule()
    @precondition(lambda self: self.collection not in self.actors)
    def collect(self) -> None:
        # One at a time: a second one waits for the first.
        self.collection = self._begin(actors.collect(self.site))

    @rule(names=st.booleans())
    @precondition(lambda self: len(self.actors) < MOST_ACTORS)
    def scrub(self, names: bool) -> None:  # noqa: FBT001
        self._begin(actors.scrub(self.site, names=names))

    @rule(which=NUMBERS, times=st.integers(1, 8))
    @precondition(lambda self: self.actors)
    def step(self, which: int, times: int) -> None:
        self._step(self.actors[which % len(self.actors)], times)

    @rule(times=st.integers(1, 8))
    @precondition(lambda self: self.collection in self.actors)
    def collect_on(self, times: int) -> None:
        assert self.collection is not None
        self._step(self.collection, times)

    @rule(which=NUMBERS)
    @precondition(lambda self: self.site.pinned)
    def release(self, which: int) -> None:
        root = self._root(which)
        assert self.volume.release(root)
        del self.site.pinned[root]

    @rule(seconds=st.sampled_from([CONDEMNED_SECONDS, LEASE_SECONDS]))
    def wait(self, seconds: int) -> None:
        self.site.clock.now += seconds

    @rule()
    def maintain(self) -> None:
        self.volume.maintain()

    @invariant()
    def all_that_is_pinned_is_read_back(self) -> None:
        assert {root.id for root in self.volume.roots()} == self.site.pinned.keys()
        for root, (_, content) in self.site.pinned.items():
            assert read_range(self.volume, root) == content.data
            assert read_records(self.volume, root).layout == content.layout

    def teardown(self) -> None:
        try:
            while self.actors:
                self._step(self.actors[0], 1)
                self.all_that_is_pinned_is_read_back()
            self._collect_what_nobody_needs()
            self.site.align_streams(self._attach)
        finally:
            for actor in self.actors:
                actor.run_out()
            self.volume.close()

    def _collect_what_nobody_needs(self) -> None:
        self.site.clock.now += LEASE_SECONDS
        self.volume.maintain()
        self.volume.collect()
        self.site.clock.now += CONDEMNED_SECONDS
        assert self.volume.collect().left == 0
        while self.volume.collect().rewritten:
            pass
        self.site.clock.now += CONDEMNED_SECONDS
        self.volume.collect()
        self._holds_nothing_else()
        contents = {root: content.data for root, (_, content) in self.site.pinned.items()}
        check_volume(self.site.store, contents, SMALL_RULE.segment, SMALL_RULE.block, self.site.index.rows)

    def _holds_nothing_else(self) -> None:
        live = {name for _, content in self.site.pinned.values() for name in content.chunks}
        live |= {name for _, content in self.site.pinned.values() for name in content.layout.pages if name}
        objects = {info.name: info.size for info in self.site.store.list("")}
        assert not any(name.endswith(CONDEMNED) for name in objects)
        for name, size in objects.items():
            if (parsed := parse_object_name(name)) is not None:
                assert {e.name for e in decode_entries(read_entries(self.site.store, *parsed, size))} & live

    def _attach(self) -> None:
        push = begin(self.volume, UUID(int=3 << 64))
        push.attach(lambda *_: None, lambda _: None).close()
        push.abort()

    def _has_room(self) -> bool:
        return len(self.site.pinned) < MOST_ROOTS and len(self.actors) < MOST_ACTORS

    def _root(self, which: int) -> UUID:
        return sorted(self.site.pinned)[which % len(self.site.pinned)]

    def _begin(self, steps: actors.Begin) -> Actor:
        actor = Actor(self.site, steps)
        self.actors.append(actor)
        self._step(actor, 1)
        return actor

    def _step(self, actor: Actor, times: int) -> None:
        for _ in range(times):
            if not actor.step():
                self.actors.remove(actor)
                return


class ScopedInterleavingMachine(InterleavingMachine):
    """The same on a volume where scopes share nothing."""

    dedup = "scope"


EXAMPLES = [(InterleavingMachine, 100), (ScopedInterleavingMachine, 50)]


def run(machine: type[InterleavingMachine], examples: int) -> None:
    limits = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(machine, settings=limits)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("machine", "examples"), EXAMPLES)
def test_in_any_order_everybody_gets_what_was_promised(machine: type[InterleavingMachine], examples: int) -> None:
    run(machine, examples)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("machine", "examples"), EXAMPLES)
def test_in_many_orders_everybody_gets_what_was_promised(machine: type[InterleavingMachine], examples: int) -> None:
    run(machine, 10 * examples)
