"""A metadata database with many galleries, definitions and versions, written through the repositories."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from benchmarks.server_process import ServerProcess
from galleria_server.catalogue import groups
from galleria_server.catalogue.writes import new_etag
from galleria_server.clock import utc_now
from galleria_server.domain.definition import Definition
from galleria_server.domain.gallery import Gallery, GallerySpec
from galleria_server.domain.image_definition import DefinitionSpec, Identifier, ImageDefinition, OsState, OsType
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.models import Copy, CopyState
from galleria_server.domain.names import DefinitionName, GalleryName, GroupName, VersionName, VersionNumber
from galleria_server.domain.placement import Account
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.domain.version import Content, ImageVersion, Version, VersionState
from galleria_server.metadata import copies, definitions, galleries, versions
from galleria_server.metadata.engine import Database, Transaction

GROUP = GroupName(DEFAULT_SUBSCRIPTION, "many")
REGION = "eastus"
_AT_ONCE = 1000


class Counts(NamedTuple):
    """How many galleries, definitions in each, and versions in each of these."""

    galleries: int
    definitions: int
    versions: int


def definition_name(gallery: int, definition: int) -> DefinitionName:
    """Name of one of them, counted from 0."""
    return DefinitionName(GalleryName(GROUP, f"gallery{gallery}"), f"image{definition}")


def version_name(gallery: int, definition: int, version: int) -> VersionName:
    """Name of one of them, counted from 0."""
    return VersionName(definition_name(gallery, definition), VersionNumber(1, 0, version))


def fill(data: Path, counts: Counts, state: CopyState) -> int:
    """Write them into the database of a server that has its data in a folder and does not run; how many versions.

    Each has one content and one copy in that state: READY lets it be resolved, FAILED makes a server do nothing.
    """
    # Whatever the database needs to begin with.
    with ServerProcess(data, data.with_suffix(".log")):
        pass
    database = Database(data / "metadata")
    written = 0
    try:
        with database.writing() as transaction:
            parents = list(_parents(transaction, counts))
        wanted = _versions(parents, counts.versions)
        while batch := list(islice(wanted, _AT_ONCE)):
            with database.writing() as transaction:
                for version in batch:
                    versions.add(transaction, version)
                copies.add(transaction, [_copy(version, state) for version in batch])
            written += len(batch)
    finally:
        database.close()
    return written


def _parents(transaction: Transaction, counts: Counts) -> Iterator[tuple[UUID, ImageDefinition]]:
    """The definitions, each with the uid of its group."""
    group, now = groups.ensure(transaction, GROUP, utc_now()).uid, utc_now()
    for i in range(counts.galleries):
        name = definition_name(i, 0).gallery
        gallery = Gallery(uuid4(), group, name, REGION, GallerySpec(), now, now, new_etag())
        galleries.add(transaction, gallery)
        for j in range(counts.definitions):
            identifier = Identifier("p", "o", str(j))
            spec = DefinitionSpec(OsType.LINUX, OsState.GENERALIZED, identifier)
            made = Definition(uuid4(), gallery.uid, definition_name(i, j), REGION, spec, now, now, new_etag())
            definitions.add(transaction, made)
            yield group, made


def _versions(parents: list[tuple[UUID, ImageDefinition]], count: int) -> Iterator[ImageVersion]:
    for group, definition in parents:
        for patch in range(count):
            yield _version(group, definition, VersionName(definition.name, VersionNumber(1, 0, patch)))


def _version(group: UUID, definition: ImageDefinition, name: VersionName) -> ImageVersion:
    now = utc_now()
    content = Content(0, None, "", None, None, 1 << 30, 1 << 28, "block-cdc-1:" + "5a" * 32, "")
    return Version(
        uid=uuid4(),
        group_uid=group,
        definition_uid=definition.uid,
        name=name,
        location=REGION,
        spec=ImageVersionSpec(tags={"team": "a"}, target_regions=(TargetRegion(REGION, 1, Account.STANDARD_LRS),)),
        contents=(content,),
        state=VersionState.SUCCEEDED,
        operation_uid=uuid4(),
        create_time=now,
        update_time=now,
        published_time=now,
        etag=new_etag(),
    )


def _copy(version: ImageVersion, state: CopyState) -> Copy:
    return Copy(uuid4(), version.uid, REGION, 0, "1", "1", uuid4(), uuid4(), state, done_bytes=1 << 28)
