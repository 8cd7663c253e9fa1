"""`volume.json`: who a volume is and who owned it last (FORMAT.md section 8)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID, uuid4

from galleria_storage.objects.store import ObjectStore
from galleria_storage.volume.errors import VolumeUnreadable

OBJECT: Final = "meta/volume.json"
FEATURES: Final[frozenset[str]] = frozenset()
_MAX_SIZE: Final = 64 << 10
_MAX_HIGH_WATER: Final = (1 << 63) - 1
_MAX_EPOCH: Final = (1 << 32) - 2
"""The largest owner epoch that another owner may follow: packs and roots name epochs in 32 bits."""


@dataclass(frozen=True, slots=True)
class Database:
    """The metadata database that last used a volume, and the highest number of its changes that the volume has seen.

    `extra` holds members that this version does not know.
    """

    id: UUID
    high_water: int
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """A volume's identity. `extra` holds members of the file that this version does not know."""

    id: UUID
    owner_epoch: int
    dedup: str = "volume"
    database: Database | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def take_over(store: ObjectStore, dedup: str = "volume") -> Identity:
    """Read or make the identity, count the owner epoch up, and store it before anything else is written.

    Raises VolumeUnreadable, and writes nothing, for a file that this version must not touch.
    """
    data = store.read(OBJECT, 0, _MAX_SIZE + 1)
    before = Identity(uuid4(), 0, dedup) if data is None else parse(data)
    now = replace(before, owner_epoch=before.owner_epoch + 1)
    store.replace(OBJECT, encode(now))
    return now


def encode(identity: Identity) -> bytes:
    """The bytes of a `volume.json`. Raises VolumeUnreadable if nobody could read them again."""
    members = {
        **identity.extra,
        "format": "galleria-volume",
        "version": 1,
        "id": str(identity.id),
        "requires": [],
        "owner_epoch": identity.owner_epoch,
        "dedup": identity.dedup,
        "database": None if identity.database is None else _members(identity.database),
    }
    try:
        data = json.dumps(members, indent=1).encode()
    except RecursionError as error:
        raise VolumeUnreadable("members that this version does not know are nested too deep to be kept") from error
    if len(data) > _MAX_SIZE:
        raise VolumeUnreadable(f"meta/volume.json would have {len(data)} bytes; it may have {_MAX_SIZE}")
    return data


def parse(data: bytes) -> Identity:
    """The identity in a `volume.json`. Raises VolumeUnreadable for one that this version must not touch."""
    try:
        members = json.loads(data) if len(data) <= _MAX_SIZE else None
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict) or members.pop("format", None) != "galleria-volume":
        raise VolumeUnreadable("meta/volume.json is no description of a volume")
    version = members.pop("version", None)
    if version != 1 or type(version) is not int:
        raise VolumeUnreadable(f"its format version is {version!r}; this version reads 1")
    requires = members.pop("requires", None)
    if not isinstance(requires, list):
        raise VolumeUnreadable("it does not say which features it requires")
    unknown = sorted({str(feature) for feature in requires} - FEATURES)
    if unknown:
        raise VolumeUnreadable(f"it requires features that this version does not have: {', '.join(unknown)}")
    try:
        identity = UUID(members.pop("id"))
        epoch = _whole(members.pop("owner_epoch"), _MAX_EPOCH)
        dedup = members.pop("dedup")
        database = _database(members.pop("database", None))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise VolumeUnreadable("id, owner_epoch, dedup or database is missing or wrong in meta/volume.json") from error
    if dedup not in ("volume", "scope"):
        raise VolumeUnreadable(f"dedup is {dedup!r}; it may be volume or scope")
    return Identity(identity, epoch, dedup, database, members)


def _members(database: Database) -> dict[str, Any]:
    return {**database.extra, "id": str(database.id), "high_water": database.high_water}


def _database(members: Any) -> Database | None:  # noqa: ANN401 - whatever the file has
    if members is None:
        return None
    number = _whole(members.pop("high_water"), _MAX_HIGH_WATER)
    return Database(UUID(members.pop("id")), number, members)


def _whole(number: Any, most: int) -> int:  # noqa: ANN401 - whatever the file has
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
        raise ValueError(number)
    return number
