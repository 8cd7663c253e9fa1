"""Update masks (AIP-134): which fields of a resource an update takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.validation import Violations, refuse
from galleria_server.services.codec import paths, render
from galleria_server.services.parsing import parsed

ALL = "*"
MAX_PATHS = 100
_LONGEST_SHOWN = 100

M = TypeVar("M", bound=Message)
S = TypeVar("S")


def changed(spec: S, asked: Message, mask: FieldMask, path: str) -> S:
    """A spec with what a request found at `path` takes by its mask. Raises InvalidRequest with every wrong field."""
    kind = type(spec)
    current = type(asked)(**render(spec, cast("Descriptor", asked.DESCRIPTOR)))
    return parsed(merged(current, asked, mask, paths(kind)), kind, path)


def merged(current: M, asked: M, mask: FieldMask, settable: Sequence[str]) -> M:
    """The current message with the fields of `asked` that the mask names.

    Without a mask those that are not empty are taken, with '*' all that are `settable`; what the mask names and `asked`
    lacks becomes empty. Raises InvalidRequest for what is not settable.
    """
    paths = list(mask.paths) or [field.name for field, _ in asked.ListFields() if field.name in settable]
    if ALL in paths:
        paths = list(settable)
    refuse(_check(paths, asked, settable))
    result = type(current)()
    result.CopyFrom(current)
    FieldMask(paths=paths).MergeMessage(asked, result, replace_message_field=True, replace_repeated_field=True)
    return result


def _check(paths: Sequence[str], asked: Message, settable: Sequence[str]) -> Violations:
    if len(paths) > MAX_PATHS:
        return [FieldViolation("update_mask", f"has {len(paths)} paths, the limit is {MAX_PATHS}")]
    wrong = [path for path in paths if not _is_known(path, asked) or path.partition(".")[0] not in settable]
    may_be = ", ".join(settable)
    return [FieldViolation("update_mask", f"{path[:_LONGEST_SHOWN]!r} must be of {may_be}") for path in wrong]


def _is_known(path: str, asked: Message) -> bool:
    return FieldMask(paths=[path]).IsValidForDescriptor(cast("Descriptor", asked.DESCRIPTOR))
