"""Galleries: create, get, list, delete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue.writes import check_etag, new_etag
from galleria_server.domain.errors import AlreadyExists, InUse, NotFound
from galleria_server.domain.models import Gallery, Tags
from galleria_server.domain.names import GalleryName
from galleria_server.metadata import definitions, galleries, groups
from galleria_server.metadata.engine import Transaction

KIND = "gallery"


@dataclass(frozen=True, slots=True)
class NewGallery:
    """A gallery that somebody asked for; `location` is a configured region."""

    name: GalleryName
    location: str
    description: str
    tags: Tags


def create(transaction: Transaction, new: NewGallery, now: datetime) -> Gallery:
    """Add a gallery, and its resource group when there is none. Raises AlreadyExists."""
    existing = galleries.find(transaction, new.name)
    if existing is not None:
        raise AlreadyExists(KIND, str(existing.name))
    group = groups.ensure(transaction, new.name.group)
    name = GalleryName(group.name, new.name.gallery)
    gallery = Gallery(uuid4(), group.uid, name, new.location, new.description, new.tags, now, new_etag())
    galleries.add(transaction, gallery)
    return gallery


def require(transaction: Transaction, name: GalleryName) -> Gallery:
    """The gallery of that name. Raises NotFound."""
    gallery = galleries.find(transaction, name)
    if gallery is None:
        raise NotFound(KIND, str(name))
    return gallery


def recall(transaction: Transaction, uid: UUID) -> Gallery:
    """The gallery that an earlier request made. Raises NotFound."""
    gallery = galleries.find_by_uid(transaction, uid)
    if gallery is None:
        raise NotFound(KIND, str(uid))
    return gallery


def remove(transaction: Transaction, name: GalleryName, etag: str) -> None:
    """Remove an empty gallery. Raises NotFound, EtagMismatch, InUse."""
    gallery = require(transaction, name)
    check_etag(str(gallery.name), etag, gallery.etag)
    children = definitions.page(transaction, gallery.uid, "", 1)
    if children:
        raise InUse(KIND, str(gallery.name), str(children[0].name), definitions.count(transaction, gallery.uid))
    galleries.drop(transaction, gallery.uid)
