"""Waiting for replication, with progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from galleria_client.cli.progress import Progress

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from galleria.v1.applications_pb2 import ApplicationVersion
    from galleria.v1.image_versions_pb2 import ImageVersion
    from galleria_client._sync.operation import Operation
    from galleria_client.cli.session import Session

    R = TypeVar("R", bound=Message)
    V = TypeVar("V", ImageVersion, ApplicationVersion)

ROUND_SECONDS = 1.0


def wait_for(session: Session, operation: Operation[R], label: str, timeout: float | None) -> R:
    """Wait for an operation on an image version and return its result.

    Raises:
        CallFailed: it failed.
        WaitTimedOut: it goes on.
    """
    from galleria.v1.publishing_pb2 import VersionMetadata

    with Progress(session.progress, label) as progress:

        def tell(metadata: Message | None) -> None:
            if isinstance(metadata, VersionMetadata) and metadata.total_bytes:
                progress.update(metadata.done_bytes, metadata.total_bytes, regions_done(metadata))

        operation.wait(timeout, each=tell, every=ROUND_SECONDS)
    return operation.result()


def watch_with_progress(
    session: Session, operation: Operation[R], regions: Sequence[str], min_regions: int
) -> Operation[R]:
    """Watch an operation to its end, or until its version can be read where that is waited for; the operation then.

    Raises:
        CallFailed: it failed, or cannot be watched.
    """
    from galleria.v1.publishing_pb2 import VersionMetadata

    with Progress(session.progress, "watching") as progress:
        for seen in operation.watch(regions, min_regions):
            metadata = seen.metadata
            if isinstance(metadata, VersionMetadata) and metadata.total_bytes:
                progress.update(metadata.done_bytes, metadata.total_bytes, regions_done(metadata))
    if operation.failure is not None:
        raise operation.failure
    return operation


def wait_until_provisioned(look: Callable[[str], V], name: str, region: str, timeout: float | None) -> V:
    """Wait until a version that `look` gets has all it should have, or with `region` until it is usable there.

    Raises:
        WaitTimedOut: it is not there yet.
    """
    from galleria.v1 import publishing_pb2 as pb
    from galleria_client.errors import WaitTimedOut
    from galleria_client.retry import patience

    end = None if timeout is None else time.monotonic() + timeout
    while True:
        with patience(math.inf if end is None else max(0.0, end - time.monotonic())):
            version = look(name)
        usable = {place.region for place in version.replication if place.usable}
        under_way = version.provisioning_state in (pb.PROVISIONING_STATE_CREATING, pb.PROVISIONING_STATE_UPDATING)
        if not under_way or (region and region.replace(" ", "").lower() in usable):
            return version
        if end is not None and time.monotonic() >= end:
            raise WaitTimedOut(name, timeout or 0.0)
        time.sleep(ROUND_SECONDS)


def regions_done(metadata: Message) -> str:
    """The ready replicas of each region, as `eastus 1/2`."""
    from galleria.v1.publishing_pb2 import VersionMetadata

    if not isinstance(metadata, VersionMetadata):
        return ""
    places = metadata.replication
    return ", ".join(f"{place.region} {place.ready_replicas}/{place.desired_replicas}" for place in places)
