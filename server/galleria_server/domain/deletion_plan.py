"""What a deletion would take away, and what forbids it."""

from __future__ import annotations

from dataclasses import dataclass

from galleria_server.domain import limits
from galleria_server.domain.errors import DomainError
from galleria_server.domain.names import AliasName, DefinitionName, GalleryName, VersionName

MAX_NAMED = limits.number("deletion_names")
"""Names of one kind that are told; all are counted."""


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """All that goes, in order, the occupied bytes of its copies, and the refusals that forbid it."""

    galleries: tuple[GalleryName, ...]
    definitions: tuple[DefinitionName, ...]
    versions: tuple[VersionName, ...]
    aliases: tuple[AliasName, ...]
    replica_bytes: int
    blockers: tuple[DomainError, ...]
