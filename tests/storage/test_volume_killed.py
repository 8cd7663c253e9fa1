"""A process that has a volume is killed at every step by which something becomes durable: files and index are real."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest

from galleria_storage.index.memory import Rows
from galleria_storage.index.rocks import RocksIndex
from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.index.store import Table
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.volume import Volume
from tests.support.invariants import check_volume
from tests.support.killed_life import Lived, can_kill, live
from tests.support.small_rule import SMALL_RULE
from tests.support.volume_life import CONTENTS, SCOPE, open_volume
from tests.support.volumes import content_of, holder, pushed, read_range, sample, send

pytestmark = pytest.mark.skipif(not can_kill(), reason="no strace here that may trace")

MAIN, SEALING, INDEXING = "MainThread", ("seal_0", "seal_1"), ("rocksdb:low", "rocksdb:high")
SYNCS = ("fsync", "fdatasync")
RENAMES = ("rename", "renameat2")
WRITES = ("write", "pwrite64", "writev", "ftruncate", "mkdir", "unlink")
NEVER = 60_000
"""A number of a call that no life comes to."""
LATER = content_of(sample(0.3, 9))


_STEPS = ("begun", "durable", "kept", "releasing", "released")


class Told:
    """What a life said that it had done: the roots that are there for certain, and those that may be."""

    def __init__(self, lines: Iterable[str]) -> None:
        steps = (line.split() for line in lines if line.startswith(_STEPS))
        said = [(word, UUID(root), rest) for word, root, *rest in steps]
        roots = {what: {root for word, root, _ in said if word == what} for what in _STEPS}
        self.certain = roots["kept"] - roots["releasing"]
        self.possible = roots["begun"] - roots["released"]
        self._begun = roots["begun"] - roots["kept"]
        self._durable = [(root, int(rest[0])) for word, root, rest in said if word == "durable"]

    def finish_pushes(self, volume: Volume, pinned: Collection[UUID]) -> set[UUID]:
        """Go on with pushes that were begun, sending only what was not told to be durable; their roots."""
        unfinished = self._begun - set(pinned)
        for root in unfinished:
            push, content = volume.resume_push(root, SMALL_RULE), CONTENTS[root]
            assert push is not None
            durable = {number for owner, number in self._durable if owner == root}
            assert durable <= push.durable_segments()
            send(push, content, content.pages.keys() - push.durable_segments())
            push.commit(content.layout, holder(SCOPE))
        return unfinished


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: what a killed process has written stays with the kernel."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of an own name is made in it
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    ("thread", "call"),
    [(thread, call) for thread in (MAIN, *SEALING) for call in (*SYNCS, *RENAMES)],
)
def test_what_was_told_survives_a_kill_at_every_fsync_and_rename(folder: Path, thread: str, call: str) -> None:
    _kill_at_each(folder, thread, call)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("thread", "call"),
    [
        *((thread, call) for thread in (MAIN, *SEALING) for call in WRITES),
        *((thread, call) for thread in INDEXING for call in (*SYNCS, *RENAMES, *WRITES)),
    ],
)
def test_what_was_told_survives_a_kill_at_every_write(folder: Path, thread: str, call: str) -> None:
    _kill_at_each(folder, thread, call)


def test_a_life_that_is_not_killed_does_all_of_it_and_collects(folder: Path) -> None:
    lived = live(folder / "volume", "none", "fsync", 1)
    assert not lived.killed
    assert lived.told[-1] == "closed"
    assert not (folder / "volume" / "packs" / "00000001-00000001").exists()


def test_each_step_is_in_the_index_for_certain_before_it_is_told(folder: Path) -> None:
    assert not live(folder / "volume", MAIN, "fdatasync", NEVER, folder / "trace").killed
    told, synced = 0, False
    for line in (folder / "trace").read_text().splitlines():
        if re.match(r"fdatasync\(\d+</.*/index/\d+\.log>\) += 0$", line):
            synced = True
        elif re.match(r'write\(1<.*>, "(begun|kept|released) ', line):
            assert synced
            told, synced = told + 1, False
    assert told == 2 * len(CONTENTS) + 1


def _kill_at_each(folder: Path, thread: str, call: str) -> None:
    for number in itertools.count(1):
        volume = folder / str(number)
        lived = live(volume, thread, call, number)
        _check(volume, lived)
        shutil.rmtree(volume)
        if not lived.killed:
            return


def _check(folder: Path, lived: Lived) -> None:
    """All that was told is there, seen by the engine and without it; and the volume takes and lets go of more."""
    told, shared = Told(lived.told), RocksShared()
    with closing(open_volume(folder, shared)) as volume:
        found = _roots(volume)
        assert told.certain <= found <= told.possible
        _read(volume, found)
        found |= told.finish_pushes(volume, found)
        _read(volume, found)
    _witness(folder, found)
    for index in ("kept", "lost"):
        if index == "lost":
            shutil.rmtree(folder / "index")
        with closing(open_volume(folder, shared)) as volume:
            assert _roots(volume) == found
            _use(volume, UUID(int=len(index) + len(found)))
            assert _roots(volume) == found
            _read(volume, found)
        _witness(folder, found)


def _use(volume: Volume, root: UUID) -> None:
    """Push something, give it up, and collect until nothing is left to do."""
    pushed(volume, SCOPE, LATER, root)
    assert read_range(volume, root) == LATER.data
    volume.release(root)
    while volume.collect().condemned:
        pass


def _roots(volume: Volume) -> set[UUID]:
    return {root.id for root in volume.roots()}


def _read(volume: Volume, roots: Iterable[UUID]) -> None:
    for root in roots:
        assert read_range(volume, root) == CONTENTS[root].data


def _witness(folder: Path, roots: Iterable[UUID]) -> None:
    """See, without the engine, that the volume is these roots, that no row lies, and that nothing is left over."""
    index = RocksIndex.open(folder / "index", RocksShared())
    rows: Rows = {table: dict(index.scan(table)) for table in Table}
    index.close()
    store = LocalObjectStore(folder)
    contents = {root: CONTENTS[root].data for root in roots}
    check_volume(store, contents, SMALL_RULE.segment, SMALL_RULE.block, rows)
    store.close()
