"""Lists by the library and by the command: which ones, in which order, which fields, how many."""

from __future__ import annotations

import asyncio
import json

import pytest

from galleria.v1.galleries_pb2 import Gallery
from galleria.v1.image_definitions_pb2 import (
    OS_STATE_GENERALIZED,
    OS_TYPE_LINUX,
    OS_TYPE_WINDOWS,
    ImageDefinition,
    ImageIdentifier,
)
from galleria.v1.tenancy_pb2 import ResourceGroup
from galleria_client import Client, aio
from galleria_client.cli.running import run
from galleria_client.errors import InvalidField


@pytest.fixture
def gallery(client: Client, group: str) -> str:
    """Name of a gallery with the definitions a, b and c, the second of which is of Windows."""
    made = client.galleries.create(group, group.rpartition("/")[2], Gallery(location="eastus", tags={"team": "a"}))
    for name, system in (("a", OS_TYPE_LINUX), ("b", OS_TYPE_WINDOWS), ("c", OS_TYPE_LINUX)):
        identifier = ImageIdentifier(publisher="p", offer="o", sku=name)
        definition = ImageDefinition(os_type=system, os_state=OS_STATE_GENERALIZED, identifier=identifier)
        client.galleries.create_definition(made.name, name, definition)
    return made.name


def test_the_library_lists_what_is_asked_for(client: Client, gallery: str) -> None:
    found = client.galleries.list_definitions(
        gallery, filter_="os_type = LINUX", order_by="name desc", fields=["os_type"], page_size=1
    )
    names = [f"{gallery}/images/{name}" for name in ("c", "a")]
    assert list(found) == [ImageDefinition(name=name, os_type=OS_TYPE_LINUX) for name in names]
    with pytest.raises(InvalidField, match="column 1"):
        list(client.galleries.list_definitions(gallery, filter_="nome = x"))


def test_the_library_gets_the_fields_that_are_asked_for(client: Client, target: str, group: str, gallery: str) -> None:
    assert client.galleries.get(gallery, fields=["location"]) == Gallery(name=gallery, location="eastus")
    definition = client.galleries.get_definition(f"{gallery}/images/b", fields=["os_type"])
    assert definition == ImageDefinition(name=f"{gallery}/images/b", os_type=OS_TYPE_WINDOWS)
    (same,) = client.galleries.list(group, filter_="tags.team = a", fields=["location"])
    assert same == Gallery(name=gallery, location="eastus")
    assert list(client.disks.list(group, filter_="state = READY", order_by="name desc", fields=["state"])) == []
    subscription = group.partition("/resourceGroups")[0]
    own = f'name = "{group}"'
    (found,) = client.resource_groups.list(subscription, filter_=own, order_by="name desc", fields=["etag"])
    assert found == client.resource_groups.get(group, fields=["etag"])
    assert found == ResourceGroup(name=group, etag=found.etag)

    async def listed() -> list[str]:
        async with aio.Client(target) as there:
            return [one.name async for one in there.galleries.list(group, filter_="tags:team", fields=["uid"])]

    assert asyncio.run(listed()) == [gallery]


def test_the_command_lists_what_is_asked_for(gallery: str, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    rg = gallery.split("/")[3]

    def names(*arguments: str) -> list[str]:
        assert run([*arguments, "--query", "[].name", "--endpoint", target]) == 0
        return [name.rpartition("/")[2] for name in json.loads(capsys.readouterr().out)]

    of_gallery = ("image-definition", "list", f"{rg}/{rg}")
    assert names(*of_gallery, "--filter", "os_type = LINUX", "--order-by", "name desc") == ["c", "a"]
    assert names(*of_gallery, "--max-items", "2") == ["a", "b"]
    assert names(*of_gallery, "--max-items", "1", "--filter", "NOT os_type = LINUX") == ["b"]
    assert names("gallery", "list", "-g", rg, "--filter", "tags.team = b") == []
    assert names("disk", "list", "-g", rg, "--order-by", "name", "--max-items", "5") == []
    assert names("image-version", "list", f"{rg}/{rg}/a", "--order-by", "number") == []
    assert names("resource-group", "list", "--filter", f'name : "/{rg}"', "--order-by", "name") == [rg]
    assert names("operation", "list", "--filter", f'metadata.target : "{rg}"', "--max-items", "1") == []


def test_the_command_tells_where_a_filter_is_wrong(
    gallery: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rg = gallery.split("/")[3]
    assert run(["gallery", "list", "-g", rg, "--filter", "tags.team == a", "--endpoint", target]) == 2
    assert "filter: column 12: '=' must be a value" in capsys.readouterr().err
    assert run(["gallery", "list", "-g", rg, "--max-items", "0", "--endpoint", target]) == 2
