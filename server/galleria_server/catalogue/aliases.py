"""Aliases: set, get, list, delete."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import definitions, galleries
from galleria_server.catalogue.versions import require as require_version
from galleria_server.catalogue.writes import check_etag, new_etag
from galleria_server.domain.aliases import Alias, Move
from galleria_server.domain.errors import NotFound, WrongState
from galleria_server.domain.names import AliasName, DefinitionName, VersionName, VersionNumber
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.domain.version import VersionState
from galleria_server.metadata import aliases
from galleria_server.metadata.engine import Transaction

KIND = "alias"


def point(transaction: Transaction, name: AliasName, number: VersionNumber, etag: str, now: datetime) -> Alias:
    """Point an alias at a version, making it when there is none. One that points there already stays as it is.

    Raises NotFound, EtagMismatch, WrongState for a version that is being deleted.
    """
    definition = definitions.require(transaction, name.definition)
    galleries.require_writable(transaction, name.definition.gallery)
    version = require_version(transaction, VersionName(definition.name, number))
    kind = definition.name.artifact.version_kind
    if version.state is VersionState.DELETING:
        raise WrongState(kind, str(version.name), version.state.value, VersionState.SUCCEEDED.value)
    if version.soft_deletion is not None:
        raise WrongState(kind, str(version.name), version.image_state.value, ImageState.ACTIVE.value)
    before = aliases.find(transaction, definition.uid, name.alias)
    if before is None:
        full = AliasName(definition.name, name.alias)
        check_etag(str(full), etag, "")
        alias = Alias(uuid4(), definition.uid, full, version.uid, version.number, 1, now, now, new_etag())
    else:
        check_etag(str(before.name), etag, before.etag)
        if before.version_uid == version.uid:
            return before
        moved = replace(before, version_uid=version.uid, number=version.number, moves=before.moves + 1)
        alias = replace(moved, update_time=now, etag=new_etag())
    aliases.put(transaction, alias)
    return alias


def require(transaction: Transaction, name: AliasName) -> Alias:
    """The alias of that name. Raises NotFound."""
    definition = definitions.require(transaction, name.definition)
    alias = aliases.find(transaction, definition.uid, name.alias)
    if alias is None:
        raise NotFound(KIND, str(name))
    return alias


def recall(transaction: Transaction, uid: UUID) -> Alias:
    """The alias that an earlier request was about. Raises NotFound."""
    alias = aliases.find_by_uid(transaction, uid)
    if alias is None:
        raise NotFound(KIND, str(uid))
    return alias


def page(transaction: Transaction, parent: DefinitionName, after: str, limit: int) -> list[Alias]:
    """Up to `limit` aliases by name, those after the key `after`. Raises NotFound for the definition."""
    return aliases.page(transaction, definitions.require(transaction, parent).uid, after, limit)


def moves(transaction: Transaction, name: AliasName, before: int | None, limit: int) -> list[Move]:
    """Up to `limit` moves of an alias, newest first. Raises NotFound."""
    return aliases.moves(transaction, require(transaction, name).uid, before, limit)


def remove(transaction: Transaction, name: AliasName, etag: str) -> None:
    """Remove an alias with its history. Raises NotFound, EtagMismatch."""
    alias = require(transaction, name)
    galleries.require_writable(transaction, name.definition.gallery)
    check_etag(str(alias.name), etag, alias.etag)
    aliases.drop(transaction, alias.uid)
