"""Which volumes hold a disk or the copies of a version: families stay together.

The uid of the resource group orders a region's volumes, so that a next version lands beside its ancestor and only the
difference is stored and moved. Everything here is a pure function of its arguments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from itertools import count, islice
from typing import NamedTuple
from uuid import UUID

from galleria_server.domain.errors_content import NotEnoughVolumes

FULL = 0.85
LOAD_RATIO = 2
# Below this many running pieces of work a difference in load says nothing.
QUIET_LOAD = 4
STANDARD = "standard"
PREMIUM = "premium"
ZONES = 3
"""Zones that a ZRS replica has at least."""


class Account(Enum):
    """What a replica is made of."""

    STANDARD_LRS = "Standard_LRS"
    STANDARD_ZRS = "Standard_ZRS"
    PREMIUM_LRS = "Premium_LRS"

    @property
    def tier(self) -> str:
        """Tier of the volumes that may hold its copies."""
        return PREMIUM if self is Account.PREMIUM_LRS else STANDARD


@dataclass(frozen=True, slots=True)
class Candidate:
    """A volume that takes new work. Sizes in bytes; `load` counts the pieces of work that run on it."""

    name: str
    zone: str
    tiers: frozenset[str]
    free: int
    total: int
    load: int = 0

    @property
    def crowded(self) -> bool:
        """More than 85% full."""
        return self.total - self.free > FULL * self.total


@dataclass(frozen=True, slots=True)
class RegionVolumes:
    """A region with its zones, those without a volume too, and the volumes of it that take new work."""

    region: str
    zones: tuple[str, ...]
    volumes: tuple[Candidate, ...]

    @property
    def zonal(self) -> bool:
        """Whether it can hold ZRS replicas: three zones or more, each with a volume for them."""
        standard = {volume.zone for volume in self.volumes if STANDARD in volume.tiers}
        return len(self.zones) >= ZONES and standard >= set(self.zones)


@dataclass(frozen=True, slots=True)
class Order:
    """Replicas wanted in one region, at least one."""

    region: RegionVolumes
    replicas: int
    account: Account


class Place(NamedTuple):
    """Where one copy goes."""

    region: str
    ordinal: int
    zone: str
    volume: str


def place_disk(family: UUID, region: RegionVolumes) -> str:
    """The name of the volume for a new disk of the resource group `family`. Raises NotEnoughVolumes."""
    volumes = ranked(family, region.volumes)
    if not volumes:
        raise NotEnoughVolumes(region.region, wanted=1, available=0)
    return volumes[0].name


def place_version(
    family: UUID, orders: Sequence[Order], home: tuple[str, str] | None = None, held: Sequence[Place] = ()
) -> list[Place]:
    """A place for every copy that `orders` asks for and that is not among those `held`, region by region.

    `home` is the region and volume of the source: the first copy in that region lands there if that fits. Copies of one
    region never share a volume. Raises NotEnoughVolumes.
    """
    return [place for order in orders for place in _place_region(family, order, home, held)]


def ranked(family: UUID, volumes: Iterable[Candidate]) -> list[Candidate]:
    """The volumes by rendezvous hash, those that are crowded or overloaded beside the others at the end."""
    known = list(volumes)
    quietest = min((volume.load for volume in known), default=0)
    limit = LOAD_RATIO * max(quietest, QUIET_LOAD)
    return sorted(known, key=lambda volume: (volume.crowded, volume.load > limit, _weight(family, volume.name)))


def _weight(family: UUID, volume: str) -> bytes:
    return blake2b(volume.casefold().encode(), key=family.bytes, digest_size=16).digest()


def _place_region(family: UUID, order: Order, home: tuple[str, str] | None, held: Sequence[Place]) -> list[Place]:
    here = [place for place in held if place.region == order.region.region]
    ordinals = _free_ordinals(order.replicas, here)
    volumes = [volume for volume in _fitting(family, order, home) if all(volume.name != place.volume for place in here)]
    if order.account is Account.STANDARD_ZRS:
        return _one_in_every_zone(order, volumes, ordinals)
    if len(volumes) < len(ordinals):
        raise NotEnoughVolumes(order.region.region, wanted=order.replicas, available=len(volumes) + len(here))
    chosen = zip(ordinals, volumes, strict=False)
    return [Place(order.region.region, ordinal, volume.zone, volume.name) for ordinal, volume in chosen]


def _free_ordinals(replicas: int, here: Sequence[Place]) -> list[int]:
    """The lowest ordinals that nothing has, as many as replicas are wanted beside those that are here."""
    taken = {place.ordinal for place in here}
    free = (ordinal for ordinal in count() if ordinal not in taken)
    return list(islice(free, max(0, replicas - len(taken))))


def _fitting(family: UUID, order: Order, home: tuple[str, str] | None) -> list[Candidate]:
    fitting = [volume for volume in order.region.volumes if order.account.tier in volume.tiers]
    # The sort is stable, and a copy beside its source costs nothing however full the volume is.
    return sorted(ranked(family, fitting), key=lambda volume: (order.region.region, volume.name) != home)


def _one_in_every_zone(order: Order, volumes: Sequence[Candidate], ordinals: Sequence[int]) -> list[Place]:
    zones = {zone: [volume for volume in volumes if volume.zone == zone] for zone in order.region.zones}
    whole = min((len(inside) for inside in zones.values()), default=0)
    if whole < len(ordinals):
        there = order.replicas - len(ordinals)
        raise NotEnoughVolumes(order.region.region, order.replicas * len(zones), (whole + there) * len(zones))
    return [
        Place(order.region.region, ordinal, zone, inside[rank].name)
        for rank, ordinal in enumerate(ordinals)
        for zone, inside in zones.items()
    ]
