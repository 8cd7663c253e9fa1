"""The reconciler's steps on rows, each one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from galleria_server.catalogue.settlement import settle_version
from galleria_server.domain.models import Copy, CopyState
from galleria_server.domain.replication import was_ready
from galleria_server.domain.version import UNDER_WAY, AnyVersion
from galleria_server.metadata import copies, versions
from galleria_server.metadata.engine import Transaction
from galleria_server.reads.content import Content, Location
from galleria_server.reads.locations import own_locations, source_locations


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed copy, its version, and the content that it is of."""

    copy: Copy
    version: AnyVersion
    content: Content

    @property
    def to_be_kept(self) -> bool:
        """Whether the copy is tried for ever: it was READY, and no creation waits for it any more."""
        return self.version.state not in UNDER_WAY and was_ready(self.version, self.copy)


def claim(transaction: Transaction, uid: UUID, owner: UUID, now: datetime, lease: timedelta) -> Task | None:
    """Claim a copy that is due, with what is needed to work on it; None when somebody else has it or it is gone."""
    copy = copies.claim(transaction, uid, owner, now, now + lease)
    version = None if copy is None else versions.find_by_uid(transaction, copy.version_uid)
    if copy is None or version is None:
        return None
    return Task(copy, version, _content(transaction, version, copy))


def finish(transaction: Transaction, copy: Copy, occupied_bytes: int, now: datetime) -> bool:
    """The copy's root is pinned. False: nobody wants it any more."""
    if not copies.finish(transaction, copy.uid, copy.epoch, occupied_bytes):
        return False
    settle_version(transaction, copy.version_uid, now)
    return True


def put_off(transaction: Transaction, copy: Copy, until: datetime, details: str) -> None:
    """Give the claim back until a later time."""
    copies.retry(transaction, copy.uid, copy.epoch, until, details)


def begin_again(transaction: Transaction, copy: Copy, until: datetime, details: str) -> None:
    """Give the claim back; the next try has a new lease on the volume."""
    copies.set_lease(transaction, copy.uid, copy.epoch, uuid4())
    put_off(transaction, copy, until, details)


def give_up(transaction: Transaction, copy: Copy, now: datetime, details: str) -> None:
    """The copy has FAILED for good."""
    if copies.fail(transaction, copy.uid, copy.epoch, details):
        settle_version(transaction, copy.version_uid, now)


def drop(transaction: Transaction, copy: Copy, now: datetime) -> None:
    """The copy's root was released."""
    copies.drop(transaction, copy.uid)
    settle_version(transaction, copy.version_uid, now)


def unwanted(transaction: Transaction, uid: UUID) -> bool:
    """Whether the copy was cancelled or deleted, or is gone."""
    copy = copies.find(transaction, uid)
    return copy is None or copy.state in (CopyState.FAILED, CopyState.DELETING)


def due(
    transaction: Transaction, now: datetime, limit: int, running: Collection[UUID], full: Collection[str]
) -> list[Copy]:
    """Up to `limit` copies to work on: none that is `running`, and no new one into a region that is `full`."""
    found = copies.due(transaction, now, limit + len(running), full)
    return [copy for copy in found if copy.uid not in running][:limit]


def _content(transaction: Transaction, version: AnyVersion, copy: Copy) -> Content:
    if copy.state is CopyState.DELETING:
        # The version may have other contents by now.
        return Content(str(version.name), copy.region, "", 0, 0, ())
    content = version.content(copy.position)
    own = [place for place in own_locations(transaction, version, content) if place.root != copy.root_id]
    locations: list[Location] = [*source_locations(transaction, content), *own]
    # Another try begins with another source, in case it was the source that failed.
    first = (copy.attempts - 1) % max(len(locations), 1)
    return Content(
        version.content_name(copy.position),
        copy.region,
        content.digest,
        content.size_bytes,
        content.occupied_bytes,
        (*locations[first:], *locations[:first]),
    )
