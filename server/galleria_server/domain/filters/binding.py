"""From a tree to something that tells whether a resource passes.

What is absent passes no comparison, != included; NOT is the opposite of what it stands before. Of a list one element
that passes is enough.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn

from galleria_server.domain.filters.parser import refuse
from galleria_server.domain.filters.shapes import Choice, Dictionary, Listed, Scalar, Shape, Struct
from galleria_server.domain.filters.syntax import All, Comparison, Expression, Not, Operator, Some

Values = Mapping[str, Any]
Passes = Callable[[Values], bool]
_Test = Callable[[Any], bool]

_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.UNEQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.HAS: operator.eq,
}
_UNORDERED = (Operator.EQUAL, Operator.UNEQUAL, Operator.HAS)


class _Leaf(NamedTuple):
    """What a path leads to, whether it passes a list, and whether it ends with a key of a dictionary."""

    shape: Shape
    in_list: bool
    is_key: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """`passes` tells of a resource's values, of which it needs those of `fields`."""

    passes: Passes
    fields: frozenset[str]


def bind(expression: Expression | None, resource: Struct) -> Filter:
    """What a filter means for resources of that shape. Raises InvalidRequest for a field or value that is none."""
    fields: set[str] = set()
    passes = _everything if expression is None else _bind(expression, resource, fields)
    return Filter(passes, frozenset(fields))


def _everything(_values: Values) -> bool:
    return True


def _bind(expression: Expression, resource: Struct, fields: set[str]) -> Passes:
    match expression:
        case Comparison():
            fields.add(expression.path[0])
            return _comparison(expression, resource)
        case Not(term):
            inner = _bind(term, resource, fields)
            return lambda values: not inner(values)
        case All(terms):
            every = [_bind(term, resource, fields) for term in terms]
            return lambda values: all(passes(values) for passes in every)
        case Some(terms):
            some = [_bind(term, resource, fields) for term in terms]
            return lambda values: any(passes(values) for passes in some)


def _comparison(comparison: Comparison, resource: Struct) -> Passes:
    leaf = _leaf(comparison, resource)
    test = _existence(comparison, leaf) if comparison.value is None else _test(comparison, comparison.value, leaf)
    path = comparison.path
    return lambda values: any(test(value) for value in _reached(values, path))


def _leaf(comparison: Comparison, resource: Struct) -> _Leaf:
    shape: Shape = resource
    in_list = is_key = False
    for depth, name in enumerate(comparison.path):
        if isinstance(shape, Struct) and name in shape.fields:
            shape = shape.fields[name]
        elif isinstance(shape, Dictionary):
            shape, is_key = Scalar.TEXT, True
        else:
            _refuse_path(comparison, depth, shape)
        if isinstance(shape, Listed):
            shape, in_list = shape.of, True
    return _Leaf(shape, in_list, is_key)


def _refuse_path(comparison: Comparison, depth: int, shape: Shape) -> NoReturn:
    path = ".".join(comparison.path[: depth + 1])
    if isinstance(shape, Struct):
        refuse(comparison.column, path, f"is no field; it may be {', '.join(sorted(shape.fields))}")
    refuse(comparison.column, path, f"is no field; {'.'.join(comparison.path[:depth])} has none")


def _reached(value: Any, path: tuple[str, ...]) -> Iterator[Any]:  # noqa: ANN401 - as shapes.py says
    """The values at the end of a path: none where something is absent, several where there are lists."""
    if value is None:
        return
    if isinstance(value, list):
        for element in value:
            yield from _reached(element, path)
    elif path:
        yield from _reached(value.get(path[0]), path[1:])
    else:
        yield value


def _existence(comparison: Comparison, leaf: _Leaf) -> _Test:
    if comparison.operator is not Operator.HAS:
        refuse(comparison.value_column, "*", "stands only after ':'")
    # A key is there whatever its text; anything else counts unless it is empty, zero or false.
    return (lambda _: True) if leaf.is_key else bool


def _test(comparison: Comparison, text: str, leaf: _Leaf) -> _Test:
    used, shape, where = comparison.operator, leaf.shape, ".".join(comparison.path)
    if leaf.in_list and used is not Operator.HAS:
        refuse(comparison.column, where, "is in a list, of which only ':' tells: whether an element is equal")
    if isinstance(shape, Dictionary):
        if used is not Operator.HAS:
            refuse(comparison.column, where, "has keys; compare one of them, or ask with ':' whether there is one")
        return lambda value: text in value
    if isinstance(shape, Struct | Listed):
        refuse(comparison.column, where, f"is no single value; compare one of {', '.join(_inside(shape))}")
    if used not in _UNORDERED and (isinstance(shape, Choice) or shape is Scalar.TRUTH):
        refuse(comparison.column, where, f"has no order to be compared by {used.value}")
    if used is Operator.HAS and shape is Scalar.TEXT and not leaf.in_list:
        sought = text.casefold()
        return lambda value: sought in value.casefold()
    return _compared(_COMPARE[used], _literal(comparison, text, shape))


def _inside(shape: Struct | Listed) -> list[str]:
    return sorted(shape.fields) if isinstance(shape, Struct) else ["its elements"]


def _compared(compare: Callable[[Any, Any], bool], literal: object) -> _Test:
    return lambda value: compare(value, literal)


def _literal(comparison: Comparison, text: str, shape: Scalar | Choice) -> object:
    found = _choice(text, shape.words) if isinstance(shape, Choice) else _READ[shape](text)
    if found is None:
        wanted = f"one of {', '.join(shape.words)}" if isinstance(shape, Choice) else shape.value
        refuse(comparison.value_column, text, f"must be {wanted}, as {'.'.join(comparison.path)} is")
    return found


def _choice(text: str, words: tuple[str, ...]) -> str | None:
    return next((word for word in words if _key(word) == _key(text)), None)


def _key(word: str) -> str:
    return word.replace("_", "").casefold()


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.casefold())


def _number(text: str) -> int | float | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return float(text) if match[1] else int(text)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


_READ: Mapping[Scalar, Callable[[str], object]] = {
    Scalar.TEXT: str,
    Scalar.TRUTH: _truth,
    Scalar.NUMBER: _number,
    Scalar.TIME: _time,
}
