"""Galleries."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update

from galleria_server.domain.gallery import Gallery
from galleria_server.domain.names import GalleryName, GroupName, fold
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.keysets import stretch
from galleria_server.metadata.named import OF_GALLERY, values_of
from galleria_server.metadata.tables import galleries, resource_groups

_GALLERIES = select(galleries, resource_groups.c.name.label("group_name")).join_from(galleries, resource_groups)

_BY_NAME = _GALLERIES.where(*OF_GALLERY)


def find(transaction: Transaction, name: GalleryName) -> Gallery | None:
    """The gallery of that name."""
    row = transaction.execute(_BY_NAME, values_of(name)).one_or_none()
    return None if row is None else _gallery(row)


def find_by_uid(transaction: Transaction, uid: UUID) -> Gallery | None:
    """The gallery with that uid."""
    row = transaction.execute(_GALLERIES.where(galleries.c.uid == uid)).one_or_none()
    return None if row is None else _gallery(row)


def find_in_subscription(transaction: Transaction, subscription: UUID, gallery: str) -> Gallery | None:
    """The gallery of that last part of its name, in whichever resource group of the subscription."""
    statement = _GALLERIES.where(resource_groups.c.subscription == subscription, galleries.c.key == fold(gallery))
    row = transaction.execute(statement.limit(1)).one_or_none()
    return None if row is None else _gallery(row)


def page(
    transaction: Transaction, group: GroupName, after: str, limit: int, *, descending: bool = False
) -> list[Gallery]:
    """Up to `limit` galleries of the group in order of key, those beyond `after`; "" stands before all."""
    statement = _GALLERIES.where(
        resource_groups.c.subscription == group.subscription,
        resource_groups.c.key == fold(group.group),
    )
    found = transaction.execute(stretch(statement, galleries.c.key, after, limit, descending=descending))
    return [_gallery(row) for row in found]


def add(transaction: Transaction, gallery: Gallery) -> None:
    """Add a gallery whose name is free."""
    named = {"name": gallery.name.gallery, "key": fold(gallery.name.gallery), "group_uid": gallery.group_uid}
    owner = {"subscription": gallery.name.group.subscription}
    values = {"uid": gallery.uid, "location": gallery.location, "create_time": gallery.create_time}
    transaction.execute(insert(galleries).values({**named, **owner, **values, **_changing(gallery)}))


def change(transaction: Transaction, gallery: Gallery) -> None:
    """Write what may change of a gallery."""
    transaction.execute(update(galleries).where(galleries.c.uid == gallery.uid).values(_changing(gallery)))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove a gallery that has no definitions."""
    transaction.execute(delete(galleries).where(galleries.c.uid == uid))


def _changing(gallery: Gallery) -> dict[str, object]:
    return {
        "spec": gallery.spec,
        "update_time": gallery.update_time,
        "etag": gallery.etag,
        "deleting": gallery.deleting,
    }


def _gallery(row: Row[tuple[object, ...]]) -> Gallery:
    return Gallery(
        uid=row.uid,
        group_uid=row.group_uid,
        name=GalleryName(GroupName(row.subscription, row.group_name), row.name),
        location=row.location,
        spec=row.spec,
        create_time=row.create_time,
        update_time=row.update_time,
        etag=row.etag,
        deleting=row.deleting,
    )
