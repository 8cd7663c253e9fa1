"""Aliases and where they have pointed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Row, Select, delete, insert, select, update

from galleria_server.domain.aliases import MAX_MOVES, Alias, Move
from galleria_server.domain.names import AliasName, DefinitionName, GalleryName, GroupName, VersionNumber, fold
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import alias_moves, aliases, definitions, galleries, resource_groups, versions

_ALIASES = (
    select(
        aliases,
        versions.c.major,
        versions.c.minor,
        versions.c.patch,
        definitions.c.artifact,
        definitions.c.name.label("definition_name"),
        galleries.c.name.label("gallery_name"),
        resource_groups.c.name.label("group_name"),
        resource_groups.c.subscription,
    )
    .join_from(aliases, versions, versions.c.uid == aliases.c.version_uid)
    .join(definitions, definitions.c.uid == aliases.c.definition_uid)
    .join(galleries, galleries.c.uid == definitions.c.gallery_uid)
    .join(resource_groups, resource_groups.c.uid == galleries.c.group_uid)
)


def find(transaction: Transaction, definition_uid: UUID, alias: str) -> Alias | None:
    """The alias of that name, compared without case."""
    own = (aliases.c.definition_uid == definition_uid, aliases.c.key == fold(alias))
    return _one(transaction, _ALIASES.where(*own))


def find_by_uid(transaction: Transaction, uid: UUID) -> Alias | None:
    """The alias with that uid."""
    return _one(transaction, _ALIASES.where(aliases.c.uid == uid))


def of_version(transaction: Transaction, version_uid: UUID) -> list[Alias]:
    """The aliases that point at a version, by name."""
    statement = _ALIASES.where(aliases.c.version_uid == version_uid).order_by(aliases.c.key)
    return [_alias(row) for row in transaction.execute(statement)]


def page(transaction: Transaction, definition_uid: UUID, after: str, limit: int) -> list[Alias]:
    """Up to `limit` aliases of a definition in order of key, those whose key is above `after`."""
    own = (aliases.c.definition_uid == definition_uid, aliases.c.key > after)
    return [_alias(row) for row in transaction.execute(_ALIASES.where(*own).order_by(aliases.c.key).limit(limit))]


def put(transaction: Transaction, alias: Alias) -> None:
    """Write an alias as it is now, add its newest move, and forget the oldest beyond those that are remembered."""
    changing = {
        "version_uid": alias.version_uid,
        "moves": alias.moves,
        "update_time": alias.update_time,
        "etag": alias.etag,
    }
    changed = transaction.execute(update(aliases).where(aliases.c.uid == alias.uid).values(changing)).rowcount
    if not changed:
        named = {"uid": alias.uid, "definition_uid": alias.definition_uid, "create_time": alias.create_time}
        key = {"name": alias.name.alias, "key": fold(alias.name.alias)}
        transaction.execute(insert(aliases).values({**named, **key, **changing}))
    move = {"alias_uid": alias.uid, "position": alias.moves, "move_time": alias.update_time}
    transaction.execute(insert(alias_moves).values({**move, **alias.number._asdict()}))
    old = (alias_moves.c.alias_uid == alias.uid, alias_moves.c.position <= alias.moves - MAX_MOVES)
    transaction.execute(delete(alias_moves).where(*old))


def moves(transaction: Transaction, alias_uid: UUID, before: int | None, limit: int) -> list[Move]:
    """Up to `limit` moves of an alias, newest first, those whose position is below `before`."""
    statement = select(alias_moves).where(alias_moves.c.alias_uid == alias_uid)
    if before is not None:
        statement = statement.where(alias_moves.c.position < before)
    rows = transaction.execute(statement.order_by(alias_moves.c.position.desc()).limit(limit))
    return [Move(row.position, VersionNumber(row.major, row.minor, row.patch), row.move_time) for row in rows]


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove an alias with its history."""
    transaction.execute(delete(alias_moves).where(alias_moves.c.alias_uid == uid))
    transaction.execute(delete(aliases).where(aliases.c.uid == uid))


def _one(transaction: Transaction, statement: Select[tuple[object, ...]]) -> Alias | None:
    row = transaction.execute(statement).one_or_none()
    return None if row is None else _alias(row)


def _alias(row: Row[tuple[object, ...]]) -> Alias:
    gallery = GalleryName(GroupName(row.subscription, row.group_name), row.gallery_name)
    return Alias(
        uid=row.uid,
        definition_uid=row.definition_uid,
        name=AliasName(DefinitionName(gallery, row.definition_name, row.artifact), row.name),
        version_uid=row.version_uid,
        number=VersionNumber(row.major, row.minor, row.patch),
        moves=row.moves,
        create_time=row.create_time,
        update_time=row.update_time,
        etag=row.etag,
    )
