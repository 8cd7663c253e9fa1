"""Aliases: names of a definition that point at one of its versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from galleria_server.domain import limits
from galleria_server.domain.names import AliasName, VersionNumber

MAX_MOVES = limits.number("alias_moves")
"""Moves that are remembered of an alias; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias, in `definition_uid`, with the version that it points at."""

    uid: UUID
    definition_uid: UUID
    name: AliasName
    version_uid: UUID
    number: VersionNumber
    moves: int
    create_time: datetime
    update_time: datetime
    etag: str


@dataclass(frozen=True, slots=True)
class Move:
    """The `position`th time that an alias was pointed at a version, which may be gone."""

    position: int
    number: VersionNumber
    time: datetime
