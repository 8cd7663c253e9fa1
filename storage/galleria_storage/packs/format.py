"""How a pack is laid out: its name, header, footer and trailer (FORMAT.md section 6)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

import xxhash

from galleria_storage.errors import StorageError

DATA: Final = 1
PAGES: Final = 2
FOLDERS: Final = {DATA: "packs", PAGES: "pages"}
TARGET_SIZES: Final = {DATA: 64 << 20, PAGES: 8 << 20}
MAX_SIZE: Final = 128 << 20
MAX_RECORDS: Final = 1 << 20
CONDEMNED: Final = ".condemned"
"""Ends the name of the marker beside a pack whose records count as missing."""

_VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sHH16sII")
_ENTRY: Final = struct.Struct("<32s5I4B")
_TRAILER: Final = struct.Struct("<IIII8s16sI4s")
ENTRY_SIZE: Final = _ENTRY.size
HEADER_SIZE: Final = _HEADER.size + 16
TRAILER_SIZE: Final = _TRAILER.size
EMPTY_SIZE: Final = HEADER_SIZE + TRAILER_SIZE
"""Bytes of a pack beside its records and their footer entries."""
_CHECKED_TRAILER: Final = 24
_OBJECT: Final = re.compile(r"(packs|pages)/([0-9a-f]{8})-([0-9a-f]{8})")


class PackDamaged(StorageError):
    """A pack's header, footer or trailer is not what FORMAT.md allows."""

    def __init__(self, pack: str, reason: str) -> None:
        super().__init__(pack, reason)
        self.pack = pack
        self.reason = reason

    def __str__(self) -> str:
        return f"pack {self.pack} is damaged: {self.reason}"


class PackId(NamedTuple):
    """Which pack: the owner epoch that made it and its number, both u32."""

    epoch: int
    number: int

    def object_name(self, kind: int) -> str:
        """Name of the pack's object."""
        return f"{FOLDERS[kind]}/{self.epoch:08x}-{self.number:08x}"


class Entry(NamedTuple):
    """A footer entry: where a record begins in the pack, and what its header says. Lengths are bytes."""

    name: bytes
    domain: int
    key_id: int
    offset: int
    raw_length: int
    stored_length: int
    codec: int
    flags: int
    zeros: int
    kind: int


def parse_object_name(name: str) -> tuple[int, PackId] | None:
    """Kind and id of a pack's object; None if the name is not one of a pack."""
    match = _OBJECT.fullmatch(name)
    if match is None:
        return None
    kind = DATA if match[1] == FOLDERS[DATA] else PAGES
    return kind, PackId(int(match[2], 16), int(match[3], 16))


def encode_header(kind: int, volume: bytes, pack: PackId) -> bytes:
    """The first bytes of a pack; `volume` is the volume's 16-byte id."""
    start = _HEADER.pack(b"GPCK", _VERSION, kind, volume, pack.epoch, pack.number)
    return start + xxhash.xxh3_128_digest(start)


def check_header(header: bytes, volume: bytes, pack: PackId, kind: int) -> None:
    """Raises PackDamaged unless these are the first bytes of that pack of that volume."""
    if header != encode_header(kind, volume, pack):
        raise PackDamaged(f"{pack.epoch:08x}-{pack.number:08x}", "its header is not the one it was written with")


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """The entries as they stand in a footer."""
    return b"".join([_ENTRY.pack(*entry) for entry in entries])


def decode_entries(entries: bytes | bytearray) -> list[Entry]:
    """The entries of a footer."""
    return [Entry(*fields) for fields in _ENTRY.iter_unpack(entries)]


def encode_footer(pack: PackId, entries: bytes | bytearray, offset: int) -> bytes:
    """Footer and trailer; `offset` is where the footer begins."""
    count = len(entries) // ENTRY_SIZE
    check = xxhash.xxh3_128(entries)
    check.update(_TRAILER.pack(*pack, count, offset, bytes(8), bytes(16), 0, b"")[:_CHECKED_TRAILER])
    return bytes(entries) + _TRAILER.pack(*pack, count, offset, bytes(8), check.digest(), _VERSION, b"GPKE")


def footer_bounds(trailer: bytes, pack: PackId, size: int) -> tuple[int, int]:
    """Offset and length in bytes of the footer of a pack of `size` bytes, from its last 48 bytes.

    Raises PackDamaged.
    """
    name = f"{pack.epoch:08x}-{pack.number:08x}"
    if len(trailer) != TRAILER_SIZE:
        raise PackDamaged(name, f"it ends after {size} bytes")
    epoch, number, count, offset, zero, _, version, magic = _TRAILER.unpack(trailer)
    if magic != b"GPKE" or version != _VERSION or zero != bytes(8):
        raise PackDamaged(name, "it has no trailer of version 1")
    if (epoch, number) != pack:
        raise PackDamaged(name, f"its trailer names {epoch:08x}-{number:08x}")
    length = count * ENTRY_SIZE
    if count > MAX_RECORDS or offset < HEADER_SIZE or offset + length + TRAILER_SIZE != size:
        raise PackDamaged(name, f"a footer of {count} records at {offset} does not fit {size} bytes")
    return offset, length


def check_footer(pack: PackId, footer: bytes, trailer: bytes) -> None:
    """Raises PackDamaged unless the footer has the check that the trailer states."""
    check = xxhash.xxh3_128(footer)
    check.update(trailer[:_CHECKED_TRAILER])
    if check.digest() != trailer[_CHECKED_TRAILER : _CHECKED_TRAILER + 16]:
        raise PackDamaged(f"{pack.epoch:08x}-{pack.number:08x}", "its footer does not have the check it states")
