"""Operations as filters see them: name, done, error and what their metadata has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.longrunning.operations_pb2 import Operation

from galleria.v1.publishing_pb2 import VersionMetadata
from galleria_server.domain.filters import Struct
from galleria_server.services.wire_values import shape_of, values

_METADATA = "metadata"
_METADATA_SHAPE = shape_of(VersionMetadata.DESCRIPTOR)
OPERATION = Struct({**shape_of(Operation.DESCRIPTOR).fields, _METADATA: _METADATA_SHAPE})
"""What operations may be filtered by."""


def operation_values(operation: Operation, names: Iterable[str]) -> dict[str, Any]:
    """The values of some fields of an operation; without metadata of a kind that is known, that is absent."""
    found = {name: None if name == _METADATA else values(operation, [name])[name] for name in names}
    metadata = VersionMetadata()
    if _METADATA in found and operation.metadata.Unpack(metadata):
        found[_METADATA] = values(metadata, _METADATA_SHAPE.fields)
    return found
