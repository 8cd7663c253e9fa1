"""Values survive the wire and the database; what is no value is told by field."""

import json
from datetime import UTC, datetime
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria.v1 import applications_pb2 as application_pb
from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria_server.domain.application import ApplicationSpec
from galleria_server.domain.application_version import ApplicationVersionSpec
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.gallery import GallerySpec
from galleria_server.domain.image_definition import DefinitionSpec, Identifier, OsState, OsType
from galleria_server.metadata.documents import Document
from galleria_server.services.codec import parse, paths, render

NUMBERS = st.integers(0, 2**32 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.datetimes(timezones=st.just(UTC)).filter(lambda time: time.year >= 1970)
for kind, values in ((int, NUMBERS), (str, TEXTS), (datetime, TIMES)):
    st.register_type_strategy(kind, values)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (GallerySpec, pb.Gallery),
        (DefinitionSpec, image_pb.ImageDefinition),
        (ApplicationSpec, application_pb.Application),
        (ApplicationVersionSpec, application_pb.ApplicationVersion),
    ],
    ids=["gallery", "image", "application", "application-version"],
)
@given(data=st.data())
def test_a_value_survives_the_wire_and_the_database(kind: type, message: type, data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    wire = message(**render(value, message.DESCRIPTOR))  # type: ignore[attr-defined]
    violations: list[FieldViolation] = []
    assert parse(message.FromString(wire.SerializeToString()), kind, "x", violations) == value  # type: ignore[attr-defined]
    assert violations == []
    column = Document(kind)
    stored = json.loads(json.dumps(column.process_bind_param(value, None)))  # type: ignore[arg-type]
    assert column.process_result_value(stored, None) == value  # type: ignore[arg-type]


def test_a_document_of_an_older_version_gets_defaults_and_one_of_a_newer_is_read() -> None:
    stored = {
        "os_type": "Linux",
        "os_state": "Generalized",
        "identifier": {"publisher": "p", "offer": "o", "sku": "s"},
        "unheard_of": {"a": 1},
    }
    spec = Document(DefinitionSpec).process_result_value(stored, None)  # type: ignore[arg-type]
    assert (spec.eula, spec.features, spec.hyper_v_generation.value) == ("", (), "V2")


def test_an_enum_without_default_is_required_and_unknown_numbers_are_told() -> None:
    violations: list[FieldViolation] = []
    parse(image_pb.ImageDefinition(architecture=77), DefinitionSpec, "image", violations)  # type: ignore[arg-type]
    told = {violation.field: violation.description for violation in violations}
    assert told == {
        "image.os_type": "is required; it may be Linux, Windows",
        "image.os_state": "is required; it may be Generalized, Specialized",
        "image.architecture": "77 is unknown; it may be x64, Arm64",
    }


def test_a_time_that_no_calendar_has_is_told() -> None:
    violations: list[FieldViolation] = []
    message = image_pb.ImageDefinition(os_type=image_pb.OS_TYPE_LINUX, os_state=image_pb.OS_STATE_GENERALIZED)
    message.end_of_life_time.seconds = 2**62
    parse(message, DefinitionSpec, "image", violations)
    assert [violation.field for violation in violations] == ["image.end_of_life_time"]


def test_every_member_of_an_enum_has_a_number_on_the_wire() -> None:
    spec = DefinitionSpec.__dataclass_fields__
    assert set(paths(DefinitionSpec)) == set(spec)
    for field in ("os_type", "architecture", "end_of_life_policy", "hyper_v_generation", "os_state"):
        wire = image_pb.ImageDefinition.DESCRIPTOR.fields_by_name[field].enum_type
        assert wire is not None
        assert len(wire.values) - 1 == len(type(_member(field)))


def _member(field: str) -> Enum:
    violations: list[FieldViolation] = []
    found = getattr(parse(image_pb.ImageDefinition(), DefinitionSpec, "", violations), field)
    assert isinstance(found, Enum)
    return found


def test_a_column_may_hold_two_kinds_of_value_and_the_first_is_stored_as_ever() -> None:
    both = Document(DefinitionSpec, (("application", ApplicationSpec),))
    image = DefinitionSpec(OsType.LINUX, OsState.GENERALIZED, Identifier("p", "o", "s"))
    application = ApplicationSpec(OsType.WINDOWS, "d")
    stored = [both.process_bind_param(value, None) for value in (image, application)]  # type: ignore[arg-type]
    assert stored[0] == Document(DefinitionSpec).process_bind_param(image, None)  # type: ignore[arg-type]
    assert stored[1]["$kind"] == "application"
    assert [both.process_result_value(one, None) for one in stored] == [image, application]  # type: ignore[arg-type]
