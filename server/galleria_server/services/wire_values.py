"""Messages as filters see them: what fields there are, and what they hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from functools import cache
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from galleria_server.domain.filters import Choice, Dictionary, Listed, Scalar, Shape, Struct

_TIME = "google.protobuf.Timestamp"
_SCALARS = {
    FieldDescriptor.CPPTYPE_STRING: Scalar.TEXT,
    FieldDescriptor.CPPTYPE_BOOL: Scalar.TRUTH,
    FieldDescriptor.CPPTYPE_INT32: Scalar.NUMBER,
    FieldDescriptor.CPPTYPE_INT64: Scalar.NUMBER,
    FieldDescriptor.CPPTYPE_UINT32: Scalar.NUMBER,
    FieldDescriptor.CPPTYPE_UINT64: Scalar.NUMBER,
    FieldDescriptor.CPPTYPE_DOUBLE: Scalar.NUMBER,
    FieldDescriptor.CPPTYPE_FLOAT: Scalar.NUMBER,
}


@cache
def shape_of(descriptor: Descriptor) -> Struct:
    """What a message may be filtered by. Bytes, maps of other than texts and `Any` are left out."""
    shapes = ((field.name, _shape(field)) for field in descriptor.fields)
    return Struct({name: shape for name, shape in shapes if shape is not None})


def values(message: Message, names: Iterable[str]) -> dict[str, Any]:
    """The values of some fields of a message, as `domain/filters/shapes.py` has them."""
    fields = cast("Descriptor", message.DESCRIPTOR).fields_by_name
    return {name: _value(message, fields[name]) for name in names}


def _shape(field: FieldDescriptor) -> Shape | None:
    if _is_map(field):
        return Dictionary() if _holds_texts(field) else None
    one = _single_shape(field)
    return Listed(one) if one is not None and field.is_repeated else one


def _single_shape(field: FieldDescriptor) -> Shape | None:
    if field.enum_type is not None:
        return Choice(tuple(_words(field.enum_type).values()))
    if field.message_type is None:
        return None if field.type == FieldDescriptor.TYPE_BYTES else _SCALARS[field.cpp_type]
    if field.message_type.full_name == _TIME:
        return Scalar.TIME
    return None if field.message_type.full_name.startswith("google.protobuf.") else shape_of(field.message_type)


def _value(message: Message, field: FieldDescriptor) -> Any:  # noqa: ANN401 - whatever the field is
    found = getattr(message, field.name)
    if _is_map(field):
        return dict(found)
    if field.is_repeated:
        return [_single_value(field, element) for element in found]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _single_value(field, found)


def _single_value(field: FieldDescriptor, found: Any) -> Any:  # noqa: ANN401 - whatever the field is
    if field.enum_type is not None:
        return _words(field.enum_type).get(found)
    if field.message_type is None:
        return found
    if field.message_type.full_name == _TIME:
        return found.ToDatetime(tzinfo=UTC)
    return values(found, shape_of(field.message_type).fields)


@cache
def _words(enum: EnumDescriptor) -> dict[int, str]:
    """The values of an enum without their prefix; zero stands for none."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix) for value in enum.values if value.number}


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _holds_texts(field: FieldDescriptor) -> bool:
    entry = cast("Descriptor", field.message_type).fields_by_name
    return all(entry[part].type == FieldDescriptor.TYPE_STRING for part in ("key", "value"))
