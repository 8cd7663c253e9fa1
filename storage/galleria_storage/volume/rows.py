"""Keys and values of a volume's index rows. All of them can be made again from packs and roots, but leases."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple
from uuid import UUID

from galleria_storage.packs.format import PackId

_CHUNK: Final = struct.Struct("<5I3B")
_HOME: Final = struct.Struct("<2I")
_PACK: Final = struct.Struct("<IQIII")
_KNOWN_PAGE: Final = struct.Struct("<16sIII")
_SEGMENT: Final = struct.Struct("<32sIII")
_ROOT: Final = struct.Struct("<BxxxIQQ16s16s")
_LEASE: Final = struct.Struct("<16s16sIIQd")

HEAD: Final = b"a"
PACK: Final = b"p"
ROOT: Final = b"r"
SEGMENT: Final = b"s"
COUNTS: Final = b"t"

HOME: Final = slice(0, 8)
"""What of a row of CHUNKS tells in which pack the record lies."""
KEY_SIZE: Final = 37
"""Bytes of a key in CHUNKS: kind, domain, name."""


class ChunkRow(NamedTuple):
    """Where a record lies and what its header says. Lengths and offset are bytes."""

    epoch: int
    number: int
    offset: int
    stored_length: int
    raw_length: int
    codec: int
    flags: int
    zeros: int

    @property
    def pack(self) -> PackId:
        """The pack that holds it."""
        return PackId(self.epoch, self.number)

    @property
    def proof(self) -> tuple[int, int, int]:
        """Raw length in bytes, flags and zero counts."""
        return self.raw_length, self.flags, self.zeros

    @staticmethod
    def decode(value: bytes) -> ChunkRow:
        """The row of a value."""
        return ChunkRow._make(_CHUNK.unpack(value))


class PackRow(NamedTuple):
    """A sealed pack: kind, size in bytes, number of records, epoch of its condemnation or 0.

    `hidden` of its records were not the first of their name, and are of no use.
    """

    kind: int
    size: int
    records: int
    condemned: int = 0
    hidden: int = 0

    def encode(self) -> bytes:
        """The row's value."""
        return _PACK.pack(*self)

    @staticmethod
    def decode(value: bytes) -> PackRow:
        """The row of a value."""
        return PackRow(*_PACK.unpack(value.ljust(_PACK.size, b"\0")))


class KnownPage(NamedTuple):
    """A page that a scope's root contains: 16 bytes root id, bytes covered, bytes occupied, chunks."""

    root: bytes
    covered: int
    occupied: int
    chunks: int

    def encode(self) -> bytes:
        """The row's value."""
        return _KNOWN_PAGE.pack(*self)

    @staticmethod
    def decode(value: bytes) -> KnownPage:
        """The row of a value."""
        return KnownPage(*_KNOWN_PAGE.unpack(value))


class SegmentRow(NamedTuple):
    """A durable segment of a push. `page` is empty when a held root contains the page."""

    name: bytes
    covered: int
    occupied: int
    chunks: int
    page: bytes

    def encode(self) -> bytes:
        """The row's value."""
        return _SEGMENT.pack(self.name, self.covered, self.occupied, self.chunks) + self.page

    @staticmethod
    def decode(value: bytes) -> SegmentRow:
        """The row of a value."""
        name, covered, occupied, chunks = _SEGMENT.unpack_from(value)
        return SegmentRow(name, covered, occupied, chunks, value[_SEGMENT.size :])


class RootRow(NamedTuple):
    """A pinned root, as far as lists need it."""

    released: bool
    domain: int
    size: int
    occupied: int
    scope: UUID
    resource: UUID
    name: str

    def encode(self) -> bytes:
        """The row's value."""
        fixed = _ROOT.pack(self.released, self.domain, self.size, self.occupied, self.scope.bytes, self.resource.bytes)
        return fixed + self.name.encode()

    @staticmethod
    def decode(value: bytes) -> RootRow:
        """The row of a value."""
        released, domain, size, occupied, scope, resource = _ROOT.unpack_from(value)
        name = value[_ROOT.size :].decode()
        return RootRow(bool(released), domain, size, occupied, UUID(bytes=scope), UUID(bytes=resource), name)


class LeaseRow(NamedTuple):
    """A lease: 16 bytes scope, 16 bytes root id, domain, zero, epoch, end in seconds since 1970."""

    scope: bytes
    root: bytes
    domain: int
    zero: int
    epoch: int
    expires: float

    def encode(self) -> bytes:
        """The row's value."""
        return _LEASE.pack(*self)

    @staticmethod
    def decode(value: bytes) -> LeaseRow:
        """The row of a value."""
        return LeaseRow(*_LEASE.unpack(value))


def chunk_key(kind: int, domain: int, name: bytes) -> bytes:
    """Key in CHUNKS."""
    return _PREFIX[kind] + domain.to_bytes(4, "big") + name


def chunk_prefix(kind: int, domain: int) -> bytes:
    """What comes before the name in a key of CHUNKS."""
    return _PREFIX[kind] + domain.to_bytes(4, "big")


def chunk_of(key: bytes) -> tuple[int, int, bytes]:
    """Kind, domain and name of a key in CHUNKS."""
    return key[0], int.from_bytes(key[1:5], "big"), key[5:]


def scope_prefix(scope: bytes, kind: int) -> bytes:
    """What comes before the name in a key of SCOPES."""
    return scope + _PREFIX[kind]


def home_of(pack: PackId) -> bytes:
    """What a row of CHUNKS has at `HOME` for a record of the pack."""
    return _HOME.pack(*pack)


def pack_key(pack: PackId) -> bytes:
    """Key in PACKS."""
    return pack.epoch.to_bytes(4, "big") + pack.number.to_bytes(4, "big")


def pack_of(key: bytes) -> PackId:
    """The pack of a key in PACKS."""
    return PackId(int.from_bytes(key[:4], "big"), int.from_bytes(key[4:], "big"))


def lease_key(lease: bytes, tag: bytes, rest: bytes = b"") -> bytes:
    """Key in LEASES."""
    return lease + tag + rest


_PREFIX: Final = {1: b"\x01", 2: b"\x02"}
