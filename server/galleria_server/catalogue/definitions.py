"""Image definitions: create, get, list, delete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import galleries
from galleria_server.catalogue.writes import check_etag, new_etag
from galleria_server.domain.errors import AlreadyExists, IdentifierTaken, InUse, NotFound
from galleria_server.domain.models import Architecture, Generation, ImageDefinition, OsState, OsType, Tags
from galleria_server.domain.names import GalleryName, ImageName
from galleria_server.metadata import definitions, versions
from galleria_server.metadata.engine import Transaction

KIND = "image definition"


@dataclass(frozen=True, slots=True)
class NewDefinition:
    """An image definition that somebody asked for; an empty `location` means the gallery's."""

    name: ImageName
    location: str
    description: str
    tags: Tags
    os_type: OsType
    os_state: OsState
    publisher: str
    offer: str
    sku: str
    generation: Generation
    architecture: Architecture


def create(transaction: Transaction, new: NewDefinition, now: datetime) -> ImageDefinition:
    """Add an image definition. Raises NotFound for the gallery, AlreadyExists, IdentifierTaken."""
    gallery = galleries.require(transaction, new.name.gallery)
    existing = definitions.find(transaction, new.name)
    if existing is not None:
        raise AlreadyExists(KIND, str(existing.name))
    twin = definitions.find_by_identifier(transaction, gallery.uid, new.publisher, new.offer, new.sku)
    if twin is not None:
        raise IdentifierTaken(str(twin.name), twin.publisher, twin.offer, twin.sku)
    definition = ImageDefinition(
        uid=uuid4(),
        gallery_uid=gallery.uid,
        name=ImageName(gallery.name, new.name.image),
        location=new.location or gallery.location,
        description=new.description,
        tags=new.tags,
        os_type=new.os_type,
        os_state=new.os_state,
        publisher=new.publisher,
        offer=new.offer,
        sku=new.sku,
        generation=new.generation,
        architecture=new.architecture,
        create_time=now,
        etag=new_etag(),
    )
    definitions.add(transaction, definition)
    return definition


def require(transaction: Transaction, name: ImageName) -> ImageDefinition:
    """The image definition of that name. Raises NotFound."""
    definition = definitions.find(transaction, name)
    if definition is None:
        raise NotFound(KIND, str(name))
    return definition


def recall(transaction: Transaction, uid: UUID) -> ImageDefinition:
    """The definition that an earlier request made. Raises NotFound."""
    definition = definitions.find_by_uid(transaction, uid)
    if definition is None:
        raise NotFound(KIND, str(uid))
    return definition


def page(transaction: Transaction, gallery: GalleryName, after: str, limit: int) -> list[ImageDefinition]:
    """Up to `limit` definitions by name, those after the key `after`. Raises NotFound for the gallery."""
    return definitions.page(transaction, galleries.require(transaction, gallery).uid, after, limit)


def remove(transaction: Transaction, name: ImageName, etag: str) -> None:
    """Remove a definition that has no versions. Raises NotFound, EtagMismatch, InUse."""
    definition = require(transaction, name)
    check_etag(str(definition.name), etag, definition.etag)
    children = versions.page(transaction, definition.uid, None, 1)
    if children:
        raise InUse(KIND, str(definition.name), str(children[0].name), versions.count(transaction, definition.uid))
    definitions.drop(transaction, definition.uid)
