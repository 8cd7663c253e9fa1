"""Answers as JSON, tables, tab-separated values and YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import jmespath
import yaml
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from galleria_client.cli.tables import columns_of, key_values, table

WIDE = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}


def plain(found: Message | dict[str, Any] | Iterable[Message]) -> Any:  # noqa: ANN401 - JSON is of any type
    """The proto JSON mapping of one message or many, with 64-bit numbers as numbers."""
    if isinstance(found, Message):
        mapped = MessageToDict(found, always_print_fields_with_no_presence=True)
        return _numbered(mapped, cast("Descriptor", found.DESCRIPTOR))
    if isinstance(found, dict):
        return {key: plain(value) if isinstance(value, Message) else value for key, value in found.items()}
    return [plain(one) for one in found]


def render(value: Any, output: str, query: str | None, kind: str) -> str:  # noqa: ANN401 - as above
    """The text to print, without a newline at its end; may be empty.

    Args:
        value: what `plain` makes.
        output: json, table, tsv, yaml or none.
        query: JMESPath expression, or None.
        kind: which columns a table has when there is no query.
    """
    if query is not None:
        value = jmespath.search(query, value)
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    if output == "yaml":
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n").removesuffix("\n...")
    if output == "tsv":
        return "\n".join("\t".join(row) for row in _rows(value))
    if output == "table":
        return _table(value, None if query is not None else columns_of(kind))
    return ""


def _numbered(mapped: dict[str, Any], descriptor: Descriptor) -> dict[str, Any]:
    """The same mapping with 64-bit numbers, which proto JSON writes as strings, as numbers."""
    for field in descriptor.fields:
        name = field.json_name
        value = mapped.get(name)
        if value is None:
            continue
        if field.cpp_type in WIDE:
            mapped[name] = [int(one) for one in value] if field.is_repeated else int(value)
        elif field.message_type is None or isinstance(value, str):
            continue
        elif field.message_type.GetOptions().map_entry:
            _number_map(value, field.message_type)
        elif field.is_repeated:
            for one in value:
                _numbered(one, field.message_type)
        elif isinstance(value, dict):
            _numbered(value, field.message_type)
    return mapped


def _number_map(value: dict[str, Any], entry: Descriptor) -> None:
    held = entry.fields_by_name["value"]
    for key, one in value.items():
        if held.message_type is not None:
            _numbered(one, held.message_type)
        elif held.cpp_type in WIDE:
            value[key] = int(one)


def _rows(value: Any) -> list[list[str]]:  # noqa: ANN401 - JSON
    """Rows of scalars: of a list one each, of anything else one."""
    return [_cells(one) for one in (value if isinstance(value, list) else [value])]


def _cells(value: Any) -> list[str]:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return [_cell(one) for one in value.values()]
    if isinstance(value, list):
        return [_cell(one) for one in value]
    return [_cell(value)]


def _cell(value: Any) -> str:  # noqa: ANN401 - JSON
    """A scalar as text; of lists and mappings their size, as their content has no place in a row."""
    if isinstance(value, Mapping | list):
        return str(len(value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _summary(value: Any) -> str:  # noqa: ANN401 - JSON
    """A value beside its key: of regions which, of other lists and mappings how much."""
    if isinstance(value, list) and value and all(isinstance(one, Mapping) and "region" in one for one in value):
        return ", ".join(_region(one) for one in value)
    if isinstance(value, Mapping) and "name" in value:
        return str(value["name"])
    return _cell(value)


def _region(value: Mapping[str, Any]) -> str:
    if "desiredReplicas" in value:
        return f"{value['region']} {value['readyReplicas']}/{value['desiredReplicas']}"
    return f"{value['region']}={value['replicaCount']}" if "replicaCount" in value else str(value["region"])


def _table(value: Any, columns: Mapping[str, str] | None) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        found = columns or {key: key for one in value[:1] for key in one}
        rows = [[_cell(jmespath.search(path, one)) for path in found.values()] for one in value]
        return table(list(found), rows)
    if isinstance(value, Mapping):
        return key_values({key: _summary(one) for key, one in value.items()})
    return "\n".join(row[0] if row else "" for row in _rows(value))
