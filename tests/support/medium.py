"""What lies on a machine's disk, by brute force and without the engine: records good and bad, and every byte's purpose.

Also the damage that was done there: a pack's bytes as they were before tell which of its records are good.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from galleria_storage.digest import name_of
from tests.support.volumes import Content, Machine

CHUNK, PAGE = 1, 2
_TRAILER, _ENTRY, _RECORD, _EMPTY = 48, 56, 72, 96
Key = tuple[int, int, bytes]
"""Kind, domain and name of a record."""


class Sizes(NamedTuple):
    """The account of a volume, in bytes."""

    stored: int
    live: int
    garbage: int
    condemned: int
    framing: int


class Medium:
    """The disk of a machine. Only what was spoilt through it counts as damage."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._originals: dict[str, bytes] = {}

    def objects(self) -> dict[str, bytes]:
        """All objects of the volume; `tmp/` holds none."""
        return dict(self._walk(""))

    def packs(self) -> list[str]:
        """Packs that are not condemned."""
        names = {name for name in self.objects() if name.startswith(("packs/", "pages/"))}
        return sorted(name for name in names if "." not in name and f"{name}.condemned" not in names)

    def spoil(self, name: str, offset: int) -> None:
        """Flip a bit of a pack."""
        data = bytearray(self._read(name))
        before = self._originals.setdefault(name, bytes(data))
        data[offset % len(data)] = before[offset % len(data)] ^ 1
        self._write(name, bytes(data))

    def mend(self) -> None:
        """Let everything read as it did before it was spoilt."""
        for name in self._spoilt():
            self._write(name, self._originals[name])
        self._originals.clear()

    @property
    def sound(self) -> bool:
        """Whether no pack that is there is spoilt."""
        return not self._spoilt()

    def records(self) -> dict[Key, list[tuple[int, bool]]]:
        """Of each record its payload's length and whether it is good."""
        found: dict[Key, list[tuple[int, bool]]] = {}
        for name in self.packs():
            now = self._read(name)
            before = self._originals.get(name, now)
            for key, start, length in _entries(before):
                end = start + _RECORD + length
                found.setdefault(key, []).append((length, now[start:end] == before[start:end]))
        return found

    def good(self) -> set[Key]:
        """What has a good record."""
        return {key for key, records in self.records().items() if any(good for _, good in records)}

    def doubtful(self) -> set[Key]:
        """What has a bad record, and perhaps a good one."""
        return {key for key, records in self.records().items() if not all(good for _, good in records)}

    def sizes(self, needed: Collection[Key]) -> Sizes:
        """The account of a sound volume whose roots need these records."""
        objects, packs = self.objects(), self.packs()
        records = self.records()
        live = sum(_RECORD + _ENTRY + min(records[key])[0] for key in needed)
        condemned = sum(len(data) for name, data in objects.items() if f"{name}.condemned" in objects)
        stored = sum(map(len, objects.values()))
        within = sum(len(objects[name]) - _EMPTY for name in packs)
        return Sizes(stored, live, within - live, condemned, stored - within - condemned)

    def _spoilt(self) -> list[str]:
        packs = self.packs() if self._originals else []
        return [name for name in packs if name in self._originals and self._read(name) != self._originals[name]]

    def _read(self, name: str) -> bytes:
        return self._machine.disk.content(self._machine.PATH / name)

    def _write(self, name: str, data: bytes) -> None:
        self._machine.disk.rot(self._machine.PATH / name, data)

    def _walk(self, folder: str) -> Iterator[tuple[str, bytes]]:
        for entry in self._machine.disk.entries(self._machine.PATH / folder):
            name = f"{folder}{entry.name}"
            if not entry.is_folder:
                yield name, self._read(name)
            elif name != "tmp":
                yield from self._walk(f"{name}/")


def needs(content: Content, domain: int) -> dict[Key, set[Key]]:
    """The pages that a root of this content needs, and the chunks that each of them needs."""
    return {
        (PAGE, domain, name_of(page)): {(CHUNK, domain, name) for name in content.names[segment]}
        for segment, page in content.pages.items()
    }


def lacking(pages: Mapping[Key, Iterable[Key]], good: Collection[Key]) -> set[Key]:
    """What a root lacks, as far as it can be known: of a page that is lost nobody knows the chunks."""
    lost = pages.keys() - good
    return lost | {chunk for page, chunks in pages.items() if page not in lost for chunk in chunks if chunk not in good}


def _entries(pack: bytes) -> Iterator[tuple[Key, int, int]]:
    """Key, offset and payload length of each record in a pack's footer."""
    footer = struct.unpack_from("<IIII", pack, len(pack) - _TRAILER)[3]
    for at in range(footer, len(pack) - _TRAILER, _ENTRY):
        name, domain, _, offset, _, length, *_, kind = struct.unpack_from("<32s5I4B", pack, at)
        yield (kind, domain, name), offset, length
