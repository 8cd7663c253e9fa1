"""Root files: the pins that keep layouts alive on a volume (FORMAT.md section 7)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from galleria_storage.digest import name_of
from galleria_storage.errors import FormatRefused, StorageError
from galleria_storage.layout import Layout
from galleria_storage.objects.store import ObjectStore

FOLDER: Final = "roots"
ABANDONED: Final = "abandoned"
"""Folder of root files that were moved aside."""
MAX_NAME: Final = 2048
MAX_LAYOUT: Final = 1_179_736

_HEADER: Final = struct.Struct("<4sHH16s16s16sIIIIQQII")
MAX_FILE: Final = _HEADER.size + MAX_NAME + MAX_LAYOUT + 32
_OBJECT: Final = re.compile(r"roots/([0-9a-f]{32})(\.released)?")


class RootDamaged(StorageError):
    """A root file is not what FORMAT.md allows. `root` is its id in hexadecimal digits."""

    def __init__(self, root: str, reason: str) -> None:
        super().__init__(root, reason)
        self.root = root
        self.reason = reason

    def __str__(self) -> str:
        return f"root {self.root} is damaged: {self.reason}"


@dataclass(frozen=True, slots=True)
class Holder:
    """What a root belongs to: uid of the resource group, uid and name of the resource."""

    scope: UUID
    resource: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Root:
    """A pinned layout. `occupied` is bytes outside holes; `pinned_ms` is for people only."""

    id: UUID
    holder: Holder
    layout: Layout
    occupied: int
    domain: int
    epoch: int
    pinned_ms: int


def object_name(root: UUID) -> str:
    """Name of the root's object."""
    return f"{FOLDER}/{root.hex}"


def released_name(root: UUID) -> str:
    """Name of the marker that the root has been given up."""
    return f"{FOLDER}/{root.hex}.released"


def abandoned_name(root: UUID) -> str:
    """Name of the object that a root's file becomes when it is given up for lost."""
    return f"{ABANDONED}/{root.hex}"


def parse_object_name(name: str) -> tuple[UUID, bool] | None:
    """Root id, and whether the object is the marker of its release; None for other objects."""
    match = _OBJECT.fullmatch(name)
    return None if match is None else (UUID(hex=match[1]), match[2] is not None)


def read_file(store: ObjectStore, root: UUID) -> bytes | None:
    """The root's file, None if it is not there; of one that is too long no more than makes `decode` refuse it.

    Raises StoreFailed.
    """
    return store.read(object_name(root), 0, MAX_FILE + 1)


def encode(root: Root) -> bytes:
    """The root file's bytes. Raises FormatRefused for a name that is too long."""
    name = root.holder.name.encode()
    if len(name) > MAX_NAME:
        raise FormatRefused("name too long", "bytes of the resource's name", len(name), MAX_NAME)
    layout = root.layout.encode()
    body = (
        _HEADER.pack(
            b"GROT",
            1,
            0,
            root.id.bytes,
            root.holder.scope.bytes,
            root.holder.resource.bytes,
            root.domain,
            0,
            root.epoch,
            0,
            root.occupied,
            root.pinned_ms,
            len(name),
            len(layout),
        )
        + name
        + layout
    )
    return body + name_of(body)


def decode(root_id: UUID, data: bytes) -> Root:
    """The root of a file. Raises RootDamaged, or LayoutInvalid and UnknownRule for what its layout says."""
    if len(data) < _HEADER.size + 32:
        raise RootDamaged(root_id.hex, f"it has {len(data)} bytes")
    magic, version, zero, own, scope, resource, domain, key_id, epoch, zero2, occupied, pinned, names, layouts = (
        _HEADER.unpack_from(data)
    )
    if magic != b"GROT" or version != 1 or zero or zero2 or key_id:
        raise RootDamaged(root_id.hex, "it is no root file of version 1")
    if names > MAX_NAME or layouts > MAX_LAYOUT or len(data) != _HEADER.size + names + layouts + 32:
        raise RootDamaged(root_id.hex, f"{names} + {layouts} bytes do not fit a file of {len(data)}")
    if name_of(data[:-32]) != data[-32:] or own != root_id.bytes:
        raise RootDamaged(root_id.hex, "its bytes do not have the digest at its end, or it names another root")
    start = _HEADER.size
    try:
        holder = Holder(UUID(bytes=scope), UUID(bytes=resource), data[start : start + names].decode())
    except UnicodeDecodeError:
        raise RootDamaged(root_id.hex, "the resource's name is not UTF-8") from None
    layout = Layout.parse(data[start + names : -32])
    return Root(root_id, holder, layout, occupied, domain, epoch, pinned)
