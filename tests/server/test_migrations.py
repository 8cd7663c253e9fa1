"""What an older version of the software wrote is there after an upgrade."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from galleria_server.clock import utc_now
from galleria_server.domain.gallery import GallerySpec
from galleria_server.domain.image_definition import (
    Architecture,
    DefinitionSpec,
    Generation,
    Identifier,
    OsState,
    OsType,
)
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.models import CopyState
from galleria_server.domain.names import DefinitionName, GalleryName, GroupName, VersionName, VersionNumber
from galleria_server.domain.placement import Account
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.version import Content
from galleria_server.metadata import copies, definitions, galleries, requests, schema, versions
from galleria_server.metadata.engine import Database, Transaction
from galleria_server.metadata.requests import Answered, RequestKey

GALLERY = GalleryName(GroupName(UUID(int=7), "rg"), "g")
_GROUP, _MADE, _IMAGE, _VERSION, _COPY = (UUID(int=number).hex for number in (1, 2, 3, 4, 5))


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Transaction]:
    """A database as the first version made it."""
    database = Database(tmp_path)
    with database.writing() as transaction:
        schema.upgrade(transaction, "0001")
        yield transaction
    database.close()


def insert(transaction: Transaction, table: str, **values: object) -> None:
    transaction.execute(sa.insert(sa.table(table, *map(sa.column, values))).values(values))


def insert_image(transaction: Transaction) -> None:
    said = {"location": "eastus", "description": "old", "tags": '{"a": "b"}', "create_time": 1_000_000, "etag": "e"}
    insert(transaction, "resource_groups", uid=_GROUP, subscription=UUID(int=7).hex, name="rg", key="rg")
    insert(transaction, "galleries", uid=_MADE, group_uid=_GROUP, name="g", key="g", **said)
    kind = {"os_type": "Windows", "os_state": "Specialized", "generation": "V1", "architecture": "Arm64"}
    identifier = {"publisher": "p", "offer": "o", "sku": "s", "identifier_key": "p/o/s"}
    named = {"uid": _IMAGE, "gallery_uid": _MADE, "name": "i", "key": "i"}
    insert(transaction, "image_definitions", **named, **said, **kind, **identifier)


def test_galleries_and_definitions_keep_what_was_said_of_them(first: Transaction) -> None:
    insert_image(first)
    assert schema.upgrade(first)
    gallery = galleries.find(first, GALLERY)
    assert gallery is not None
    assert gallery.spec == GallerySpec("old", {"a": "b"})
    assert gallery.update_time == gallery.create_time
    definition = definitions.find(first, DefinitionName(GALLERY, "i"))
    assert definition is not None
    assert definition.spec == DefinitionSpec(
        OsType.WINDOWS,
        OsState.SPECIALIZED,
        Identifier("p", "o", "s"),
        "old",
        {"a": "b"},
        Generation.V1,
        Architecture.ARM64,
    )


def test_versions_keep_their_content_regions_and_copies(first: Transaction) -> None:
    insert_image(first)
    number = {"major": 1, "minor": 2, "patch": 3}
    source = {"source_disk_uid": UUID(int=8).hex, "source_disk": "disks/d", "exclude_from_latest": False}
    content = {"size_bytes": 8192, "occupied_bytes": 4096, "digest": "block-cdc-1:00", "sha256": "ab"}
    life = {"state": "succeeded", "operation_uid": UUID(int=9).hex, "create_time": 5, "published_time": 7, "etag": "v"}
    values = {"uid": _VERSION, "definition_uid": _IMAGE, "location": "eastus", "tags": '{"c": "d"}'}
    insert(first, "image_versions", **values, **number, **source, **content, **life)
    for position, (region, excluded) in enumerate((("westus", True), ("eastus", False))):
        order = {"region": region, "position": position, "replica_count": 2, "account": "Standard_ZRS"}
        insert(first, "target_regions", version_uid=_VERSION, exclude_from_latest=excluded, **order)
    place = {"region": "eastus", "ordinal": 1, "zone": "2", "volume": "v", "state": "ready"}
    work = {"epoch": 3, "done_bytes": 4096, "attempts": 1, "details": ""}
    roots = {"root_id": UUID(int=10).hex, "lease_id": UUID(int=11).hex}
    insert(first, "copies", uid=_COPY, version_uid=_VERSION, **place, **work, **roots)
    assert schema.upgrade(first)
    version = versions.find(first, VersionName(DefinitionName(GALLERY, "i"), VersionNumber(1, 2, 3)))
    assert version is not None
    assert version.spec == ImageVersionSpec(
        tags={"c": "d"},
        os_disk="disks/d",
        target_regions=(
            TargetRegion("westus", 2, Account.STANDARD_ZRS, exclude_from_latest=True),
            TargetRegion("eastus", 2, Account.STANDARD_ZRS),
        ),
    )
    assert version.contents == (Content(0, None, "disks/d", UUID(int=8), None, 8192, 4096, "block-cdc-1:00", "ab"),)
    (copy,) = copies.of_version(first, version.uid)
    assert (copy.position, copy.state, copy.root_id, copy.epoch) == (0, CopyState.READY, UUID(int=10), 3)
    assert versions.find_latest(first, version.definition_uid, "eastus") == version
    assert versions.find_latest(first, version.definition_uid, "westus") is None


def test_requests_that_were_answered_are_remembered(first: Transaction) -> None:
    now = utc_now()
    asked = RequestKey("", "CreateGallery", UUID(int=12))
    made = int(now.timestamp() * 1_000_000)
    values = {"request_id": asked.request_id.hex, "method": asked.method, "fingerprint": b"f", "create_time": made}
    insert(first, "requests", answer=UUID(int=13).hex, **values)
    assert schema.upgrade(first)
    assert requests.find(first, asked, now) == Answered(asked, b"f", UUID(int=13))
