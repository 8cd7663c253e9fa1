"""Bytes made wrong by chance, in the ways in which stored and sent bytes go wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from galleria_storage.objects.memory import MemoryObjectStore

_NUMBERS = (0, 1, 2, 15, 16, 35, 36, 72, 127, 128, 255, 256, 4096, 65535, 65536, 262_144, 262_145, 0x7FFFFFFF)
_TOP = (0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
Mutation = Callable[[bytearray, random.Random], None]


def _flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set_byte(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] = chance.randrange(256)


def _set_number(data: bytearray, chance: random.Random) -> None:
    """A number at the edge of something, where a length or count may lie."""
    size = chance.choice((1, 2, 4, 4, 8))
    value = chance.choice((*_NUMBERS, *_TOP, len(data)))
    at = chance.randrange(len(data))
    data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")[: len(data) - at]


def _step(data: bytearray, chance: random.Random) -> None:
    """A number that is off by a little."""
    at = chance.randrange(len(data))
    data[at] = (data[at] + chance.choice((-2, -1, 1, 2))) % 256


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _extend(data: bytearray, chance: random.Random) -> None:
    data += chance.choice((bytes, chance.randbytes))(chance.choice((1, 4, 16, 36, 56, 72, 300)))


def _zero(data: bytearray, chance: random.Random) -> None:
    first, last = _range(data, chance)
    data[first:last] = bytes(last - first)


def _remove(data: bytearray, chance: random.Random) -> None:
    first, last = _range(data, chance)
    del data[first:last]


def _repeat(data: bytearray, chance: random.Random) -> None:
    first, last = _range(data, chance)
    data[last:last] = data[first:last]


def _swap(data: bytearray, chance: random.Random) -> None:
    """Two stretches of one length change places."""
    size = chance.choice((1, 4, 36, 56))
    first, second = sorted(chance.randrange(len(data)) for _ in range(2))
    if first + size <= second:
        one, other = bytes(data[first : first + size]), bytes(data[second : second + size])
        data[second : second + len(other)] = one[: len(other)]
        data[first : first + len(other)] = other


def _range(data: bytearray, chance: random.Random) -> tuple[int, int]:
    first = chance.randrange(len(data))
    return first, first + chance.choice((1, 4, 16, 36, 56, 72, 128, len(data)))


MUTATIONS: tuple[Mutation, ...] = (
    _flip,
    _set_byte,
    _set_number,
    _set_number,
    _step,
    _truncate,
    _extend,
    _zero,
    _remove,
    _repeat,
    _swap,
)


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the seeds with one to three mutations; now and then its start with the end of another."""
    data = bytearray(chance.choice(seeds))
    if chance.random() < 0.1:
        other = chance.choice(seeds)
        data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if not data:
            break
        chance.choice(MUTATIONS)(data, chance)
    return bytes(data)


def mutate_object(store: MemoryObjectStore, chance: random.Random) -> str:
    """Mutate, remove or exchange one object of a store; says what was done."""
    names = [info.name for info in store.list("")]
    name, other = chance.sample(names, 2)
    action = chance.choice(("mutate", "mutate", "mutate", "mutate", "remove", "exchange"))
    if action == "remove":
        store.delete(name)
    elif action == "exchange":
        one, two = store.read(name) or b"", store.read(other) or b""
        store.replace(name, two)
        store.replace(other, one)
    else:
        store.replace(name, mutated([store.read(name) or b"\0"], chance))
    return f"{action} {name} {other}"
