"""Read masks (AIP-157): which fields of a resource come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.validation import Violations, refuse
from galleria_server.services.masks import ALL, MAX_PATHS

M = TypeVar("M", bound=Message)
FIELD = "read_mask"
_ALWAYS = "name"
_LONGEST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Projection:
    """The fields that are shown, by path; all when there are none."""

    paths: tuple[str, ...]

    def shows(self, field: str) -> bool:
        """Whether a field of the resource is shown, if only in part."""
        return not self.paths or any(path.partition(".")[0] == field for path in self.paths)

    def of(self, message: M) -> M:
        """The message with only these fields and its name."""
        if not self.paths:
            return message
        shown = type(message)()
        FieldMask(paths=(_ALWAYS, *self.paths)).MergeMessage(message, shown)
        return shown


def projection(mask: FieldMask, kind: type[Message]) -> Projection:
    """What a mask shows of a kind of resource. Raises InvalidRequest with every path that leads to no field."""
    refuse(check_mask(mask, kind))
    return Projection(() if ALL in mask.paths else tuple(mask.paths))


def check_mask(mask: FieldMask, kind: type[Message]) -> Violations:
    """Paths must lead to fields of the resource; lists and maps are shown as a whole."""
    if len(mask.paths) > MAX_PATHS:
        return [FieldViolation(FIELD, f"has {len(mask.paths)} paths, the limit is {MAX_PATHS}")]
    descriptor = cast("Descriptor", kind.DESCRIPTOR)
    wrong = [p for p in mask.paths if p != ALL and not FieldMask(paths=[p]).IsValidForDescriptor(descriptor)]
    fields = ", ".join(field.name for field in descriptor.fields)
    told = f"is no field of {descriptor.name}, which has {fields}"
    return [FieldViolation(FIELD, f"{path[:_LONGEST_SHOWN]!r} {told}") for path in wrong]
