"""Rules of damage: records rot, are found by readers and scrubs, and are healed; indexes and databases get old."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import MultipleResults, consumes, multiple, precondition, rule

from galleria_storage.index.memory import Rows
from galleria_storage.volume import CollectionStopped
from tests.support.medium import CHUNK
from tests.support.volume_model import MOST_ROOTS, ROOTS, VolumeModel
from tests.support.volumes import CONDEMNED_SECONDS, begin, send, unknown_segments

PLACES = st.integers(0, 1 << 20)
_MOST_ROT = 4


class DamageRules(VolumeModel):
    """A volume whose disk, index and metadata database are not what they were."""

    def __init__(self) -> None:
        super().__init__()
        self.rotten = 0
        self.backup: Rows | None = None
        self.unnamed: set[UUID] = set()

    @rule(which=PLACES, offset=PLACES, footer=st.booleans())
    @precondition(lambda self: self.pinned and self.rotten < _MOST_ROT)
    def rot(self, which: int, offset: int, footer: bool) -> None:  # noqa: FBT001
        packs = self.medium.packs()
        if packs:
            for place in [offset, -1] if footer else [offset]:
                self.medium.spoil(packs[which % len(packs)], place)
            self.rotten += 1

    @rule(names=st.booleans())
    def scrub(self, names: bool) -> None:  # noqa: FBT001
        self._scrub(names=names)
        self._says_what_it_lacks()
        for root in self.pinned:
            self._is_told_no_lie(root)

    @rule(root=ROOTS)
    @precondition(lambda self: self.pinned and len(self.pinned) < MOST_ROOTS and not self.medium.sound)
    def heal(self, root: UUID) -> None:
        """What a root lacks is asked for again, and then every root that lacked it has it."""
        self._scrub(names=False)
        lost = self.lacks().get(root, set())
        scope, content = self.pinned[root]
        push = begin(self.home.volume, self.scopes[scope])
        told = send(push, content, unknown_segments(push, content))
        assert {name for kind, _, name in lost if kind == CHUNK} <= {n for names in told.asked.values() for n in names}
        self.brought[scope].update(content.chunks)
        again = self.commit(push, content, scope)
        self.home.volume.assess()
        assert not {root, again} & self.home.volume.lacking().keys()
        assert self.read(root)
        assert self.read(again)
        self._give_up(again)

    @rule()
    @precondition(lambda self: not self.medium.sound)
    def mend(self) -> None:
        """What cannot be read today can be read tomorrow: then nothing is lost, if it was needed all the time."""
        self._collect()
        self.medium.mend()
        self.rotten = 0
        self._scrub(names=False)
        assert (self.home.volume.lacking(), self.lacks()) == ({}, {})
        self.witness()

    @rule()
    @precondition(lambda self: not self.medium.sound)
    def lose_the_index_of_a_spoilt_volume(self) -> None:
        self._scrub(names=False)
        self.home.lose_index()
        self.under = None
        self.home.volume.assess()
        self._says_what_it_lacks()
        for root in self.pinned:
            self._is_told_no_lie(root)

    @rule()
    def back_the_index_up(self) -> None:
        self.home.close()
        self.backup = {table: dict(rows) for table, rows in self.home.rows.items()}

    @rule()
    @precondition(lambda self: self.backup is not None)
    def restore_an_old_index(self) -> None:
        assert self.backup is not None
        under, self.under = self.under, None
        self.home.close()
        for table, rows in self.backup.items():
            self.home.rows[table].clear()
            self.home.rows[table].update(rows)
        self.reopened()
        assert under is None or self.home.volume.resume_push(under.lease) is None

    @rule(root=consumes(ROOTS))
    def restore_an_old_database(self, root: UUID) -> None:
        """Nothing names this root any more: it stays, until somebody decides."""
        self.unnamed.add(root)

    @rule(target=ROOTS)
    def adopt(self) -> MultipleResults[UUID]:
        found = {file.id: file.root for file in self.home.volume.root_files()}
        assert found.keys() == self.pinned.keys()
        adopted, self.unnamed = self.unnamed, set()
        for root in adopted:
            file = found[root]
            assert file is not None
            assert (file.holder.scope, file.holder.name) == (self.scopes[self.pinned[root][0]], "disks/one")
        return multiple(*adopted)

    def teardown(self) -> None:
        if not self.medium.sound:
            if self.rotten % 2:
                self.home.lose_index()
            self.scrub(names=False)
            self.lose_the_index_of_a_spoilt_volume()
            self.mend()
        super().teardown()

    def _collect(self) -> None:
        for _ in range(2):
            with suppress(CollectionStopped):
                self.home.volume.collect()
            self.home.clock.now += CONDEMNED_SECONDS

    def _scrub(self, *, names: bool) -> None:
        # The second one meets good records of what the first has found to be bad.
        for _ in range(2):
            self.home.volume.scrub(lambda _: None, names=names)
        self.home.volume.assess()

    def _says_what_it_lacks(self) -> None:
        lacks = self.lacks()
        assert self.home.volume.lacking() == {root: len(keys) for root, keys in lacks.items()}
        found = self.home.volume.verify(lambda _: None)
        assert (found.unreadable, found.missing > 0, found.account is None) == ([], bool(lacks), bool(lacks))
        for root in self.pinned:
            assert self.read(root) == (root not in lacks)

    def _is_told_no_lie(self, root: UUID) -> None:
        """Who offers a page is told that nothing of it is needed only if that is true."""
        scope, content = self.pinned[root]
        push = begin(self.home.volume, self.scopes[scope])
        unknown = unknown_segments(push, content)
        push.abort()
        good = {name for _, domain, name in self.medium.good() if domain == self.domains[root]}
        assert all(set(content.names[segment]) <= good for segment in content.pages.keys() - set(unknown))

    def _give_up(self, root: UUID) -> None:
        assert self.home.volume.release(root)
        del self.pinned[root]
