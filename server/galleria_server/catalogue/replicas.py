"""The copies that a version's target regions ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from uuid import UUID, uuid4

from galleria_server.domain.errors_content import NotEnoughVolumes
from galleria_server.domain.models import Copy, CopyState
from galleria_server.domain.placement import Order, Place, RegionVolumes, place_version
from galleria_server.domain.publishing import ReplicationMode
from galleria_server.domain.replication import wanted
from galleria_server.domain.version import AnyVersion
from galleria_server.metadata import copies
from galleria_server.metadata.engine import Transaction

VolumesOf = Callable[[str], RegionVolumes]
"""The volumes of a region that take new work; from any thread."""

Home = tuple[str, str]
"""Region and volume where a content lies already."""


def order(transaction: Transaction, version: AnyVersion, homes: Sequence[Home], volumes: VolumesOf) -> None:
    """Bring the copies in line with the target regions: add what is missing, give up what is too much.

    What FAILED before is tried again. `homes` tells where each content lies already, as far as that is known.
    Raises NotEnoughVolumes.
    """
    there = wanted(version, copies.of_version(transaction, version.uid))
    surplus = _surplus(version, there)
    copies.give_up(transaction, [copy.uid for copy in surplus])
    copies.try_again(transaction, version.uid)
    held = {Place(copy.region, copy.ordinal, copy.zone, copy.volume) for copy in there if copy not in surplus}
    if version.spec.replication_mode is ReplicationMode.FULL:
        new = _full(version, homes, volumes, sorted(held))
    else:
        new = [] if held else _shallow(version, homes, volumes)
    if new:
        copies.add(transaction, new)


def _full(version: AnyVersion, homes: Sequence[Home], volumes: VolumesOf, held: Sequence[Place]) -> list[Copy]:
    orders = [Order(volumes(target.region), target.replica_count, target.account) for target in version.target_regions]
    places = place_version(version.group_uid, orders, homes[0] if homes else None, held)
    return [_pending(version.uid, content.position, place) for place in places for content in version.contents]


def _shallow(version: AnyVersion, homes: Sequence[Home], volumes: VolumesOf) -> list[Copy]:
    """One copy of each content, on the volume where it lies. Raises NotEnoughVolumes when that takes nothing new."""
    zones = {volume.name: volume.zone for volume in volumes(version.location).volumes}
    there = [volume for region, volume in homes if region == version.location and volume in zones]
    if len(there) < len(version.contents):
        raise NotEnoughVolumes(version.location, len(version.contents), len(there))
    places = [Place(version.location, 0, zones[volume], volume) for volume in there]
    return [
        _pending(version.uid, content.position, place) for content, place in zip(version.contents, places, strict=True)
    ]


def _surplus(version: AnyVersion, there: Sequence[Copy]) -> list[Copy]:
    """Copies in regions that are not wanted, and of replicas beyond the number: first those that are not ready."""
    counts = {target.region: target.replica_count for target in version.target_regions}
    surplus: list[Copy] = []
    for region, members in groupby(sorted(there, key=_place_key), lambda copy: copy.region):
        replicas = [list(copies_of) for _, copies_of in groupby(members, lambda copy: copy.ordinal)]
        replicas.sort(key=lambda replica: any(copy.state is not CopyState.READY for copy in replica))
        surplus.extend(copy for replica in replicas[counts.get(region, 0) :] for copy in replica)
    return surplus


def _place_key(copy: Copy) -> tuple[str, int]:
    return copy.region, copy.ordinal


def _pending(version_uid: UUID, position: int, where: Place) -> Copy:
    return Copy(
        uid=uuid4(),
        version_uid=version_uid,
        position=position,
        region=where.region,
        ordinal=where.ordinal,
        zone=where.zone,
        volume=where.volume,
        root_id=uuid4(),
        lease_id=uuid4(),
        state=CopyState.PENDING,
    )
