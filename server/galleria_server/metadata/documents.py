"""Values as JSON documents: what nobody looks up needs no column of its own."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import JSON, Dialect
from sqlalchemy.types import TypeDecorator


class Document(TypeDecorator[Any]):
    """A dataclass as JSON. A member that a stored document lacks gets its default, one too many is ignored."""

    impl = JSON
    cache_ok = True

    def __init__(self, kind: type[Any]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: object | None, dialect: Dialect) -> Any:  # noqa: ANN401 - JSON of any shape
        return None if value is None else msgspec.to_builtins(value)

    def process_result_value(self, value: object | None, dialect: Dialect) -> Any:  # noqa: ANN401 - of class `kind`
        return None if value is None else msgspec.convert(value, self.kind)
