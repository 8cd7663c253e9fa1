"""Image definitions and applications: create, get, list, update, delete. What each has of its own says its kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID, uuid4

from galleria_server.catalogue import galleries, limits, regions
from galleria_server.catalogue.writes import Change, check_etag, check_uid, new_etag
from galleria_server.domain.changes import check_allowed, check_unchanged
from galleria_server.domain.definition import Definition
from galleria_server.domain.definition_kinds import AnyDefinition, Spec, kind_of
from galleria_server.domain.end_of_life import check_new_end_of_life
from galleria_server.domain.errors import AlreadyExists, IdentifierTaken, InUse, NotFound, WrongState
from galleria_server.domain.image_definition import Identifier, ImageDefinition
from galleria_server.domain.limits import IMAGE_DEFINITIONS
from galleria_server.domain.names import Artifact, DefinitionName, GalleryName
from galleria_server.domain.validation import refuse
from galleria_server.metadata import definitions, versions
from galleria_server.metadata.engine import Transaction


def create(
    transaction: Transaction, name: DefinitionName, location: str, spec: Spec, now: datetime
) -> Definition[Spec]:
    """Add a definition; an empty `location` means the gallery's.

    Raises NotFound for the gallery, AlreadyExists, IdentifierTaken, InvalidRequest, QuotaExceeded.
    """
    kind = kind_of(name)
    gallery = galleries.require_writable(transaction, name.gallery)
    location = location or gallery.location
    regions.check_access(transaction, name.gallery.group.subscription, [location])
    existing = definitions.find(transaction, name)
    if existing is not None:
        raise AlreadyExists(kind.name, str(existing.name))
    _check_identifier(transaction, gallery.uid, kind.identifier(spec))
    refuse(kind.check_in_gallery(kind.field, spec, gallery.spec.sharing_profile.permissions))
    if name.artifact is Artifact.IMAGE:
        limits.check_count(transaction, IMAGE_DEFINITIONS, name.gallery.group.subscription, location)
    definition: Definition[Spec] = Definition(
        uid=uuid4(),
        gallery_uid=gallery.uid,
        name=DefinitionName(gallery.name, name.id, name.artifact),
        location=location,
        spec=kind.settled(spec),
        create_time=now,
        update_time=now,
        etag=new_etag(),
    )
    definitions.add(transaction, definition)
    return definition


def require(transaction: Transaction, name: DefinitionName) -> AnyDefinition:
    """The definition of that name. Raises NotFound."""
    definition = definitions.find(transaction, name)
    if definition is None:
        raise NotFound(kind_of(name).name, str(name))
    return definition


def require_writable(transaction: Transaction, name: DefinitionName) -> AnyDefinition:
    """The definition of that name. Raises NotFound, WrongState while it is deleted with its versions."""
    definition = require(transaction, name)
    if definition.deleting:
        raise WrongState(kind_of(name).name, str(definition.name), "being deleted", "there to stay")
    return definition


def require_image(transaction: Transaction, name: DefinitionName) -> ImageDefinition:
    """The image definition of that name, which is of an image. Raises NotFound."""
    return cast("ImageDefinition", require(transaction, name))


def recall(transaction: Transaction, uid: UUID) -> AnyDefinition:
    """The definition that an earlier request made. Raises NotFound."""
    definition = definitions.find_by_uid(transaction, uid)
    if definition is None:
        raise NotFound("definition", str(uid))
    return definition


def page(
    transaction: Transaction,
    gallery: GalleryName,
    after: str,
    limit: int,
    artifact: Artifact = Artifact.IMAGE,
    *,
    descending: bool = False,
) -> list[AnyDefinition]:
    """Up to `limit` definitions by name, those beyond the key `after`. Raises NotFound for the gallery."""
    uid = galleries.require(transaction, gallery).uid
    return definitions.page(transaction, uid, after, limit, artifact, descending=descending)


def update(
    transaction: Transaction,
    name: DefinitionName,
    change: Change[Definition[Spec], Spec],
    now: datetime,
    *,
    guarded_too: bool = False,
) -> Definition[Spec]:
    """Change a definition, what is guarded of it only when asked to. Raises NotFound, EtagMismatch, InvalidRequest."""
    kind = kind_of(name)
    gallery = galleries.require_writable(transaction, name.gallery)
    before = cast("Definition[Spec]", require_writable(transaction, name))
    check_uid(kind.name, str(before.name), before.uid, change.uid)
    check_etag(str(before.name), change.etag, before.etag)
    spec = change.apply(before)
    guarded = () if guarded_too else kind.guarded
    refuse(
        kind.check(kind.field, spec),
        check_new_end_of_life(kind.field, spec, before.spec, now),
        kind.check_in_gallery(kind.field, spec, gallery.spec.sharing_profile.permissions),
        check_unchanged(kind.field, before.spec, spec, kind.immutable),
        check_allowed(kind.field, before.spec, spec, guarded, "allow_update_image"),
    )
    after = replace(before, spec=kind.settled(spec), update_time=now, etag=new_etag())
    definitions.change(transaction, after)
    return after


def remove(transaction: Transaction, name: DefinitionName, etag: str) -> None:
    """Remove a definition that has no versions. Raises NotFound, EtagMismatch, InUse."""
    definition = require(transaction, name)
    galleries.require_writable(transaction, name.gallery)
    check_etag(str(definition.name), etag, definition.etag)
    children = versions.page(transaction, definition.uid, None, 1)
    if children:
        count = versions.count(transaction, definition.uid)
        raise InUse(kind_of(name).name, str(definition.name), str(children[0].name), count)
    definitions.drop(transaction, definition.uid)


def _check_identifier(transaction: Transaction, gallery_uid: UUID, identifier: Identifier | None) -> None:
    twin = None if identifier is None else definitions.find_by_identifier(transaction, gallery_uid, identifier)
    if twin is not None and identifier is not None:
        taken = kind_of(twin.name).identifier(twin.spec)
        raise IdentifierTaken(str(twin.name), taken or identifier)
