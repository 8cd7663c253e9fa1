from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_server.domain import names
from galleria_server.domain.errors import InvalidRequest
from galleria_server.domain.names import VersionNumber

SUBSCRIPTION = UUID(int=7)
GROUP = f"subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
VERSION = f"{GROUP}/galleries/g/images/i/versions"


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (names.parse_group, GROUP),
        (names.parse_gallery, f"{GROUP}/galleries/My.Gallery"),
        (names.parse_image, f"{GROUP}/galleries/g/images/My-Image"),
        (names.parse_version, f"{VERSION}/1.2.3"),
        (names.parse_version_or_latest, f"{VERSION}/latest"),
        (names.parse_disk, f"{GROUP}/disks/disk_"),
    ],
)
def test_a_name_is_shown_as_it_was_given(parse: object, text: str) -> None:
    assert callable(parse)
    assert str(parse("name", text)) == text


def test_collection_words_may_be_written_in_any_case() -> None:
    given_name = GROUP.replace("subscriptions", "SUBSCRIPTIONS").replace("resourceGroups", "resourcegroups")
    assert str(names.parse_group("name", given_name)) == GROUP


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        GROUP,
        f"/{GROUP}/disks/d",
        f"{GROUP}/disks/d/",
        f"{GROUP}/disks/d/x",
        f"{GROUP}/diskz/d",
        f"{GROUP}/disks/",
    ],
)
def test_what_is_no_disks_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        names.parse_disk("disk", text)
    assert caught.value.fields == ("disk",)


def test_latest_is_a_number_only_where_it_may_be() -> None:
    assert names.parse_version_or_latest("name", f"{VERSION}/Latest").number is None
    with pytest.raises(InvalidRequest):
        names.parse_version("name", f"{VERSION}/latest")


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_is_refused(text: str) -> None:
    for parse in (names.parse_disk, names.parse_version_or_latest, names.parse_group):
        try:
            assert names.fold(str(parse("name", text))) == names.fold(text)
        except InvalidRequest as error:
            assert len(str(error)) < 2000  # noqa: PT017  # either outcome is right


@given(st.tuples(*[st.integers(0, names.MAX_NUMBER)] * 3), st.tuples(*[st.integers(0, names.MAX_NUMBER)] * 3))
def test_numbers_compare_as_numbers(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    first, second = (names.parse_number("v", ".".join(map(str, number))) for number in (one, other))
    assert (first < second) == (one < other)
    assert first == VersionNumber(*one)


@pytest.mark.parametrize("text", ["eastus", "East US", " EAST us "])
def test_regions_are_known_however_they_are_written(text: str) -> None:
    assert names.region_key(text) == "eastus"
