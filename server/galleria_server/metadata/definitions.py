"""Image definitions."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update

from galleria_server.domain.image_definition import Identifier, ImageDefinition
from galleria_server.domain.names import Artifact, DefinitionName, GalleryName, GroupName, fold
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.keysets import stretch
from galleria_server.metadata.tables import definitions, galleries, resource_groups

_DEFINITIONS = (
    select(
        definitions,
        galleries.c.name.label("gallery_name"),
        resource_groups.c.name.label("group_name"),
    )
    .join_from(definitions, galleries)
    .join(resource_groups)
)


def find(transaction: Transaction, name: DefinitionName) -> ImageDefinition | None:
    """The image definition of that name."""
    group = name.gallery.group
    statement = _DEFINITIONS.where(
        resource_groups.c.subscription == group.subscription,
        resource_groups.c.key == fold(group.group),
        galleries.c.key == fold(name.gallery.gallery),
        definitions.c.artifact == name.artifact,
        definitions.c.key == fold(name.id),
    )
    row = transaction.execute(statement).one_or_none()
    return None if row is None else _definition(row)


def find_by_uid(transaction: Transaction, uid: UUID) -> ImageDefinition | None:
    """The image definition with that uid."""
    row = transaction.execute(_DEFINITIONS.where(definitions.c.uid == uid)).one_or_none()
    return None if row is None else _definition(row)


def find_by_identifier(transaction: Transaction, gallery_uid: UUID, identifier: Identifier) -> ImageDefinition | None:
    """The definition of the gallery with that publisher, offer and SKU, compared without case."""
    statement = _DEFINITIONS.where(
        definitions.c.gallery_uid == gallery_uid,
        definitions.c.identifier_key == fold(str(identifier)),
    )
    row = transaction.execute(statement).one_or_none()
    return None if row is None else _definition(row)


def page(
    transaction: Transaction, gallery_uid: UUID, after: str, limit: int, *, descending: bool = False
) -> list[ImageDefinition]:
    """Up to `limit` definitions of the gallery in order of key, those beyond `after`; "" stands before all."""
    statement = _DEFINITIONS.where(
        definitions.c.gallery_uid == gallery_uid,
        definitions.c.artifact == Artifact.IMAGE,
    )
    found = transaction.execute(stretch(statement, definitions.c.key, after, limit, descending=descending))
    return [_definition(row) for row in found]


def with_policies(transaction: Transaction) -> list[UUID]:
    """The uids of the image definitions whose versions a policy looks after."""
    rows = transaction.execute(select(definitions.c.uid, definitions.c.spec))
    return [row.uid for row in rows if row.spec.retention_policy or row.spec.spread_policy]


def count(transaction: Transaction, gallery_uid: UUID) -> int:
    """How many definitions the gallery has."""
    statement = select(func.count()).where(definitions.c.gallery_uid == gallery_uid)
    return transaction.execute(statement).scalar_one()


def add(transaction: Transaction, definition: ImageDefinition) -> None:
    """Add a definition whose name and identifier are free."""
    named = {
        "artifact": definition.name.artifact,
        "name": definition.name.id,
        "key": fold(definition.name.id),
        "gallery_uid": definition.gallery_uid,
    }
    values = {"uid": definition.uid, "location": definition.location, "create_time": definition.create_time}
    owner = {"subscription": definition.name.gallery.group.subscription}
    identifier = {"identifier_key": fold(str(definition.spec.identifier))}
    fixed = {**named, **owner, **values, **identifier}
    transaction.execute(insert(definitions).values({**fixed, **_changing(definition)}))


def change(transaction: Transaction, definition: ImageDefinition) -> None:
    """Write what may change of a definition."""
    statement = update(definitions).where(definitions.c.uid == definition.uid)
    transaction.execute(statement.values(_changing(definition)))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a definition that has no versions."""
    transaction.execute(delete(definitions).where(definitions.c.uid == uid))


def _changing(definition: ImageDefinition) -> dict[str, object]:
    return {
        "spec": definition.spec,
        "update_time": definition.update_time,
        "etag": definition.etag,
        "deleting": definition.deleting,
    }


def _definition(row: Row[tuple[object, ...]]) -> ImageDefinition:
    gallery = GalleryName(GroupName(row.subscription, row.group_name), row.gallery_name)
    return ImageDefinition(
        uid=row.uid,
        gallery_uid=row.gallery_uid,
        name=DefinitionName(gallery, row.name, row.artifact),
        location=row.location,
        spec=row.spec,
        create_time=row.create_time,
        update_time=row.update_time,
        etag=row.etag,
        deleting=row.deleting,
    )
