"""Deleting a gallery or an image definition with all that is in it: everything or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import definitions, galleries, protection
from galleria_server.catalogue.deletion import check_unneeded, delete_for_good
from galleria_server.catalogue.operations import OperationView, get, look
from galleria_server.catalogue.settlement import settle_definition, settle_gallery
from galleria_server.catalogue.writes import check_etag, new_etag
from galleria_server.domain.aliases import Alias
from galleria_server.domain.definition_kinds import AnyDefinition, kind_of
from galleria_server.domain.deletion_plan import DeletionPlan
from galleria_server.domain.errors import DomainError, InUse
from galleria_server.domain.gallery import Gallery
from galleria_server.domain.locks import Effect
from galleria_server.domain.models import Operation, OperationState, Verb
from galleria_server.domain.names import Artifact, DefinitionName, GalleryName, fold
from galleria_server.domain.replication import total_bytes
from galleria_server.domain.version import AnyVersion, VersionState
from galleria_server.metadata import aliases, copies, operations, versions
from galleria_server.metadata import definitions as definition_rows
from galleria_server.metadata import galleries as gallery_rows
from galleria_server.metadata.engine import Transaction

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TreeDeletion:
    """What goes, and the operation that tells when it is gone; a repeat is not told again what went."""

    view: OperationView
    plan: DeletionPlan | None

    @property
    def uid(self) -> UUID:
        """The operation's uid."""
        return self.view.uid


@dataclass(frozen=True, slots=True)
class _Tree:
    """A gallery, or a definition of it, with what is in it."""

    gallery: Gallery
    definitions: Sequence[AnyDefinition]
    versions: Sequence[AnyVersion]
    aliases: Sequence[Alias]
    is_whole: bool

    @property
    def root(self) -> Gallery | AnyDefinition:
        """What the deletion was asked for."""
        return self.gallery if self.is_whole else self.definitions[0]


def remove(
    transaction: Transaction,
    name: GalleryName | DefinitionName,
    etag: str,
    now: datetime,
    *,
    bypass: bool,
    force: bool,
    dry_run: bool,
) -> TreeDeletion:
    """Begin to delete a gallery or definition with all that is in it; in a dry run what forbids it is only told.

    Raises NotFound, RegionDown, EtagMismatch, WrongState for what is being deleted so already, and otherwise the first
    of what forbids it: ScopeLocked, InUse, DeletionBlocked.
    """
    tree = _tree(transaction, name)
    check_etag(str(tree.root.name), etag, tree.root.etag)
    blockers = tuple(_blockers(transaction, tree, now, bypass=bypass, force=force))
    plan = _plan(transaction, tree, blockers)
    if blockers and not dry_run:
        raise blockers[0]
    running = OperationState.RUNNING
    target = tree.root.uid, str(tree.root.name)
    operation = Operation(uuid4(), Verb.DELETE, *target, running, False, None, now, None)
    operations.add(transaction, operation)
    if not blockers:
        _delete(transaction, tree, now)
    return TreeDeletion(look(transaction, operations.find(transaction, operation.uid) or operation), plan)


def recall(transaction: Transaction, uid: UUID) -> TreeDeletion:
    """The deletion that an earlier request began. Raises NotFound."""
    return TreeDeletion(get(transaction, uid), None)


def _tree(transaction: Transaction, name: GalleryName | DefinitionName) -> _Tree:
    if isinstance(name, GalleryName):
        gallery = galleries.require_writable(transaction, name)
        parents = list(_definitions(transaction, gallery.uid))
    else:
        gallery = galleries.require_writable(transaction, name.gallery)
        parents = [definitions.require_writable(transaction, name)]
    found = [version for parent in parents for version in versions.each(transaction, parent.uid)]
    pointing = [alias for parent in parents for alias in _aliases(transaction, parent.uid)]
    return _Tree(gallery, parents, found, pointing, isinstance(name, GalleryName))


def _definitions(transaction: Transaction, gallery_uid: UUID) -> Iterator[AnyDefinition]:
    for artifact in Artifact:
        found = definition_rows.page(transaction, gallery_uid, "", _AT_ONCE, artifact)
        while found:
            yield from found
            found = definition_rows.page(transaction, gallery_uid, fold(found[-1].name.id), _AT_ONCE, artifact)


def _aliases(transaction: Transaction, definition_uid: UUID) -> Iterator[Alias]:
    found = aliases.page(transaction, definition_uid, "", _AT_ONCE)
    while found:
        yield from found
        found = aliases.page(transaction, definition_uid, fold(found[-1].name.alias), _AT_ONCE)


def _blockers(
    transaction: Transaction, tree: _Tree, now: datetime, *, bypass: bool, force: bool
) -> Iterator[DomainError]:
    yield from protection.blocking(transaction, tree.root.name, Effect.DELETE)
    policy = tree.gallery.spec.soft_delete_policy
    staying = [version for version in tree.versions if version.state is not VersionState.DELETING]
    images = [version for version in staying if version.name.definition.artifact is Artifact.IMAGE]
    kept = [version for version in images if policy.enabled or version.soft_deletion]
    if kept and not bypass:
        user = f"{kept[0].name} (kept by soft deletion, which may be bypassed)"
        yield InUse(
            galleries.KIND if tree.is_whole else kind_of(tree.definitions[0].name).name,
            str(tree.root.name),
            user,
            len(kept),
        )
    for version in staying:
        try:
            check_unneeded(transaction, version, now, force=force)
        except DomainError as error:
            yield error


def _plan(transaction: Transaction, tree: _Tree, blockers: tuple[DomainError, ...]) -> DeletionPlan:
    return DeletionPlan(
        galleries=(tree.gallery.name,) if tree.is_whole else (),
        definitions=tuple(definition.name for definition in tree.definitions),
        versions=tuple(version.name for version in tree.versions),
        aliases=tuple(alias.name for alias in tree.aliases),
        replica_bytes=sum(
            total_bytes(version, copies.of_version(transaction, version.uid)) for version in tree.versions
        ),
        blockers=blockers,
    )


def _delete(transaction: Transaction, tree: _Tree, now: datetime) -> None:
    if tree.is_whole:
        gallery_rows.change(transaction, replace(tree.gallery, deleting=True, etag=new_etag()))
    for definition in tree.definitions:
        definition_rows.change(transaction, replace(definition, deleting=True, etag=new_etag()))
    for alias in tree.aliases:
        aliases.drop(transaction, alias.uid)
    for version in tree.versions:
        if version.state is not VersionState.DELETING:
            delete_for_good(transaction, version, now)
    for definition in tree.definitions:
        settle_definition(transaction, definition.uid, now)
    if tree.is_whole:
        settle_gallery(transaction, tree.gallery.uid, now)
