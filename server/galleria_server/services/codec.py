"""Between messages and values: a dataclass and a message that have fields of the same names.

What a field may be: str, bool, int, float, an Enum whose members are named as the wire's values without their prefix, a
datetime for a Timestamp, another dataclass for a message, any of these or None where the wire knows absence or has
zero, a tuple of them, or a dict of strings. What the wire lacks and the dataclass has a default for is that. A new
field needs its line in the message and in the dataclass, nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.validation import Violations
from galleria_server.services.times import stamp

T = TypeVar("T")
_SCALARS = (str, bool, int, float)


class _Codec(NamedTuple):
    parse: Callable[[Any, str, Violations], Any]
    render: Callable[[Any], Any]


class _Mapped(NamedTuple):
    """One field: `take` gets the message that has it, `give` the value."""

    name: str
    take: Callable[[Message, str, Violations], Any]
    give: Callable[[Any], Any]


def parse(message: Message, kind: type[T], path: str, violations: Violations) -> T:
    """The value of class `kind` in a message found at `path`.

    What cannot be read is added to `violations` and something stands in for it: the caller finds the rest and refuses.
    """
    plan = _plan(cast("Any", kind), message.DESCRIPTOR)
    return kind(**{field.name: field.take(message, f"{path}.{field.name}", violations) for field in plan})


def render(value: object, descriptor: Descriptor) -> dict[str, Any]:
    """The fields of a value, to make a message of that descriptor with."""
    rendered = (
        (field.name, field.give(getattr(value, field.name))) for field in _plan(cast("Any", type(value)), descriptor)
    )
    return {name: part for name, part in rendered if part is not None}


def paths(kind: type[Any]) -> tuple[str, ...]:
    """The names of the fields of a class, as masks may have them."""
    return tuple(field.name for field in fields(kind))


@cache
def _plan(kind: type[Any], descriptor: Descriptor) -> tuple[_Mapped, ...]:
    hints = get_type_hints(kind)
    return tuple(_mapped(field, hints[field.name], descriptor.fields_by_name[field.name]) for field in fields(kind))


def _mapped(field: Field[Any], hint: Any, wire: FieldDescriptor) -> _Mapped:  # noqa: ANN401 - a type expression
    if get_origin(hint) is dict:
        return _Mapped(field.name, lambda message, *_: dict(getattr(message, wire.name)), lambda value: value)
    if get_origin(hint) is tuple:
        return _repeated(field.name, _codec(get_args(hint)[0], wire, MISSING))
    if get_origin(hint) is UnionType:
        return _optional(field.name, _codec(get_args(hint)[0], wire, MISSING), wire)
    return _single(field, _codec(hint, wire, field.default), wire)


def _single(field: Field[Any], codec: _Codec, wire: FieldDescriptor) -> _Mapped:
    may_lack = wire.has_presence and wire.message_type is None

    def take(message: Message, path: str, violations: Violations) -> Any:  # noqa: ANN401 - whatever the field is
        if may_lack and not message.HasField(field.name):
            return field.default
        return codec.parse(getattr(message, field.name), path, violations)

    def give(value: object) -> Any:  # noqa: ANN401 - whatever the field is
        part = codec.render(value)
        # A message that says nothing is not shown; what has no presence is not there when it is empty.
        silent = not part.ListFields() if isinstance(part, Message) else not part and not wire.has_presence
        return None if silent else part

    return _Mapped(field.name, take, give)


def _repeated(name: str, codec: _Codec) -> _Mapped:
    def take(message: Message, path: str, violations: Violations) -> tuple[Any, ...]:
        return tuple(codec.parse(part, f"{path}[{i}]", violations) for i, part in enumerate(getattr(message, name)))

    return _Mapped(name, take, lambda value: [codec.render(part) for part in value])


def _optional(name: str, codec: _Codec, wire: FieldDescriptor) -> _Mapped:
    def take(message: Message, path: str, violations: Violations) -> Any:  # noqa: ANN401 - whatever the field is
        there = message.HasField(name) if wire.has_presence else bool(getattr(message, name))
        return codec.parse(getattr(message, name), path, violations) if there else None

    return _Mapped(name, take, lambda value: None if value is None else codec.render(value))


def _codec(hint: Any, wire: FieldDescriptor, default: Any) -> _Codec:  # noqa: ANN401 - a type expression, any default
    if hint in _SCALARS:
        return _Codec(lambda part, *_: part, lambda value: value)
    if hint is datetime:
        return _Codec(_parse_time, stamp)
    if wire.enum_type is not None and issubclass(hint, Enum):
        return _enum(hint, wire.enum_type, default)
    if wire.message_type is not None and is_dataclass(hint):
        return _message(hint, wire.message_type)
    raise TypeError(hint)


def _message(kind: Any, wire: Descriptor) -> _Codec:  # noqa: ANN401 - a dataclass
    made = GetMessageClass(wire)
    return _Codec(lambda part, *told: parse(part, kind, *told), lambda value: made(**render(value, wire)))


def _enum(kind: type[Enum], wire: EnumDescriptor, default: Any) -> _Codec:  # noqa: ANN401 - a member or MISSING
    prefix = wire.values[0].name.removesuffix("UNSPECIFIED")
    known: Mapping[int, Enum] = {
        value.number: kind[value.name.removeprefix(prefix)] for value in wire.values if value.number
    }
    numbers = {member: number for number, member in known.items()}
    choices = ", ".join(str(member.value) for member in kind)

    def take(number: int, path: str, violations: Violations) -> Enum:
        if number in known:
            return known[number]
        if number == 0 and default is not MISSING:
            return kind(default)
        wrong = "is required" if number == 0 else f"{number} is unknown"
        violations.append(FieldViolation(path, f"{wrong}; it may be {choices}"))
        return next(iter(kind))

    return _Codec(take, lambda member: numbers[member])


def _parse_time(given: Timestamp, path: str, violations: Violations) -> datetime:
    try:
        return given.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        violations.append(FieldViolation(path, "is no time of the years 1 to 9999"))
        return datetime.min.replace(tzinfo=UTC)
