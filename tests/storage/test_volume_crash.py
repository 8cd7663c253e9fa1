"""The power goes at every step of a small life: what was acknowledged is there, the rest is whole or absent."""

import random
from collections.abc import Iterator
from uuid import UUID

import pytest

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.index.store import Table
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.packs.format import CONDEMNED
from galleria_storage.volume import Copy, Holder
from galleria_storage.volume.rows import ChunkRow, PackRow, pack_key
from tests.support.simulated_disk import PowerCutError
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
SCOPES = [UUID(int=1), UUID(int=2)]
A, B, COPY, C, D, PART = (UUID(int=number) for number in range(11, 17))
CONTENTS = {A: FIRST, B: CHANGED, COPY: FIRST, C: OTHER, D: OTHER, PART: HALF}


class Life:
    """What is done to a volume, and what was acknowledged so far."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.kept: set[UUID] = set()
        self.durable: dict[UUID, set[int]] = {}
        self.releasing: set[UUID] = set()
        self.rewritten = 0
        self.released: set[UUID] = set()

    def run(self) -> None:
        self._push(A, SCOPES[0])
        self._push(B, SCOPES[0])
        self._copy(A, COPY, SCOPES[1])
        self._release(A)
        self._push(C, SCOPES[1])
        self._push(PART, SCOPES[1])
        self._release(B)
        self._collect()
        self._release(C)
        self._release(COPY)
        self._collect()
        self._push(D, SCOPES[1])

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
            self.durable.setdefault(root, set()).update(told.durable)
        push.commit(content.layout, Holder(scope, root, "disk"))
        self.kept.add(root)

    def _copy(self, source: UUID, root: UUID, scope: UUID) -> None:
        copy: Copy = self._machine.volume.begin_copy(scope, root, lease_id=root)
        with self._machine.volume.open_read(source) as reader:
            copy.run(reader, lambda _: True)
        copy.commit(Holder(scope, root, "copy"))
        self.kept.add(root)

    def _release(self, root: UUID) -> None:
        self.kept.discard(root)
        self.releasing.add(root)
        self._machine.volume.release(root)
        self.released.add(root)


def _steps() -> int:
    machine = Machine()
    Life(machine).run()
    machine.close()
    return machine.disk.changes


def test_a_whole_life_takes_some_steps_and_rewrites_packs() -> None:
    assert _steps() > 250
    machine = Machine()
    life = Life(machine)
    life.run()
    machine.close()
    assert life.rewritten > 0


# One case for several steps, as a case costs more than a step.
@pytest.mark.parametrize("share", range(8))
def test_power_cut_at_every_step(share: int) -> None:
    for step in range(share, _steps() + 1, 8):
        _live_until(step)


def _live_until(step: int) -> None:
    machine = Machine()
    machine.disk.cut_after(step)
    life = Life(machine)
    try:
        life.run()
    except PowerCutError:
        pass
    except StorageError:
        # The power went in a thread that seals packs: what waits for them is missing from then on.
        with pytest.raises(PowerCutError):
            machine.disk.change("any")
    machine.crash(random.Random(step))
    _check(machine, life)
    # And the same when the index is lost on top of it, and when what is garbage then is collected.
    machine.lose_index()
    _check(machine, life)
    machine.volume.collect()
    _check(machine, life)
    machine.clock.now += CONDEMNED_SECONDS
    machine.volume.collect()
    assert _packs(machine)[1] == set()
    _check(machine, life)
    machine.close()


def _check(machine: Machine, life: Life) -> None:
    volume = machine.volume
    found = {root.id for root in volume.roots()}
    assert life.kept <= found
    assert not life.released & found
    for root in found:
        _check_whole(machine, root, CONTENTS[root])
    for root in CONTENTS.keys() - found:
        assert volume.root(root) is None
    assert machine.temporaries() == []
    assert {root for root, _ in _root_files(machine)} == found
    _check_packs(machine)
    machine.witness({root: CONTENTS[root].data for root in found})
    for root, segments in life.durable.items():
        push = volume.resume_push(root, SMALL_RULE)
        assert push is None or root in found or segments <= push.durable_segments()


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
    packs = {name for name in names if not name.endswith(CONDEMNED)}
    keys = {name: bytes.fromhex(name.replace("-", "")) for name in packs | marked}
    return {keys[name] for name in packs}, {keys[name] for name in marked}
