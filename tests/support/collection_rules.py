"""Rules of collection: what is garbage goes, what is alive stays, and packs end up compact."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from galleria_storage.digest import name_of
from galleria_storage.volume import CollectionStopped
from galleria_storage.volume.choosing import MOST_GARBAGE, MOST_LIVE
from galleria_storage.volume.leases import LEASE_SECONDS
from tests.support.small_rule import SMALL_RULE
from tests.support.volume_model import VolumeModel
from tests.support.volumes import CONDEMNED_SECONDS


class CollectionRules(VolumeModel):
    """A volume whose garbage is collected."""

    @rule(times=st.integers(1, 3))
    def collect(self, times: int) -> None:
        for _ in range(times):
            if self.under is not None:
                push = self.home.volume.resume_push(self.under.lease, SMALL_RULE)
                assert push is not None
                push.known_pages([])
            try:
                self.home.volume.collect()
            except CollectionStopped:
                assert any(self.may_fail(root) for root in self.pinned)
            self.home.clock.now += CONDEMNED_SECONDS

    @rule()
    @precondition(lambda self: self.medium.sound)
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
