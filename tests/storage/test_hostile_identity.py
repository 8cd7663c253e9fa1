"""A `volume.json` that no engine wrote is refused with nothing written, or kept."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.volume import identity
from galleria_storage.volume.errors import VolumeUnreadable

GOOD: dict[str, Any] = {
    "format": "galleria-volume",
    "version": 1,
    "id": str(UUID(int=1)),
    "requires": [],
    "owner_epoch": 7,
}
GOOD |= {"dedup": "volume"}


def described(text: str) -> MemoryObjectStore:
    store = MemoryObjectStore()
    store.replace(identity.OBJECT, text.encode())
    return store


@pytest.mark.parametrize("epoch", ["1e999", "Infinity", "NaN", "7.0", '"7"', "true", "null", "[]", "-1", "4294967295"])
def test_an_owner_epoch_that_is_no_number_of_32_bits_is_refused(epoch: str) -> None:
    text = json.dumps(GOOD).replace('"owner_epoch": 7', f'"owner_epoch": {epoch}')
    store = described(text)
    with pytest.raises(VolumeUnreadable):
        identity.take_over(store)
    assert store.read(identity.OBJECT) == text.encode()


@pytest.mark.parametrize("version", ["true", "1.0", '"1"', "2", "null"])
def test_a_version_that_is_not_the_number_1_is_refused(version: str) -> None:
    with pytest.raises(VolumeUnreadable):
        identity.take_over(described(json.dumps(GOOD).replace('"version": 1', f'"version": {version}')))


def test_the_last_owner_epoch_is_taken() -> None:
    store = described(json.dumps(GOOD | {"owner_epoch": (1 << 32) - 2}))
    assert identity.take_over(store).owner_epoch == (1 << 32) - 1


@pytest.mark.parametrize("depth", [10, 300, 600, 900, 20_000])
def test_unknown_members_are_kept_or_refused_however_deep_they_are(depth: int) -> None:
    text = json.dumps(GOOD)[:-1] + f', "later": {"[" * depth}{"]" * depth}}}'
    store = described(text)
    try:
        identity.take_over(store)
    except VolumeUnreadable:
        assert depth > 10
        assert store.read(identity.OBJECT) == text.encode()
    else:
        assert b"".join((store.read(identity.OBJECT) or b"").split()).count(b"[") == depth + 1


def test_a_description_that_would_grow_past_its_bound_is_refused_before_it_is_written() -> None:
    members: dict[str, Any] = GOOD | {"later": [0] * 20_000}
    text = json.dumps(members, separators=(",", ":"))
    store = described(text)
    with pytest.raises(VolumeUnreadable):
        identity.take_over(store)
    assert store.read(identity.OBJECT) == text.encode()


def test_a_description_of_64_kib_is_read_and_one_byte_more_is_refused() -> None:
    text = json.dumps(GOOD).ljust(64 << 10)
    assert identity.take_over(described(text)).owner_epoch == GOOD["owner_epoch"] + 1
    with pytest.raises(VolumeUnreadable):
        identity.take_over(described(text + " "))
