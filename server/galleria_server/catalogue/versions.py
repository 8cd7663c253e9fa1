"""Versions of images and applications: create, get, list, update, delete. What each has of its own says its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from galleria_server.catalogue import definitions, galleries, limits, regions, replicas
from galleria_server.catalogue.replicas import VolumesOf
from galleria_server.catalogue.settlement import settle_version
from galleria_server.catalogue.sources import Source
from galleria_server.catalogue.version_kinds import kind_of
from galleria_server.catalogue.writes import Change, check_etag, check_uid, new_etag
from galleria_server.domain import publishing
from galleria_server.domain.changes import check_unchanged
from galleria_server.domain.definition_kinds import AnyDefinition
from galleria_server.domain.end_of_life import check_new_end_of_life
from galleria_server.domain.errors import AlreadyExists, NotFound, SoftDeletedExists, WrongState
from galleria_server.domain.models import Copy, Operation, OperationState, Verb
from galleria_server.domain.names import DefinitionName, VersionName, VersionNumber
from galleria_server.domain.publishing import PublishingSpec, Spec, TargetRegion
from galleria_server.domain.replication import done_bytes, wanted
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.domain.validation import refuse
from galleria_server.domain.version import UNDER_WAY, AnyVersion, Version, VersionState, digests_of
from galleria_server.metadata import copies, operations, versions
from galleria_server.metadata.engine import Transaction

Regions = tuple[TargetRegion, ...]


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version with all its copies, or none when nobody asked for them."""

    version: AnyVersion
    copies: tuple[Copy, ...]
    with_copies: bool = True

    @property
    def uid(self) -> UUID:
        """The version's uid."""
        return self.version.uid


def create(
    transaction: Transaction,
    name: VersionName,
    location: str,
    spec: PublishingSpec,
    volumes: VolumesOf,
    now: datetime,
) -> Operation:
    """Add a version, its copies and the operation that makes them; an empty `location` means the gallery's.

    One of that name that FAILED is tried again, with what is asked for now. Raises NotFound, AlreadyExists,
    InvalidRequest, WrongState for a source without content, RegionRestricted, QuotaExceeded,
    NotEnoughVolumes.
    """
    kind = kind_of(name)
    definition = definitions.require_writable(transaction, name.definition)
    gallery = galleries.require_writable(transaction, name.definition.gallery)
    existing = versions.find(transaction, name)
    if existing is not None:
        _check_again(existing)
    location = location or (existing.location if existing else gallery.location)
    refuse(
        publishing.check_home(kind.field, spec, location),
        kind.check_in_definition(kind.field, spec, definition.spec),
        check_new_end_of_life(kind.field, spec, None, now),
    )
    source = kind.source_of(transaction, spec, definition, now)
    refuse(kind.check_digests(kind.field, source.spec, digests_of(source.contents)))
    settled = publishing.settled(source.spec, location, lambda region: volumes(region).zonal)
    _check_regions(transaction, name, (location, *(target.region for target in settled.target_regions)))
    refuse(publishing.check_zones(kind.field, settled, lambda region: volumes(region).zones))
    subscription = name.definition.gallery.group.subscription
    limits.check_replicas(transaction, subscription, kind.field, settled.target_regions)
    source = replace(source, spec=settled)
    if existing is not None:
        return _begin_again(transaction, existing, location, source, volumes, now)
    limits.check_count(transaction, kind.limit, subscription, location)
    version = _new(definition, name, location, gallery.group_uid, source, now)
    versions.add(transaction, version)
    replicas.order(transaction, version, source.homes, volumes)
    return begin(transaction, version, Verb.CREATE, version.operation_uid, now)


def require(transaction: Transaction, name: VersionName) -> AnyVersion:
    """The version of that name. Raises NotFound."""
    version = versions.find(transaction, name)
    if version is None:
        raise NotFound(kind_of(name).name, str(name))
    return version


def view(transaction: Transaction, version: AnyVersion, *, with_copies: bool = True) -> VersionView:
    """The version with its copies, if they are wanted."""
    found = tuple(copies.of_version(transaction, version.uid)) if with_copies else ()
    return VersionView(version, found, with_copies)


def recall(transaction: Transaction, uid: UUID) -> VersionView:
    """The version that an earlier request changed. Raises NotFound."""
    version = versions.find_by_uid(transaction, uid)
    if version is None:
        raise NotFound("version", str(uid))
    return view(transaction, version)


def page(
    transaction: Transaction,
    image: DefinitionName,
    state: ImageState | None,
    after: VersionNumber | None,
    limit: int,
    *,
    ascending: bool,
    with_copies: bool,
) -> list[VersionView]:
    """Up to `limit` versions, as `metadata.versions.page`. Raises NotFound for the definition."""
    definition = definitions.require(transaction, image)
    found = versions.page(transaction, definition.uid, after, limit, state, ascending=ascending)
    if not with_copies:
        return [VersionView(version, (), with_copies=False) for version in found]
    of_each = copies.of_versions(transaction, [version.uid for version in found])
    return [VersionView(version, tuple(of_each[version.uid])) for version in found]


def update(
    transaction: Transaction,
    name: VersionName,
    change: Change[Version[Spec], Spec],
    volumes: VolumesOf,
    now: datetime,
) -> Operation:
    """Change a version and bring its copies in line with the regions that it orders then.

    Raises NotFound, MoveNotSupported, EtagMismatch, InvalidRequest, WrongState while it is being deleted,
    RegionRestricted, NotEnoughVolumes.
    """
    kind = kind_of(name)
    before = cast("Version[Spec]", _changeable(transaction, name))
    check_uid(kind.name, str(before.name), before.uid, change.uid)
    check_etag(str(before.name), change.etag, before.etag)
    asked = change.apply(before)
    refuse(kind.check(kind.field, asked), publishing.check_home(kind.field, asked, before.location))
    spec = publishing.settled(asked, before.location, lambda region: volumes(region).zonal, before.target_regions)
    refuse(
        publishing.check_regions_kept(kind.field, before.spec, spec),
        check_unchanged(kind.field, before.spec, spec, kind.immutable),
        check_new_end_of_life(kind.field, spec, before.spec, now),
        kind.check_digests(kind.field, spec, digests_of(before.contents)),
        publishing.check_zones(kind.field, spec, lambda region: volumes(region).zones),
    )
    return _change(transaction, before, spec, volumes, now)


def change_regions(
    transaction: Transaction,
    name: VersionName,
    apply: Callable[[AnyVersion], Regions],
    volumes: VolumesOf,
    now: datetime,
) -> Operation:
    """Change the target regions of a version to what `apply` makes of them, whatever else was changed meanwhile.

    Raises as `update`, and what `apply` raises.
    """

    def with_regions(before: Version[Spec]) -> Spec:
        return replace(before.spec, target_regions=apply(before))

    return update(transaction, name, Change(None, "", with_regions), volumes, now)


def _changeable(transaction: Transaction, name: VersionName) -> AnyVersion:
    galleries.require_writable(transaction, name.definition.gallery)
    version = require(transaction, name)
    if version.state is VersionState.DELETING:
        raise WrongState(kind_of(name).name, str(version.name), version.state.value, VersionState.SUCCEEDED.value)
    if version.soft_deletion is not None:
        raise WrongState(kind_of(name).name, str(version.name), version.image_state.value, ImageState.ACTIVE.value)
    return version


def _change(
    transaction: Transaction, before: Version[Spec], spec: Spec, volumes: VolumesOf, now: datetime
) -> Operation:
    had = {target.region for target in before.target_regions}
    new = [target.region for target in spec.target_regions if target.region not in had]
    _check_regions(transaction, before.name, new)
    subscription, field = before.name.definition.gallery.group.subscription, kind_of(before.name).field
    limits.check_replicas(transaction, subscription, field, spec.target_regions, before.target_regions)
    state = before.state if before.state in UNDER_WAY else VersionState.UPDATING
    after = replace(before, spec=spec, state=state, operation_uid=uuid4(), update_time=now, etag=new_etag())
    versions.change(transaction, after)
    replicas.order(transaction, after, (), volumes)
    operation = begin(transaction, after, Verb.UPDATE, after.operation_uid, now)
    settle_version(transaction, after.uid, now)
    return operations.find(transaction, operation.uid) or operation


def _begin_again(
    transaction: Transaction, failed: AnyVersion, location: str, source: Source[Any], volumes: VolumesOf, now: datetime
) -> Operation:
    """Publish under the name of a version that FAILED; copies of the same content are kept."""
    if failed.location != location:
        raise AlreadyExists(kind_of(failed.name).name, f"{failed.name} (in {failed.location})")
    if [content.digest for content in failed.contents] != [content.digest for content in source.contents]:
        copies.delete_all(transaction, failed.uid)
    versions.drop_contents(transaction, failed.uid)
    versions.add_contents(transaction, failed.uid, source.contents)
    uid, state = uuid4(), VersionState.CREATING
    again = replace(failed, spec=source.spec, contents=source.contents, state=state)
    version = replace(again, operation_uid=uid, update_time=now, etag=new_etag())
    versions.change(transaction, version)
    replicas.order(transaction, version, source.homes, volumes)
    operation = begin(transaction, version, Verb.CREATE, uid, now)
    settle_version(transaction, version.uid, now)
    return operations.find(transaction, uid) or operation


def _check_again(existing: AnyVersion) -> None:
    """Only what FAILED is published again under its name."""
    if existing.soft_deletion is not None:
        end = existing.soft_deletion.hard_deletion_time.isoformat()
        raise SoftDeletedExists(kind_of(existing.name).name, str(existing.name), end)
    if existing.state is not VersionState.FAILED:
        raise AlreadyExists(kind_of(existing.name).name, str(existing.name))


def _check_regions(transaction: Transaction, name: VersionName, used: Iterable[str]) -> None:
    regions.check_access(transaction, name.definition.gallery.group.subscription, sorted(set(used)))


def _new(
    definition: AnyDefinition, name: VersionName, location: str, group_uid: UUID, source: Source[Any], now: datetime
) -> AnyVersion:
    return Version(
        uid=uuid4(),
        group_uid=group_uid,
        definition_uid=definition.uid,
        name=VersionName(definition.name, name.number),
        location=location,
        spec=source.spec,
        contents=source.contents,
        state=VersionState.CREATING,
        operation_uid=uuid4(),
        create_time=now,
        update_time=now,
        published_time=None,
        etag=new_etag(),
    )


def begin(transaction: Transaction, version: AnyVersion, verb: Verb, uid: UUID, now: datetime) -> Operation:
    """A running operation on a version."""
    running = OperationState.RUNNING
    begun = done_bytes(version, wanted(version, copies.of_version(transaction, version.uid)))
    operation = Operation(uid, verb, version.uid, str(version.name), running, False, None, now, None, begun)
    operations.add(transaction, operation)
    return operation
