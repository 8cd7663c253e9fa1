"""Galleries: create, get, list, update, delete."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import groups, limits, regions
from galleria_server.catalogue.writes import Change, check_etag, check_uid, new_etag
from galleria_server.domain import gallery as rules
from galleria_server.domain.changes import check_unchanged
from galleria_server.domain.errors import AlreadyExists, InUse, NotFound, WrongState
from galleria_server.domain.gallery import Gallery, GallerySpec
from galleria_server.domain.limits import GALLERIES
from galleria_server.domain.names import GalleryName
from galleria_server.domain.validation import refuse
from galleria_server.metadata import definitions, galleries
from galleria_server.metadata.engine import Transaction

KIND = "gallery"


def create(transaction: Transaction, name: GalleryName, location: str, spec: GallerySpec, now: datetime) -> Gallery:
    """Add a gallery at a configured region, and its resource group when there is none.

    The name must be free in the whole subscription, as galleries are shared under subscription and name.
    Raises AlreadyExists, QuotaExceeded.
    """
    regions.check_home(transaction, location)
    regions.check_access(transaction, name.group.subscription, [location])
    existing = galleries.find_in_subscription(transaction, name.group.subscription, name.gallery)
    if existing is not None:
        raise AlreadyExists(KIND, str(existing.name))
    limits.check_count(transaction, GALLERIES, name.group.subscription, location)
    group = groups.ensure(transaction, name.group, now)
    name = GalleryName(group.name, name.gallery)
    gallery = Gallery(uuid4(), group.uid, name, location, spec, now, now, new_etag())
    galleries.add(transaction, gallery)
    return gallery


def require(transaction: Transaction, name: GalleryName) -> Gallery:
    """The gallery of that name. Raises NotFound."""
    gallery = galleries.find(transaction, name)
    if gallery is None:
        raise NotFound(KIND, str(name))
    return gallery


def require_writable(transaction: Transaction, name: GalleryName) -> Gallery:
    """The gallery of that name, when what is in it may be written.

    Raises NotFound, RegionDown, WrongState while it is deleted with all that is in it.
    """
    gallery = require(transaction, name)
    regions.check_home(transaction, gallery.location)
    if gallery.deleting:
        raise WrongState(KIND, str(gallery.name), "being deleted", "there to stay")
    return gallery


def recall(transaction: Transaction, uid: UUID) -> Gallery:
    """The gallery that an earlier request made. Raises NotFound."""
    gallery = galleries.find_by_uid(transaction, uid)
    if gallery is None:
        raise NotFound(KIND, str(uid))
    return gallery


def update(transaction: Transaction, name: GalleryName, change: Change[Gallery, GallerySpec], now: datetime) -> Gallery:
    """Change a gallery. Raises NotFound, MoveNotSupported, EtagMismatch, InvalidRequest."""
    before = require_writable(transaction, name)
    check_uid(KIND, str(before.name), before.uid, change.uid)
    check_etag(str(before.name), change.etag, before.etag)
    spec = change.apply(before)
    refuse(rules.check(KIND, spec), check_unchanged(KIND, before.spec, spec, rules.IMMUTABLE))
    after = replace(before, spec=spec, update_time=now, etag=new_etag())
    galleries.change(transaction, after)
    return after


def remove(transaction: Transaction, name: GalleryName, etag: str) -> None:
    """Remove an empty gallery. Raises NotFound, EtagMismatch, InUse."""
    gallery = require_writable(transaction, name)
    check_etag(str(gallery.name), etag, gallery.etag)
    child = definitions.any_of(transaction, gallery.uid)
    if child is not None:
        raise InUse(KIND, str(gallery.name), str(child.name), definitions.count(transaction, gallery.uid))
    galleries.drop(transaction, gallery.uid)
