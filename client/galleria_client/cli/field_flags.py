"""Flags that set fields of a resource: the same ones create it and, given again, change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce, wraps
from typing import TYPE_CHECKING, Any, cast

import click

from galleria_client.cli.flags import enum_value
from galleria_client.cli.names import Command

if TYPE_CHECKING:
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True, eq=False)
class FieldFlag:
    """A flag, the dotted path of the field that it sets, and how its text becomes that field's value."""

    flag: str
    path: str
    parse: Callable[[Any], Any] = lambda text: text
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What click calls its parameter."""
        return self.flag.removeprefix("--").replace("-", "_")


def field_flags(flags: Sequence[FieldFlag]) -> Callable[[Command], Command]:
    """Add the flags; the command gets those that were given as `given`, to be handed to the functions here."""

    def decorate(function: Command) -> Command:
        @wraps(function)
        def wrapped(*args: object, **kwargs: object) -> None:
            taken = {flag: kwargs.pop(flag.name) for flag in flags}
            function(*args, given={flag: value for flag, value in taken.items() if value not in (None, ())}, **kwargs)

        command: Command = wrapped
        for flag in reversed(flags):
            command = click.option(flag.flag, flag.name, **flag.options)(command)
        return command

    return decorate


def fill(message: Message, given: Mapping[FieldFlag, Any]) -> list[str]:
    """Set the fields of a message that flags were given for; returns their paths.

    Raises click.BadParameter for a text that is no value of the field.
    """
    for flag, text in given.items():
        try:
            value = flag.parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint=flag.flag) from None
        _set(message, flag.path, value)
    return [flag.path for flag in given]


def time_of(text: str) -> datetime:
    """The time of `2027-01-31` or `2027-01-31T12:00:00Z`, in UTC unless it says otherwise. Raises ValueError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date or time as in 2027-01-31 or 2027-01-31T12:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def number_of(kind: str) -> Callable[[str], int]:
    """From the name of an enum's value, such as `Standard_LRS` of `StorageAccountType`, to its number."""
    return lambda text: enum_value(kind, text)


def _set(message: Message, path: str, value: Any) -> None:  # noqa: ANN401 - whatever the field is
    *above, last = path.split(".")
    parent: Any = reduce(getattr, above, cast("Any", message))
    current = getattr(parent, last)
    if isinstance(value, datetime):
        current.FromDatetime(value)
    elif isinstance(value, dict):
        current.update(value)
    elif isinstance(value, list):
        current.extend(value)
    else:
        setattr(parent, last, value)
