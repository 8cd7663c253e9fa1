"""What lies inside a google.longrunning.Operation. Pure."""

from __future__ import annotations

from google.longrunning import operations_pb2
from google.protobuf import descriptor_pool, empty_pb2, message_factory
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from galleria.v1 import applications_pb2, image_versions_pb2, publishing_pb2
from galleria_client.errors import CallFailed
from galleria_client.status import failure_of_status

KNOWN = (
    applications_pb2.ApplicationVersion,
    image_versions_pb2.ImageVersion,
    publishing_pb2.VersionMetadata,
    empty_pb2.Empty,
)
"""Importing these makes their types known to the descriptor pool."""


def unpacked(packed: Any) -> Message | None:
    """The message in an Any; None when it is empty or of a type that this client does not know."""
    name = packed.TypeName()
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError:
        return None
    return message_factory.GetMessageClass(descriptor).FromString(packed.value)


def failure_in(operation: operations_pb2.Operation) -> CallFailed | None:
    """Why the operation failed; None when it runs or succeeded."""
    if operation.WhichOneof("result") != "error":
        return None
    return failure_of_status(operation.error)
