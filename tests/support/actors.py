"""Those who work on a volume beside each other, each a sequence of single steps: pushes, readers, copies, upkeep."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from galleria_storage.digest import name_of
from galleria_storage.index.memory import MemoryIndex
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs.format import DATA, PAGES
from galleria_storage.records import records_in
from galleria_storage.volume import Holder, LeaseLapsed, Volume
from galleria_storage.volume.leases import LEASE_SECONDS
from galleria_storage.volume.pages import expanded
from tests.support.small_rule import SMALL_RULE
from tests.support.stepping import Steps, in_thread
from tests.support.volumes import Clock, Content, Told, memory_volume, record_of, wanted_names

# Packs are sealed when a push says so, never by themselves: what happens beside what is for the steps to say.
_LARGE_PACKS: Final = {DATA: 64 << 10, PAGES: 2 << 10}
_RENEWED_BEFORE: Final = LEASE_SECONDS * 2 / 3
"""Seconds that a lease has left at least after whatever renews it."""
_SLOTS: Final = 4


@dataclass
class Site:
    """A volume, and what it must hold."""

    dedup: str
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    index: MemoryIndex = field(default_factory=MemoryIndex)
    clock: Clock = field(default_factory=Clock)
    pinned: dict[UUID, tuple[UUID, Content]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.volume: Volume = memory_volume(self.store, self.index, self.clock, self.dedup, _LARGE_PACKS)
        self._ids = itertools.count(1)
        self._streams = 0

    def id(self) -> UUID:
        """One never given before, the same in each run: the engine sorts by them."""
        return UUID(int=next(self._ids))

    def stream(self) -> None:
        """Count a stream: four share a pack in turn, over all pushes of a process."""
        self._streams += 1

    def align_streams(self, push: Callable[[], None]) -> None:
        """Let the next volume's first stream have the place that this one's first had."""
        for _ in range(-self._streams % _SLOTS):
            push()


class Actor:
    """One who takes steps. A lease of its may have lapsed if it stood still for long enough."""

    def __init__(self, site: Site, steps: Callable[[Actor], Steps]) -> None:
        self._site = site
        self._steps = steps(self)
        self._last = site.clock()
        self.outlived = False

    def step(self) -> bool:
        """Take a step; False if there was none left."""
        self.outlived = self.outlived or self._site.clock() - self._last >= _RENEWED_BEFORE
        try:
            next(self._steps)
        except StopIteration:
            return False
        finally:
            self._last = self._site.clock()
        return True

    def run_out(self) -> None:
        """Take all steps that are left."""
        while self.step():
            pass

    def lapsed(self) -> None:
        """The lease has lapsed, which it must not without reason; the next one is new."""
        assert self.outlived
        self.outlived = False


Begin = Callable[[Actor], Steps]


def push(site: Site, scope: UUID, content: Content, frame: int) -> Begin:
    """Push content; where the lease has lapsed, again from the start."""

    def steps(actor: Actor) -> Steps:
        while True:
            try:
                yield from _push(site, scope, content, frame)
            except LeaseLapsed:
                actor.lapsed()
                yield
            else:
                return

    return steps


def _push(site: Site, scope: UUID, content: Content, frame: int) -> Steps:
    root, told = site.id(), Told()
    under = site.volume.begin_push(scope, root, lease_id=site.id(), rule=SMALL_RULE)
    yield
    offers = [(segment, name_of(page)) for segment, page in content.pages.items()]
    known = under.known_pages(offers)
    yield
    stream = under.attach(told.note, told.failures.append)
    site.stream()
    for segment in (segment for (segment, _), has in zip(offers, known, strict=True) if not has):
        names = wanted_names(content.names[segment], stream.offer_segment(segment, content.pages[segment]))
        yield
        for first in range(0, len(names), frame):
            stream.receive(b"".join(record_of(content.chunks[name]) for name in names[first : first + frame]))
            yield
        stream.flush()
        assert told.failures == []
        yield
    under.commit(content.layout, Holder(scope, root, "disks/one"))
    site.pinned[root] = scope, content


def read(site: Site, root: UUID) -> Begin:
    """Read a root segment by segment, though it may be released meanwhile."""
    content = site.pinned[root][1]

    def steps(actor: Actor) -> Steps:
        reader = site.volume.open_read(root)
        yield
        try:
            for segment in content.pages:
                assert reader.page(segment) == content.pages[segment]
                yield
                found: dict[bytes, bytes | None] = {}
                for frame in reader.records(segment):
                    found.update((record.name, expanded(record)) for record in records_in(frame, SMALL_RULE))
                    yield
                assert found == {name: content.chunks[name] for name in content.names[segment]}
                yield
            at = 0
            for piece in reader.range(0, len(content.data)):
                assert (piece.data or bytes(piece.length)) == content.data[at : at + piece.length]
                at += piece.length
                yield
            assert at == len(content.data)
        except LeaseLapsed:
            actor.lapsed()
        finally:
            reader.close()

    return steps


def copy(site: Site, root: UUID, scope: UUID) -> Begin:
    """Copy a root to another scope of its volume; where a lease has lapsed, not at all."""
    content = site.pinned[root][1]

    def run(stand_still: Callable[[], None]) -> None:
        def progress(_: int) -> bool:
            stand_still()
            return True

        target = site.id()
        under = site.volume.begin_copy(scope, target, lease_id=site.id())
        with site.volume.open_read(root) as source:
            under.run(source, progress)
        stand_still()
        under.commit(Holder(scope, target, "disks/copy"))
        site.pinned[target] = scope, content

    def steps(actor: Actor) -> Steps:
        try:
            yield from in_thread(run)
        except LeaseLapsed:
            actor.lapsed()

    return steps


def collect(site: Site) -> Begin:
    """Collect and compact."""

    def run(stand_still: Callable[[], None]) -> None:
        site.volume.collect(stand_still)

    return lambda _: in_thread(run)


def scrub(site: Site, *, names: bool) -> Begin:
    """Read everything that is stored again: all of it is good."""

    def run(stand_still: Callable[[], None]) -> None:
        found = site.volume.scrub(lambda _: stand_still(), names=names)
        assert (found.bad, found.damaged, found.lost, found.roots) == (0, 0, 0, ())

    return lambda _: in_thread(run)
