"""Rows of many resources, written through the repositories: what a test of a limit begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import cast
from uuid import uuid4

from galleria_server.catalogue import groups
from galleria_server.catalogue.writes import new_etag
from galleria_server.clock import utc_now
from galleria_server.domain.gallery import Gallery, GallerySpec
from galleria_server.domain.image_definition import DefinitionSpec, Identifier
from galleria_server.domain.names import DefinitionName, GalleryName, GroupName, VersionName, VersionNumber
from galleria_server.metadata import definitions, galleries, versions
from galleria_server.metadata.engine import Transaction


def add_galleries(transaction: Transaction, group: GroupName, location: str, count: int) -> None:
    owner = groups.ensure(transaction, group, utc_now())
    for i in range(count):
        name = GalleryName(owner.name, f"{location}{i}")
        now = utc_now()
        galleries.add(transaction, Gallery(uuid4(), owner.uid, name, location, GallerySpec(), now, now, new_etag()))


def add_definitions(transaction: Transaction, like: DefinitionName, count: int) -> None:
    """More definitions like one that is there, with names and SKUs of their own."""
    first = definitions.find(transaction, like)
    assert first is not None
    for i in range(count):
        spec = replace(cast("DefinitionSpec", first.spec), identifier=Identifier("debian", "filled", str(i)))
        name = replace(first.name, id=f"filled{i}")
        definitions.add(transaction, replace(first, uid=uuid4(), name=name, spec=spec))


def add_versions(transaction: Transaction, like: VersionName, patches: range) -> None:
    """More versions like one that is there, numbered 2.0.PATCH, without copies."""
    first = versions.find(transaction, like)
    assert first is not None
    for patch in patches:
        name = VersionName(first.name.definition, VersionNumber(2, 0, patch))
        versions.add(transaction, replace(first, uid=uuid4(), name=name))
