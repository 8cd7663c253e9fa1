"""A volume against a dictionary: whatever is done to it, what it acknowledged is read back."""

import random
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    MultipleResults,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from galleria_storage.volume import LeaseLapsed, RecordsUnreadable
from galleria_storage.volume.leases import LEASE_SECONDS
from tests.support.collection_rules import CollectionRules
from tests.support.damage_rules import DamageRules
from tests.support.small_rule import SMALL_RULE
from tests.support.volume_model import MOST_ROOTS, ROOTS, SCOPES, Under, contents
from tests.support.volumes import (
    Content,
    begin,
    content_of,
    holder,
    send,
    send_raw,
    unknown_segments,
)


class VolumeMachine(DamageRules, CollectionRules):
    @rule(
        target=ROOTS,
        content=contents,
        scope=SCOPES,
        seed=st.integers(0, 9),
        streams=st.integers(1, 3),
        frame=st.integers(1, 9),
    )
    @precondition(lambda self: len(self.pinned) < MOST_ROOTS)
    def push(self, content: Content, scope: int, seed: int, streams: int, frame: int) -> UUID:
        return self.pushed(content, scope, seed, streams, frame)

    @rule(target=ROOTS, root=ROOTS, at=st.integers(0, 40_000), scope=SCOPES)
    @precondition(lambda self: self.pinned and len(self.pinned) < MOST_ROOTS)
    def push_changed(self, root: UUID, at: int, scope: int) -> UUID:
        data = bytearray(self.pinned[root][1].data)
        at %= len(data)
        data[at] ^= 1
        return self.pushed(content_of(bytes(data)), scope, 0, 1, 4)

    @rule(target=ROOTS, root=ROOTS)
    @precondition(lambda self: self.pinned and len(self.pinned) < MOST_ROOTS)
    def push_the_same(self, root: UUID) -> UUID:
        scope, content = self.pinned[root]
        return self.pushed(content, scope, 0, 1, 4)

    @rule(target=ROOTS, content=contents, scope=SCOPES, cuts=st.lists(st.integers(0, 40_000), max_size=5))
    @precondition(lambda self: len(self.pinned) < MOST_ROOTS)
    def push_raw(self, content: Content, scope: int, cuts: list[int]) -> UUID:
        push = begin(self.home.volume, self.scopes[scope])
        assert send_raw(push, content.data, cuts).failures == []
        self.brought[scope].update(content.chunks)
        assert push.assemble(len(content.data)) == content.layout
        return self.commit(push, content, scope)

    @rule(content=contents, scope=SCOPES, share=st.floats(0, 1))
    def abort(self, content: Content, scope: int, share: float) -> None:
        push = begin(self.home.volume, self.scopes[scope])
        self.send(push, content, scope, list(content.pages)[: round(share * len(content.pages))], 4)
        push.abort()
        assert self.home.volume.resume_push(push.id) is None
        with pytest.raises(LeaseLapsed):
            push.commit(content.layout, holder(self.scopes[scope]))

    @rule(content=contents, scope=SCOPES)
    def lapse(self, content: Content, scope: int) -> None:
        push = begin(self.home.volume, self.scopes[scope])
        self.send(push, content, scope, list(content.pages), 4)
        self.home.clock.now += LEASE_SECONDS
        with pytest.raises(LeaseLapsed):
            push.commit(content.layout, holder(self.scopes[scope]))
        self.home.volume.maintain()
        self.under = None
        assert self.home.rows_of_leases() == 0

    @rule(root=consumes(ROOTS))
    def release(self, root: UUID) -> None:
        assert self.home.volume.release(root)
        del self.pinned[root]
        # The lease of a push that is under way, or was when the power went, may keep it.
        assert not self.home.volume.release(root) or self.home.rows_of_leases()

    @rule(root=consumes(ROOTS))
    def release_while_it_is_read(self, root: UUID) -> None:
        damaged = self.may_fail(root)
        content = self.pinned.pop(root)[1]
        with self.home.volume.open_read(root) as reader:
            assert self.home.volume.release(root)
            try:
                found = b"".join(piece.data or bytes(piece.length) for piece in reader.range(0, len(content.data)))
                assert found == content.data
            except RecordsUnreadable:
                assert damaged
        self.home.volume.maintain()
        assert self.home.volume.root(root) is None

    @rule(root=ROOTS)
    @precondition(lambda self: self.pinned and len(self.copies) < MOST_ROOTS)
    def copy_away(self, root: UUID) -> None:
        try:
            self.copies[self.copied(root, self.away, 0)] = self.pinned[root][1]
        except RecordsUnreadable:
            assert self.may_fail(root)

    @rule(target=ROOTS, root=ROOTS, scope=SCOPES)
    @precondition(lambda self: self.pinned and len(self.pinned) < MOST_ROOTS)
    def copy_at_home(self, root: UUID, scope: int) -> MultipleResults[UUID]:
        content = self.pinned[root][1]
        self.brought[scope].update(content.chunks)
        try:
            return multiple(self.pin(self.copied(root, self.home, scope), scope, content))
        except RecordsUnreadable:
            assert self.may_fail(root)
            return multiple()

    @rule(content=contents, scope=SCOPES, share=st.floats(0, 1))
    @precondition(lambda self: self.under is None)
    def begin_a_push(self, content: Content, scope: int, share: float) -> None:
        root = uuid4()
        push = begin(self.home.volume, self.scopes[scope], root)
        segments = list(content.pages)[: round(share * len(content.pages))]
        self.send(push, content, scope, segments, 4)
        self.under = Under(push, scope, root, content, set(segments))

    @rule(target=ROOTS)
    @precondition(lambda self: self.under is not None and len(self.pinned) < MOST_ROOTS)
    def resume_the_push(self) -> MultipleResults[UUID]:
        under, self.under = self.under, None
        assert under is not None
        push = self.home.volume.resume_push(under.lease, SMALL_RULE)
        assert push is not None
        assert push.durable_segments() == under.durable
        self.send(push, under.content, under.scope, unknown_segments(push, under.content), 4)
        try:
            return multiple(self.commit(push, under.content, under.scope))
        except RecordsUnreadable:
            # A page that it was told is here was found to be bad since.
            assert not self.medium.sound
            push.abort()
            return multiple()

    @rule(content=contents, scope=SCOPES, seed=st.integers(0, 99))
    def crash_while_a_push_is_under_way(self, content: Content, scope: int, seed: int) -> None:
        push = begin(self.home.volume, self.scopes[scope])
        known = set(unknown_segments(push, content))
        # What is not told durable may be lost; what is adopted all the same is this scope's own.
        send(push, content, known, flush=False)
        self.brought[scope].update(content.chunks)
        self.crash(seed)

    @rule(seed=st.integers(0, 99))
    def crash(self, seed: int) -> None:
        self.home.crash(random.Random(seed))
        self.reopened()

    @rule()
    def reopen(self) -> None:
        self.home.close()
        self.reopened()

    @rule()
    def lose_the_index(self) -> None:
        under, self.under = self.under, None
        self.home.lose_index()
        self.reopened()
        assert under is None or self.home.volume.resume_push(under.lease) is None

    @rule()
    def maintain(self) -> None:
        self.home.volume.maintain()


class ScopedVolumeMachine(VolumeMachine):
    """The same on a volume where scopes share nothing."""

    dedup = "scope"

    @invariant()
    def domains_are_apart(self) -> None:
        domains = {self.scopes.index(root.scope): self.home.volume.root(root.id) for root in self.home.volume.roots()}
        found = [root.domain for root in domains.values() if root is not None]
        assert len(set(found)) == len(found)
        assert 0 not in found


EXAMPLES = [(VolumeMachine, 120), (ScopedVolumeMachine, 50)]


def run(machine: type[VolumeMachine], examples: int) -> None:
    limits = settings(
        max_examples=examples,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # No explaining: it takes minutes more, and a test that runs out of time shows no example at all.
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(machine, settings=limits)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("machine", "examples"), EXAMPLES)
def test_whatever_is_done_what_was_acknowledged_is_read_back(machine: type[VolumeMachine], examples: int) -> None:
    run(machine, examples)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("machine", "examples"), EXAMPLES)
def test_whatever_is_done_many_times_it_is_read_back(machine: type[VolumeMachine], examples: int) -> None:
    run(machine, 10 * examples)
