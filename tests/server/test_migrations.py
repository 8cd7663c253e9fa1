"""What an older version of the software wrote is there after an upgrade."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from galleria_server.domain.gallery import GallerySpec
from galleria_server.domain.image_definition import (
    Architecture,
    DefinitionSpec,
    Generation,
    Identifier,
    OsState,
    OsType,
)
from galleria_server.domain.names import GalleryName, GroupName, ImageName
from galleria_server.metadata import definitions, galleries, schema
from galleria_server.metadata.engine import Database, Transaction

GALLERY = GalleryName(GroupName(UUID(int=7), "rg"), "g")
_GROUP, _MADE, _IMAGE = (UUID(int=number).hex for number in (1, 2, 3))


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


def test_galleries_and_definitions_keep_what_was_said_of_them(first: Transaction) -> None:
    said = {"location": "eastus", "description": "old", "tags": '{"a": "b"}', "create_time": 1_000_000, "etag": "e"}
    insert(first, "resource_groups", uid=_GROUP, subscription=UUID(int=7).hex, name="rg", key="rg")
    insert(first, "galleries", uid=_MADE, group_uid=_GROUP, name="g", key="g", **said)
    kind = {"os_type": "Windows", "os_state": "Specialized", "generation": "V1", "architecture": "Arm64"}
    identifier = {"publisher": "p", "offer": "o", "sku": "s", "identifier_key": "p/o/s"}
    insert(first, "image_definitions", uid=_IMAGE, gallery_uid=_MADE, name="i", key="i", **said, **kind, **identifier)
    assert schema.upgrade(first)
    gallery = galleries.find(first, GALLERY)
    assert gallery is not None
    assert gallery.spec == GallerySpec("old", {"a": "b"})
    assert gallery.update_time == gallery.create_time
    definition = definitions.find(first, ImageName(GALLERY, "i"))
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
