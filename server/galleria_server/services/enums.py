"""Enums of the wire and of the domain, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as pb
from galleria.v1 import regions_pb2
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.models import CopyState
from galleria_server.domain.region_access import AccessState
from galleria_server.domain.resolving import SkipReason
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.domain.version import VersionState

T = TypeVar("T")

Wire = TypeVar("Wire", bound=int)


class Known(dict[Wire, T]):
    """Numbers of an enum on the wire, and what each means; the first that means something is the one that is sent."""

    def __init__(self, meant: Mapping[Wire, T]) -> None:
        super().__init__(meant)
        self.numbers: dict[T, Wire] = {value: number for number, value in reversed(list(meant.items()))}


COPY_STATES = Known(
    {
        pb.COPY_STATE_PENDING: CopyState.PENDING,
        pb.COPY_STATE_COPYING: CopyState.COPYING,
        pb.COPY_STATE_READY: CopyState.READY,
        pb.COPY_STATE_FAILED: CopyState.FAILED,
        pb.COPY_STATE_DELETING: CopyState.DELETING,
    }
)
ACCESS_STATES = Known(
    {
        regions_pb2.ACCESS_STATE_REQUESTED: AccessState.REQUESTED,
        regions_pb2.ACCESS_STATE_UNDER_REVIEW: AccessState.UNDER_REVIEW,
        regions_pb2.ACCESS_STATE_APPROVED: AccessState.APPROVED,
        regions_pb2.ACCESS_STATE_DENIED: AccessState.DENIED,
    }
)
VERSION_STATES = Known(
    {
        pb.PROVISIONING_STATE_CREATING: VersionState.CREATING,
        pb.PROVISIONING_STATE_UPDATING: VersionState.UPDATING,
        pb.PROVISIONING_STATE_SUCCEEDED: VersionState.SUCCEEDED,
        pb.PROVISIONING_STATE_FAILED: VersionState.FAILED,
        pb.PROVISIONING_STATE_DELETING: VersionState.DELETING,
    }
)
SKIP_REASONS = Known(
    {
        version_pb.SKIP_REASON_NOT_IN_REGION: SkipReason.NOT_IN_REGION,
        version_pb.SKIP_REASON_NOT_READY: SkipReason.NOT_READY,
        version_pb.SKIP_REASON_EXCLUDED: SkipReason.EXCLUDED,
        version_pb.SKIP_REASON_END_OF_LIFE: SkipReason.END_OF_LIFE,
        version_pb.SKIP_REASON_DELETING: SkipReason.DELETING,
        version_pb.SKIP_REASON_SOFT_DELETED: SkipReason.SOFT_DELETED,
    }
)
IMAGE_STATES = Known(
    {
        pb.IMAGE_STATE_ACTIVE: ImageState.ACTIVE,
        pb.IMAGE_STATE_SOFT_DELETED: ImageState.SOFT_DELETED,
    }
)


def check_enum(field: str, number: int, known: Known[Wire, T]) -> list[FieldViolation]:
    """A number of an enum must be one that this server knows and takes."""
    if number in known:
        return []
    return [FieldViolation(field, "is required" if number == 0 else f"{number} is not known")]


def to_wire(value: T, known: Known[Wire, T]) -> Wire:
    """The number that answers show for `value`."""
    return known.numbers[value]
