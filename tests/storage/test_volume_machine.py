"""A volume against a dictionary: whatever is done to it, what it acknowledged is read back."""

import random
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from galleria_storage.digest import name_of
from galleria_storage.volume import LeaseLapsed, Push
from galleria_storage.volume.choosing import MOST_GARBAGE, MOST_LIVE
from galleria_storage.volume.leases import LEASE_SECONDS
from tests.support.disks import build, recipes
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    CONDEMNED_SECONDS,
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
    send_raw,
    unknown_segments,
)

MOST_ROOTS = 6
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


class VolumeMachine(RuleBasedStateMachine):
    roots = Bundle("roots")
    dedup = "volume"

    def __init__(self) -> None:
        super().__init__()
        self.home, self.away = Machine(self.dedup), Machine(self.dedup)
        self.scopes = [uuid4(), uuid4()]
        self.pinned: dict[UUID, tuple[int, Content]] = {}
        self.copies: dict[UUID, Content] = {}
        # Chunks that a scope ever brought: nothing else may be known to it.
        self.brought: list[set[bytes]] = [set(), set()]
        self.under: Under | None = None

    @initialize()
    def open(self) -> None:
        assert self.home.volume.owner_epoch == 1

    @rule(
        target=roots,
        content=contents,
        scope=SCOPES,
        seed=st.integers(0, 9),
        streams=st.integers(1, 3),
        frame=st.integers(1, 9),
    )
    @precondition(lambda self: len(self.pinned) < MOST_ROOTS)
    def push(self, content: Content, scope: int, seed: int, streams: int, frame: int) -> UUID:
        return self._pushed(content, scope, seed, streams, frame)

    @rule(target=roots, root=roots, at=st.integers(0, 40_000), scope=SCOPES)
    @precondition(lambda self: self.pinned and len(self.pinned) < MOST_ROOTS)
    def push_changed(self, root: UUID, at: int, scope: int) -> UUID:
        data = bytearray(self.pinned[root][1].data)
        at %= len(data)
        data[at] ^= 1
        return self._pushed(content_of(bytes(data)), scope, 0, 1, 4)

    @rule(target=roots, root=roots)
    @precondition(lambda self: self.pinned and len(self.pinned) < MOST_ROOTS)
    def push_the_same(self, root: UUID) -> UUID:
        scope, content = self.pinned[root]
        return self._pushed(content, scope, 0, 1, 4)

    @rule(target=roots, content=contents, scope=SCOPES, cuts=st.lists(st.integers(0, 40_000), max_size=5))
    @precondition(lambda self: len(self.pinned) < MOST_ROOTS)
    def push_raw(self, content: Content, scope: int, cuts: list[int]) -> UUID:
        push = begin(self.home.volume, self.scopes[scope])
        assert send_raw(push, content.data, cuts).failures == []
        self.brought[scope].update(content.chunks)
        return self._commit(push, content, scope, push.assemble(len(content.data)) == content.layout)

    @rule(content=contents, scope=SCOPES, share=st.floats(0, 1))
    def abort(self, content: Content, scope: int, share: float) -> None:
        push = begin(self.home.volume, self.scopes[scope])
        self._send(push, content, scope, list(content.pages)[: round(share * len(content.pages))], 4)
        push.abort()
        assert self.home.volume.resume_push(push.id) is None
        with pytest.raises(LeaseLapsed):
            push.commit(content.layout, holder(self.scopes[scope]))

    @rule(content=contents, scope=SCOPES)
    def lapse(self, content: Content, scope: int) -> None:
        push = begin(self.home.volume, self.scopes[scope])
        self._send(push, content, scope, list(content.pages), 4)
        self.home.clock.now += LEASE_SECONDS
        with pytest.raises(LeaseLapsed):
            push.commit(content.layout, holder(self.scopes[scope]))
        self.home.volume.maintain()
        self.under = None
        assert self.home.rows_of_leases() == 0

    @rule(root=consumes(roots))
    def release(self, root: UUID) -> None:
        assert self.home.volume.release(root)
        del self.pinned[root]
        assert not self.home.volume.release(root)

    @rule(root=consumes(roots))
    def release_while_it_is_read(self, root: UUID) -> None:
        content = self.pinned.pop(root)[1]
        with self.home.volume.open_read(root) as reader:
            assert self.home.volume.release(root)
            found = b"".join(piece.data or bytes(piece.length) for piece in reader.range(0, len(content.data)))
        assert found == content.data
        self.home.volume.maintain()
        assert self.home.volume.root(root) is None

    @rule(root=roots)
    @precondition(lambda self: self.pinned and len(self.copies) < MOST_ROOTS)
    def copy_away(self, root: UUID) -> None:
        content = self.pinned[root][1]
        self.copies[self._copied(root, self.away, 0)] = content

    @rule(target=roots, root=roots, scope=SCOPES)
    @precondition(lambda self: self.pinned and len(self.pinned) < MOST_ROOTS)
    def copy_at_home(self, root: UUID, scope: int) -> UUID:
        content = self.pinned[root][1]
        copy = self._copied(root, self.home, scope)
        self.brought[scope].update(content.chunks)
        self.pinned[copy] = scope, content
        return copy

    @rule(content=contents, scope=SCOPES, share=st.floats(0, 1))
    @precondition(lambda self: self.under is None)
    def begin_a_push(self, content: Content, scope: int, share: float) -> None:
        root = uuid4()
        push = begin(self.home.volume, self.scopes[scope], root)
        segments = list(content.pages)[: round(share * len(content.pages))]
        self._send(push, content, scope, segments, 4)
        self.under = Under(push, scope, root, content, set(segments))

    @rule(target=roots)
    @precondition(lambda self: self.under is not None and len(self.pinned) < MOST_ROOTS)
    def resume_the_push(self) -> UUID:
        under, self.under = self.under, None
        assert under is not None
        push = self.home.volume.resume_push(under.lease, SMALL_RULE)
        assert push is not None
        assert push.durable_segments() == under.durable
        self._send(push, under.content, under.scope, unknown_segments(push, under.content), 4)
        return self._commit(push, under.content, under.scope, agrees=True)

    @rule(content=contents, scope=SCOPES, seed=st.integers(0, 99))
    def crash_while_a_push_is_under_way(self, content: Content, scope: int, seed: int) -> None:
        push = begin(self.home.volume, self.scopes[scope])
        known = set(unknown_segments(push, content))
        # What is not told durable may be lost; what is adopted all the same is this scope's own.
        send(push, content, known, flush=False)
        self.brought[scope].update(content.chunks)
        self.crash(seed)

    @rule(times=st.integers(1, 3))
    def collect(self, times: int) -> None:
        for _ in range(times):
            if self.under is not None:
                push = self.home.volume.resume_push(self.under.lease, SMALL_RULE)
                assert push is not None
                push.known_pages([])
            self.home.volume.collect()
            self.home.clock.now += CONDEMNED_SECONDS

    @rule()
    def collect_what_nobody_needs(self) -> None:
        self.under = None
        self.home.clock.now += LEASE_SECONDS
        self.home.volume.maintain()
        self.home.volume.collect()
        self.home.clock.now += CONDEMNED_SECONDS
        assert self.home.volume.collect().left == 0
        while self.home.volume.collect().rewritten:
            pass
        live: dict[int, set[bytes]] = {0: set(), 1: set()}
        for scope, content in self.pinned.values():
            live[scope].update(content.chunks, map(name_of, content.pages.values()))
        # From now on a scope is told of nothing that none of its roots has.
        self.brought = [self.brought[scope] & live[scope] for scope in (0, 1)]
        for entries in self.home.entries_of_packs():
            assert {entry.name for entry in entries} & (live[0] | live[1])
        self._is_compact(live[0] | live[1])

    def _is_compact(self, live: set[bytes]) -> None:
        """Little is garbage, or no pack has much of it; without dedup over scopes a name may be alive in one only."""
        shares = []
        for entries in self.home.entries_of_packs():
            lengths = [(entry.name in live, entry.stored_length + 128) for entry in entries]
            shares.append((sum(n for alive, n in lengths if not alive), sum(n for _, n in lengths)))
        size = sum(total for _, total in shares)
        little = sum(dead for dead, _ in shares) <= MOST_GARBAGE * size
        assert little or all(total - dead > MOST_LIVE * total for dead, total in shares)

    @rule(seed=st.integers(0, 99))
    def crash(self, seed: int) -> None:
        self.home.crash(random.Random(seed))
        self._reopened()

    @rule()
    def reopen(self) -> None:
        self.home.close()
        self._reopened()

    @rule()
    def lose_the_index(self) -> None:
        under, self.under = self.under, None
        self.home.lose_index()
        self._reopened()
        assert under is None or self.home.volume.resume_push(under.lease) is None

    @rule()
    def maintain(self) -> None:
        self.home.volume.maintain()

    @invariant()
    def all_that_is_pinned_is_read_back(self) -> None:
        listed = {root.id: (root.scope, root.size, root.occupied) for root in self.home.volume.roots()}
        assert listed == {
            root: (self.scopes[scope], len(content.data), occupied_by(content.data))
            for root, (scope, content) in self.pinned.items()
        }
        for root, (_, content) in self.pinned.items():
            assert read_range(self.home.volume, root) == content.data
            assert read_records(self.home.volume, root).layout == content.layout
        for root, content in self.copies.items():
            assert read_range(self.away.volume, root) == content.data

    @invariant()
    def usage_adds_up(self) -> None:
        usage = self.home.volume.usage()
        assert usage.roots == len(self.pinned)
        assert usage.logical == sum(len(content.data) for _, content in self.pinned.values())
        assert usage.occupied == sum(occupied_by(content.data) for _, content in self.pinned.values())

    def teardown(self) -> None:
        self._witness()
        self.home.close()
        self.away.close()

    def _pushed(self, content: Content, scope: int, seed: int, streams: int, frame: int) -> UUID:
        push = begin(self.home.volume, self.scopes[scope])
        order = unknown_segments(push, content)
        random.Random(seed).shuffle(order)
        for first in range(streams):
            self._send(push, content, scope, order[first::streams], frame)
        assert push.durable_segments() == set(content.pages)
        return self._commit(push, content, scope, push.assemble(len(content.data)) == content.layout)

    def _send(self, push: Push, content: Content, scope: int, segments: list[int], frame: int) -> None:
        told = send(push, content, segments, frame)
        assert (sorted(told.durable), told.failures) == (sorted(segments), [])
        for segment in segments:
            self.brought[scope].update(told.asked[segment])
            assert set(content.names[segment]) <= self.brought[scope]

    def _commit(self, push: Push, content: Content, scope: int, agrees: bool) -> UUID:  # noqa: FBT001
        assert agrees
        root = push.commit(content.layout, holder(self.scopes[scope]))
        assert root.layout.text == content.layout.text
        self.pinned[root.id] = scope, content
        return root.id

    def _copied(self, root: UUID, to: Machine, scope: int) -> UUID:
        copy = to.volume.begin_copy(self.scopes[scope], uuid4(), lease_id=uuid4())
        progress = Progress()
        with self.home.volume.open_read(root) as source:
            copy.run(source, progress)
        assert progress.seen[-1] == source.root.occupied
        return copy.commit(holder(self.scopes[scope])).id

    def _witness(self) -> None:
        self.home.witness({root: content.data for root, (_, content) in self.pinned.items()})

    def _reopened(self) -> None:
        assert self.home.volume.suspect is None
        self._witness()
        assert self.home.temporaries() == []


class ScopedVolumeMachine(VolumeMachine):
    """The same on a volume where scopes share nothing."""

    dedup = "scope"

    @invariant()
    def domains_are_apart(self) -> None:
        domains = {self.scopes.index(root.scope): self.home.volume.root(root.id) for root in self.home.volume.roots()}
        found = [root.domain for root in domains.values() if root is not None]
        assert len(set(found)) == len(found)
        assert 0 not in found


LIMITS = {"deadline": None, "suppress_health_check": list(HealthCheck), "stateful_step_count": 20}
TestVolume = VolumeMachine.TestCase
TestVolume.settings = settings(max_examples=70, **LIMITS)  # type: ignore[arg-type]
TestScopedVolume = ScopedVolumeMachine.TestCase
TestScopedVolume.settings = settings(max_examples=30, **LIMITS)  # type: ignore[arg-type]
