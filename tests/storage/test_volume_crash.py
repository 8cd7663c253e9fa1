"""The power goes at every step of a small life: what was acknowledged is there, the rest is whole or absent.

The life is lived once; the disk as it was before each change is kept, and then loses what was not synced in many ways.
"""

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple
from uuid import UUID

import pytest

from galleria_storage import roots
from galleria_storage.index.store import Table
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.packs.bad import BAD
from galleria_storage.packs.format import CONDEMNED, DATA
from galleria_storage.records import CHUNK
from galleria_storage.volume import Copy, Holder
from galleria_storage.volume.rows import ChunkRow, PackRow, chunk_key, pack_key
from tests.support.simulated_disk import Loss
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    CONDEMNED_SECONDS,
    Content,
    Machine,
    content_of,
    read_range,
    read_records,
    sample,
    send,
    unknown_segments,
)

FIRST = content_of(sample(1.2, 1) + bytes(20_000) + b"end")
CHANGED = content_of(FIRST.data[:5000] + b"changed" + FIRST.data[5007:])
OTHER = content_of(sample(0.7, 2))
HALF = content_of(FIRST.data[: 6 << 10] + OTHER.data[: 4 << 10])
ROTTEN = content_of(sample(0.2, 3))
SCOPES = [UUID(int=1), UUID(int=2)]
A, B, COPY, C, D, PART, GIVEN_UP, BEFORE_ROT, AFTER_ROT = (UUID(int=number) for number in range(11, 20))
CONTENTS = {
    A: FIRST,
    B: CHANGED,
    COPY: FIRST,
    C: OTHER,
    D: OTHER,
    PART: HALF,
    GIVEN_UP: HALF,
    BEFORE_ROT: ROTTEN,
    AFTER_ROT: ROTTEN,
}
DATABASE = UUID(int=3)


@dataclass
class Promises:
    """What was acknowledged so far."""

    kept: set[UUID] = field(default_factory=set)
    durable: dict[UUID, set[int]] = field(default_factory=dict)
    releasing: set[UUID] = field(default_factory=set)
    released: set[UUID] = field(default_factory=set)
    abandoned: set[UUID] = field(default_factory=set)
    high_water: int = 0
    rotten: bool = False
    put_aside: set[str] = field(default_factory=set)


class Moment(NamedTuple):
    """A machine just before something is changed on its disk, and what it has promised."""

    machine: Machine
    promises: Promises


class Life:
    """What is done to a volume, and what was acknowledged so far."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._promises = Promises()
        self.moments: list[Moment] = []
        self.rewritten = 0
        machine.disk.before_change = self._remember

    def run(self) -> None:
        self._note_database(1)
        self._push(A, SCOPES[0])
        self._push(B, SCOPES[0])
        self._copy(A, COPY, SCOPES[1])
        self._give_up(A, self._machine.volume.release)
        self._push(C, SCOPES[1])
        self._push(PART, SCOPES[1])
        self._give_up(B, self._machine.volume.release)
        self._collect()
        self._note_database(7)
        self._push(BEFORE_ROT, SCOPES[0])
        self._give_up(BEFORE_ROT, self._machine.volume.release)
        self._rot_and_scrub()
        self._push(AFTER_ROT, SCOPES[1])
        self._push(GIVEN_UP, SCOPES[0])
        self._promises.abandoned.add(GIVEN_UP)
        self._give_up(GIVEN_UP, self._machine.volume.abandon)
        self._give_up(C, self._machine.volume.release)
        self._give_up(COPY, self._machine.volume.release)
        self._collect()
        self._push(D, SCOPES[1])
        self._machine.close()
        self._remember()

    def _remember(self) -> None:
        self.moments.append(Moment(self._machine.copy(), deepcopy(self._promises)))

    def _note_database(self, high_water: int) -> None:
        self._machine.volume.note_database(DATABASE, high_water)
        self._promises.high_water = high_water

    def _collect(self) -> None:
        self.rewritten += self._machine.volume.collect().rewritten
        self._machine.clock.now += CONDEMNED_SECONDS
        self._machine.volume.collect()

    def _push(self, root: UUID, scope: UUID) -> None:
        content = CONTENTS[root]
        push = self._machine.volume.begin_push(scope, root, lease_id=root, rule=SMALL_RULE)
        for segment in unknown_segments(push, content):
            told = send(push, content, [segment], 8)
            assert told.failures == []
            self._promises.durable.setdefault(root, set()).update(told.durable)
        push.commit(content.layout, Holder(scope, root, "disk"))
        self._promises.kept.add(root)

    def _copy(self, source: UUID, root: UUID, scope: UUID) -> None:
        copy: Copy = self._machine.volume.begin_copy(scope, root, lease_id=root)
        with self._machine.volume.open_read(source) as reader:
            copy.run(reader, lambda _: True)
        copy.commit(Holder(scope, root, "copy"))
        self._promises.kept.add(root)

    def _give_up(self, root: UUID, how: Callable[[UUID], object]) -> None:
        self._promises.kept.discard(root)
        self._promises.releasing.add(root)
        how(root)
        self._promises.released.add(root)

    def _rot_and_scrub(self) -> None:
        """A record rots that no root needs any more, and is found."""
        name = next(iter(ROTTEN.chunks))
        row = ChunkRow.decode(self._machine.rows[Table.CHUNKS][chunk_key(CHUNK, 0, name)])
        pack = row.pack.object_name(DATA)
        self._promises.rotten = True
        data = bytearray(self._machine.disk.content(Machine.PATH / pack))
        data[row.offset + row.stored_length // 2] ^= 1
        self._machine.disk.rot(Machine.PATH / pack, bytes(data))
        assert self._machine.volume.scrub(lambda _: None).bad == 1
        self._promises.put_aside.add(pack)


@cache
def _life() -> Life:
    machine = Machine()
    life = Life(machine)
    life.run()
    return life


def test_a_whole_life_takes_some_steps_and_rewrites_packs() -> None:
    assert len(_life().moments) > 350
    assert _life().rewritten > 0


LOSSES = list(Loss)


@pytest.mark.parametrize("loss", LOSSES)
def test_power_cut_at_every_step(loss: Loss) -> None:
    # Neighbouring steps are much alike: each has another loss.
    for step in range(LOSSES.index(loss), len(_life().moments), len(LOSSES)):
        _lose(step, loss, step)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("loss", LOSSES)
def test_power_cut_at_every_step_with_every_loss(loss: Loss) -> None:
    for step in range(len(_life().moments)):
        for seed in range(4 if loss in (Loss.TORN, Loss.MIXED) else 1):
            _lose(step, loss, seed)


def _lose(step: int, loss: Loss, seed: int) -> None:
    moment = _life().moments[step]
    machine, promises = moment.machine.copy(), moment.promises
    machine.crash(random.Random(seed), loss)
    found = _check(machine, promises)
    # What was seen once is not taken back by another power cut.
    machine.crash(random.Random(seed), Loss.ALL)
    assert _check(machine, promises) == found
    # And the same when the index is lost on top of it, and when what is garbage then is collected.
    machine.lose_index()
    assert _check(machine, promises) == found
    machine.volume.collect()
    _check(machine, promises)
    machine.clock.now += CONDEMNED_SECONDS
    machine.volume.collect()
    assert _packs(machine)[1] == set()
    assert _check(machine, promises) == found
    machine.close()


def _check(machine: Machine, promises: Promises) -> set[UUID]:
    """See that all is kept that was promised; the roots that are there."""
    volume = machine.volume
    found = {root.id for root in volume.roots()}
    assert promises.kept <= found
    assert not promises.released & found
    if promises.rotten and not promises.put_aside:
        volume.scrub(lambda _: None)
    for root in found:
        _check_whole(machine, root, CONTENTS[root])
    for root in CONTENTS.keys() - found:
        assert volume.root(root) is None
    assert machine.temporaries() == []
    assert {root for root, _ in _root_files(machine)} == found
    _check_packs(machine)
    machine.witness({root: CONTENTS[root].data for root in found})
    for root, segments in promises.durable.items():
        push = volume.resume_push(root, SMALL_RULE)
        assert push is None or root in found or segments <= push.durable_segments()
    _check_notes(machine, promises, found)
    return found


def _check_notes(machine: Machine, promises: Promises, found: set[UUID]) -> None:
    """What was noted beside content: the database, roots given up for lost, records that are bad."""
    database = machine.volume.database
    assert promises.high_water <= (database.high_water if database else 0)
    store = LocalObjectStore(machine.PATH, machine.disk)
    for root in promises.abandoned - found:
        assert roots.decode(root, store.read(roots.abandoned_name(root)) or b"").layout == CONTENTS[root].layout
    for pack in promises.put_aside:
        assert store.read(pack) is None or store.read(pack + BAD)


def _check_whole(machine: Machine, root: UUID, content: Content) -> None:
    assert read_range(machine.volume, root) == content.data
    assert read_records(machine.volume, root).layout == content.layout


def _check_packs(machine: Machine) -> None:
    """Rows and objects say the same of packs; no chunk is in one that is condemned or gone."""
    rows = {key: PackRow.decode(value) for key, value in machine.rows[Table.PACKS].items()}
    packs, condemned = _packs(machine)
    assert packs == rows.keys()
    assert condemned == {key for key, row in rows.items() if row.condemned}
    for value in machine.rows[Table.CHUNKS].values():
        assert pack_key(ChunkRow.decode(value).pack) in packs - condemned


def _root_files(machine: Machine) -> Iterator[tuple[UUID, bool]]:
    store = LocalObjectStore(machine.PATH, machine.disk)
    return filter(None, (roots.parse_object_name(info.name) for info in store.list("roots/")))


def _packs(machine: Machine) -> tuple[set[bytes], set[bytes]]:
    """Keys of the packs that are there, and of those that have a marker."""
    store = LocalObjectStore(machine.PATH, machine.disk)
    names = {info.name[6:] for folder in ("packs/", "pages/") for info in store.list(folder)}
    marked = {name.removesuffix(CONDEMNED) for name in names if name.endswith(CONDEMNED)}
    packs = {name for name in names if not name.endswith((CONDEMNED, BAD))}
    keys = {name: bytes.fromhex(name.replace("-", "")) for name in packs | marked}
    return {keys[name] for name in packs}, {keys[name] for name in marked}
