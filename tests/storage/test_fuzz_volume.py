"""A volume with one object made wrong gives right bytes or a typed error, and nothing then makes it worse."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import cache
from uuid import UUID

import pytest

from galleria_storage.errors import StorageError
from galleria_storage.index.memory import MemoryIndex
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs.bad import BAD
from galleria_storage.packs.format import CONDEMNED
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume import CollectionStopped, Policy, Volume
from galleria_storage.volume.errors import VolumeUnreadable
from tests.support.mutations import mutate_object, mutated
from tests.support.rot import spoil
from tests.support.seals import sealed_bad, sealed_pack
from tests.support.volumes import Clock, content_of, holder, read_range, send
from tests.vectors.inputs import build, stream
from tests.vectors.volume import DISKS, FOLDER, SCOPE

CASES = int(os.environ.get("GALLERIA_FUZZ_CASES", "25"))
"""Volumes in each of the parts of a test."""
PARTS = range(8)
SPOILED, GIVEN_UP = UUID(int=0x104), UUID(int=0x105)
MORE = {SPOILED: build([stream("spoiled", 60_000)]), GIVEN_UP: build([stream("given up", 60_000)])}
CONTENTS = {root: build(parts) for root, (_, parts) in DISKS.items()} | MORE
CONDEMNED_SECONDS = 60


def opened(store: MemoryObjectStore, clock: Clock) -> Volume:
    policy = Policy(condemned_seconds=CONDEMNED_SECONDS)
    return Volume(store, MemoryIndex(), rules=[BLOCK_CDC_1], clock=clock, policy=policy)


@cache
def aged() -> dict[str, bytes]:
    """The objects of the golden volume after more of a life: it has packs with bad records, and condemned ones."""
    store = stored({str(path.relative_to(FOLDER)): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()})
    volume = opened(store, Clock())
    for root, data in MORE.items():
        before = {info.name for info in store.list("packs/")}
        push = volume.begin_push(SCOPE, root, lease_id=root)
        content = content_of(data, BLOCK_CDC_1)
        send(push, content, content.pages)
        push.commit(content.layout, holder(SCOPE))
        if root == SPOILED:
            (pack,) = {info.name for info in store.list("packs/")} - before
            spoil(store, pack, 48 + 72 + 10)
    volume.release(GIVEN_UP)
    volume.collect()
    volume.scrub(lambda _: None)
    volume.close()
    return {info.name: store.read(info.name) or b"" for info in store.list("")}


def stored(objects: dict[str, bytes]) -> MemoryObjectStore:
    store = MemoryObjectStore()
    for name, data in objects.items():
        store.replace(name, data)
    return store


def readable(volume: Volume) -> Iterator[UUID]:
    """The roots that are read."""
    for root, data in CONTENTS.items():
        try:
            found = read_range(volume, root)
        except StorageError as error:
            str(error)
            continue
        assert found == data
        yield root


def collected(volume: Volume, clock: Clock) -> None:
    """Collection runs until what it condemned is gone, or stops."""
    for _ in range(2):
        try:
            volume.collect()
        except CollectionStopped as stopped:
            str(stopped)
        clock.now += 2 * CONDEMNED_SECONDS
    volume.maintain()


def live(store: MemoryObjectStore) -> None:
    """Open the volume without its index, read, scrub, verify and collect it, and open it again."""
    clock = Clock()
    volume = opened(store, clock)
    before = set(readable(volume))
    volume.verify(lambda _: None)
    assert before <= set(readable(volume))
    volume.scrub(lambda _: None, names=True)
    volume.assess()
    volume.verify(lambda _: None)
    volume.usage()
    assert before <= set(readable(volume))
    collected(volume, clock)
    assert before <= set(readable(volume))
    volume.close()
    again = opened(store, clock)
    assert before <= set(readable(again))
    again.close()


def test_the_volume_has_every_kind_of_object() -> None:
    kinds = {(name.partition("/")[0], name.partition(".")[2]) for name in aged()}
    assert kinds >= {("meta", "json"), ("packs", ""), ("pages", ""), ("roots", "")}
    assert any(name.endswith(BAD) for name in aged())
    assert any(name.endswith(CONDEMNED) for name in aged())
    volume = opened(stored(aged()), Clock())
    assert set(readable(volume)) == set(CONTENTS) - {SPOILED, GIVEN_UP, UUID(int=0x103)}
    live(stored(aged()))


@pytest.mark.parametrize("part", PARTS)
def test_one_object_made_wrong_never_gives_wrong_bytes_and_costs_no_other_root(part: int) -> None:
    chance = random.Random(part)
    for _ in range(CASES):
        store = stored(aged())
        done = mutate_object(store, chance)
        try:
            live(store)
        except VolumeUnreadable:
            assert "meta/volume.json" in done
        except Exception as error:
            raise AssertionError(done) from error


@pytest.mark.parametrize("part", PARTS)
def test_neither_does_one_whose_checks_are_right(part: int) -> None:
    chance = random.Random(100 + part)
    seals = {"": sealed_pack, "bad": sealed_bad}
    names = [name for name in aged() if name.startswith(("packs/", "pages/")) and name.partition(".")[2] in seals]
    for _ in range(CASES):
        store = stored(aged())
        name = chance.choice(names)
        data = seals[name.partition(".")[2]](mutated([aged()[name]], chance))
        store.replace(name, data)
        try:
            live(store)
        except Exception as error:
            raise AssertionError(name, data) from error
