"""A volume whose garbage is collected step by step, what lies under it, and the time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from uuid import UUID

from galleria_storage.index.memory import MemoryIndex
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs.format import CONDEMNED, Entry, decode_entries, parse_object_name
from galleria_storage.packs.reader import read_entries
from galleria_storage.volume import Policy, Volume
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import CONDEMNED_SECONDS, SMALL_PACKS, Clock, Content, begin, unknown_segments


class Place:
    """A volume, what lies under it, and the time."""

    def __init__(self, dedup: str = "volume", rewrite_bytes: int = 1 << 30) -> None:
        self.store, self.index, self.clock = MemoryObjectStore(), MemoryIndex(), Clock()
        self._policy = Policy(dedup, SMALL_PACKS, CONDEMNED_SECONDS, rewrite_bytes)
        self.volume = self.open()
        # A new volume does not know what came before it, and looks once.
        self.volume.collect()

    def open(self) -> Volume:
        return Volume(self.store, self.index, rules=[SMALL_RULE], clock=self.clock, policy=self._policy)

    def reopen(self, *, index: bool = True) -> None:
        self.volume.close()
        self.index = MemoryIndex(self.index.rows) if index else MemoryIndex()
        self.volume = self.open()

    def settle(self) -> None:
        """Collect until nothing is left to do, and let what was condemned go."""
        while self.volume.collect().condemned:
            pass
        self.wait()
        self.volume.collect()

    def wait(self) -> None:
        self.clock.now += CONDEMNED_SECONDS

    def packs(self) -> list[str]:
        """Names of what lies in the folders of packs."""
        return [info.name for folder in ("packs/", "pages/") for info in self.store.list(folder)]

    def bytes_of(self) -> int:
        return sum(info.size for folder in ("packs/", "pages/") for info in self.store.list(folder))

    def asked(self, scope: UUID, content: Content) -> int:
        """How many chunks a push of this scope is asked for; it is given up."""
        push = begin(self.volume, scope)
        stream = push.attach(lambda *_: None, lambda _: None)
        bits = [stream.offer_segment(i, content.pages[i]) for i in unknown_segments(push, content)]
        stream.close()
        push.abort()
        return sum(byte.bit_count() for bit in bits for byte in bit)

    def entries(self, folder: str = "packs/") -> dict[str, list[Entry]]:
        """The footer entries of each pack that is not condemned."""
        objects = {info.name: info.size for info in self.store.list(folder)}
        found = {}
        for name, size in objects.items():
            parsed = parse_object_name(name)
            if parsed is not None and name + CONDEMNED not in objects:
                found[name] = decode_entries(read_entries(self.store, *parsed, size))
        return found


def at_step(step: int, act: Callable[[], None]) -> Callable[[], None]:
    """What a collection calls all the time, to act at one of the calls."""
    calls = itertools.count()
    return lambda: act() if next(calls) == step else None
