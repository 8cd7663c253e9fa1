"""Image definitions and applications."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update

from galleria_server.domain.definition import Definition
from galleria_server.domain.definition_kinds import AnyDefinition, kind_of
from galleria_server.domain.image_definition import Identifier
from galleria_server.domain.names import Artifact, DefinitionName, GalleryName, GroupName, fold
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.keysets import stretch
from galleria_server.metadata.named import OF_DEFINITION, values_of
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
_BY_NAME = _DEFINITIONS.where(*OF_DEFINITION)


def find(transaction: Transaction, name: DefinitionName) -> AnyDefinition | None:
    """The image definition or application of that name."""
    row = transaction.execute(_BY_NAME, values_of(name)).one_or_none()
    return None if row is None else _definition(row)


def find_by_uid(transaction: Transaction, uid: UUID) -> AnyDefinition | None:
    """The image definition or application with that uid."""
    row = transaction.execute(_DEFINITIONS.where(definitions.c.uid == uid)).one_or_none()
    return None if row is None else _definition(row)


def find_by_identifier(transaction: Transaction, gallery_uid: UUID, identifier: Identifier) -> AnyDefinition | None:
    """The definition of the gallery with that publisher, offer and SKU, compared without case."""
    statement = _DEFINITIONS.where(
        definitions.c.gallery_uid == gallery_uid,
        definitions.c.identifier_key == fold(str(identifier)),
    )
    row = transaction.execute(statement).one_or_none()
    return None if row is None else _definition(row)


def page(
    transaction: Transaction,
    gallery_uid: UUID,
    after: str,
    limit: int,
    artifact: Artifact = Artifact.IMAGE,
    *,
    descending: bool = False,
) -> list[AnyDefinition]:
    """Up to `limit` definitions of the gallery in order of key, those beyond `after`; "" stands before all."""
    statement = _DEFINITIONS.where(definitions.c.gallery_uid == gallery_uid, definitions.c.artifact == artifact)
    found = transaction.execute(stretch(statement, definitions.c.key, after, limit, descending=descending))
    return [_definition(row) for row in found]


def with_policies(transaction: Transaction) -> list[UUID]:
    """The uids of the image definitions whose versions a policy looks after."""
    images = definitions.c.artifact == Artifact.IMAGE
    rows = transaction.execute(select(definitions.c.uid, definitions.c.spec).where(images))
    return [row.uid for row in rows if row.spec.retention_policy or row.spec.spread_policy]


def any_of(transaction: Transaction, gallery_uid: UUID) -> AnyDefinition | None:
    """Something that the gallery holds, if it does."""
    statement = _DEFINITIONS.where(definitions.c.gallery_uid == gallery_uid).order_by(
        definitions.c.artifact.desc(), definitions.c.key
    )
    row = transaction.execute(statement.limit(1)).one_or_none()
    return None if row is None else _definition(row)


def count(transaction: Transaction, gallery_uid: UUID) -> int:
    """How many image definitions and applications the gallery has."""
    statement = select(func.count()).where(definitions.c.gallery_uid == gallery_uid)
    return transaction.execute(statement).scalar_one()


def add(transaction: Transaction, definition: AnyDefinition) -> None:
    """Add a definition whose name and identifier are free."""
    named = {
        "artifact": definition.name.artifact,
        "name": definition.name.id,
        "key": fold(definition.name.id),
        "gallery_uid": definition.gallery_uid,
    }
    values = {"uid": definition.uid, "location": definition.location, "create_time": definition.create_time}
    owner = {"subscription": definition.name.gallery.group.subscription}
    own = kind_of(definition.name).identifier(definition.spec)
    identifier = {"identifier_key": None if own is None else fold(str(own))}
    fixed = {**named, **owner, **values, **identifier}
    transaction.execute(insert(definitions).values({**fixed, **_changing(definition)}))


def change(transaction: Transaction, definition: AnyDefinition) -> None:
    """Write what may change of a definition."""
    statement = update(definitions).where(definitions.c.uid == definition.uid)
    transaction.execute(statement.values(_changing(definition)))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a definition that has no versions."""
    transaction.execute(delete(definitions).where(definitions.c.uid == uid))


def _changing(definition: AnyDefinition) -> dict[str, object]:
    return {
        "spec": definition.spec,
        "update_time": definition.update_time,
        "etag": definition.etag,
        "deleting": definition.deleting,
    }


def _definition(row: Row[tuple[object, ...]]) -> AnyDefinition:
    gallery = GalleryName(GroupName(row.subscription, row.group_name), row.gallery_name)
    return Definition(
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
