"""Image definitions: create, get, list, update, delete."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import galleries, limits, regions
from galleria_server.catalogue.writes import Change, check_etag, check_uid, new_etag
from galleria_server.domain import image_definition as rules
from galleria_server.domain.changes import check_allowed, check_unchanged
from galleria_server.domain.errors import AlreadyExists, IdentifierTaken, InUse, NotFound, WrongState
from galleria_server.domain.image_definition import DefinitionSpec, ImageDefinition
from galleria_server.domain.limits import IMAGE_DEFINITIONS
from galleria_server.domain.names import DefinitionName, GalleryName
from galleria_server.domain.validation import refuse
from galleria_server.metadata import definitions, versions
from galleria_server.metadata.engine import Transaction

KIND = "image definition"
FIELD = "image_definition"


def create(
    transaction: Transaction, name: DefinitionName, location: str, spec: DefinitionSpec, now: datetime
) -> ImageDefinition:
    """Add an image definition; an empty `location` means the gallery's.

    Raises NotFound for the gallery, AlreadyExists, IdentifierTaken, InvalidRequest, QuotaExceeded.
    """
    gallery = galleries.require_writable(transaction, name.gallery)
    location = location or gallery.location
    regions.check_access(transaction, name.gallery.group.subscription, [location])
    existing = definitions.find(transaction, name)
    if existing is not None:
        raise AlreadyExists(KIND, str(existing.name))
    twin = definitions.find_by_identifier(transaction, gallery.uid, spec.identifier)
    if twin is not None:
        raise IdentifierTaken(str(twin.name), twin.spec.identifier)
    refuse(rules.check_in_gallery(FIELD, spec, gallery.spec.sharing_profile.permissions))
    limits.check_count(transaction, IMAGE_DEFINITIONS, name.gallery.group.subscription, location)
    definition = ImageDefinition(
        uid=uuid4(),
        gallery_uid=gallery.uid,
        name=DefinitionName(gallery.name, name.id),
        location=location,
        spec=rules.settled(spec),
        create_time=now,
        update_time=now,
        etag=new_etag(),
    )
    definitions.add(transaction, definition)
    return definition


def require(transaction: Transaction, name: DefinitionName) -> ImageDefinition:
    """The image definition of that name. Raises NotFound."""
    definition = definitions.find(transaction, name)
    if definition is None:
        raise NotFound(KIND, str(name))
    return definition


def require_writable(transaction: Transaction, name: DefinitionName) -> ImageDefinition:
    """The image definition of that name. Raises NotFound, WrongState while it is deleted with its versions."""
    definition = require(transaction, name)
    if definition.deleting:
        raise WrongState(KIND, str(definition.name), "being deleted", "there to stay")
    return definition


def recall(transaction: Transaction, uid: UUID) -> ImageDefinition:
    """The definition that an earlier request made. Raises NotFound."""
    definition = definitions.find_by_uid(transaction, uid)
    if definition is None:
        raise NotFound(KIND, str(uid))
    return definition


def page(
    transaction: Transaction, gallery: GalleryName, after: str, limit: int, *, descending: bool
) -> list[ImageDefinition]:
    """Up to `limit` definitions by name, those beyond the key `after`. Raises NotFound for the gallery."""
    uid = galleries.require(transaction, gallery).uid
    return definitions.page(transaction, uid, after, limit, descending=descending)


def update(
    transaction: Transaction,
    name: DefinitionName,
    change: Change[ImageDefinition, DefinitionSpec],
    now: datetime,
    *,
    features_too: bool,
) -> ImageDefinition:
    """Change an image definition, its features only when asked to. Raises NotFound, EtagMismatch, InvalidRequest."""
    gallery = galleries.require_writable(transaction, name.gallery)
    before = require_writable(transaction, name)
    check_uid(KIND, str(before.name), before.uid, change.uid)
    check_etag(str(before.name), change.etag, before.etag)
    spec = change.apply(before)
    guarded = () if features_too else rules.GUARDED
    refuse(
        rules.check(FIELD, spec),
        rules.check_new_end_of_life(FIELD, spec, before.spec, now),
        rules.check_in_gallery(FIELD, spec, gallery.spec.sharing_profile.permissions),
        check_unchanged(FIELD, before.spec, spec, rules.IMMUTABLE),
        check_allowed(FIELD, before.spec, spec, guarded, "allow_update_image"),
    )
    after = replace(before, spec=rules.settled(spec), update_time=now, etag=new_etag())
    definitions.change(transaction, after)
    return after


def remove(transaction: Transaction, name: DefinitionName, etag: str) -> None:
    """Remove a definition that has no versions. Raises NotFound, EtagMismatch, InUse."""
    definition = require(transaction, name)
    galleries.require_writable(transaction, name.gallery)
    check_etag(str(definition.name), etag, definition.etag)
    children = versions.page(transaction, definition.uid, None, 1)
    if children:
        raise InUse(KIND, str(definition.name), str(children[0].name), versions.count(transaction, definition.uid))
    definitions.drop(transaction, definition.uid)
