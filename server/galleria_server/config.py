"""What a server is told before it starts: values, and what holds when nothing is told."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from galleria_server.domain import limits

DEFAULT_LISTEN = "127.0.0.1:8470"
DEFAULT_ZONES = ("1", "2", "3")
DEFAULT_REGIONS = (("eastus", "East US"), ("westus", "West US"), ("westeurope", "West Europe"))
TIERS = ("standard", "premium")
KINDS = ("local",)
DEDUPS = ("volume", "scope")
# A volume forgets a copy that is silent for ten minutes, and two that wait for 64 MiB each share the bandwidth.
MIN_COPY_BANDWIDTH = 1 << 20
MAX_PORT = 65535
DEFAULT_COLLECT_EVERY = 60.0
DEFAULT_LEASE = 15 * 60.0
MIN_LEASE, MAX_LEASE = 1.0, 7 * 24 * 3600.0
COPIES_PER_REGION = 2
DEFAULT_SCRUB_EVERY = 30 * 24 * 3600.0
DEFAULT_SCRUB_RATE = 16 << 20


class ConfigError(Exception):
    """The configuration cannot be used.

    Attributes:
        source: the file, variable or flag at fault.
        key: the setting, dotted; empty when the source as a whole is wrong.
        problem: what is wrong, and what to do.
    """

    def __init__(self, source: str, key: str, problem: str) -> None:
        super().__init__(source, key, problem)
        self.source = source
        self.key = key
        self.problem = problem

    def __str__(self) -> str:
        subject = f"{self.source}: {self.key}" if self.key else self.source
        return f"{subject}: {self.problem}"


@dataclass(frozen=True, slots=True)
class VolumeConfig:
    """One place that holds bytes; `path` is its folder, `dedup` the widest set of pushes that share chunks on it."""

    name: str
    zone: str
    path: Path
    kind: str = "local"
    tiers: tuple[str, ...] = TIERS
    dedup: str = DEDUPS[0]


@dataclass(frozen=True, slots=True)
class RegionConfig:
    """A region; volume names are unique in it.

    `copy_bandwidth` bounds all copies into its volumes together, in bytes a second; None is unlimited.
    A `restricted` region is for subscriptions whose access to it was approved.
    """

    name: str
    display_name: str
    zones: tuple[str, ...]
    volumes: tuple[VolumeConfig, ...]
    copy_bandwidth: int | None = None
    restricted: bool = False

    @property
    def tiers(self) -> tuple[str, ...]:
        """Tiers that its volumes offer, standard first."""
        return tuple(tier for tier in TIERS if any(tier in volume.tiers for volume in self.volumes))


@dataclass(frozen=True, slots=True)
class UpkeepPlan:
    """How a volume is looked after: every so many seconds garbage is collected, and each pack read again.

    `scrub_rate` bounds the reading, in bytes a second.
    """

    collect_every: float = DEFAULT_COLLECT_EVERY
    scrub_every: float = DEFAULT_SCRUB_EVERY
    scrub_rate: int = DEFAULT_SCRUB_RATE


DEFAULT_UPKEEP = UpkeepPlan()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server takes. Sizes in bytes, durations in seconds."""

    max_disk: int = limits.number("disk_bytes")
    max_records: int = 2 << 20
    max_message: int = 8 << 20
    max_calls: int = 1024
    metadata_workers: int = 4
    metadata_queue: int = 1024
    idle_timeout: float = 120.0
    drain_grace: float = 30.0
    collect_every: float = DEFAULT_COLLECT_EVERY
    condemned_for: float = 60.0
    scrub_every: float = DEFAULT_SCRUB_EVERY
    scrub_rate: int = DEFAULT_SCRUB_RATE
    lease: float = DEFAULT_LEASE
    policies_every: float = 3600.0

    @property
    def upkeep(self) -> UpkeepPlan:
        """How volumes are looked after."""
        return UpkeepPlan(self.collect_every, self.scrub_every, self.scrub_rate)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 means one that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """True when only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Config:
    """Everything. Regions are in ascending order of name."""

    data: Path
    listen: Address
    regions: tuple[RegionConfig, ...]
    metrics_listen: Address | None = None
    log: str = "text"
    limits: Limits = field(default_factory=Limits)

    @property
    def metadata_folder(self) -> Path:
        """Folder of the metadata database."""
        return self.data / "metadata"

    def region(self, name: str) -> RegionConfig | None:
        """The region of that short name."""
        return next((region for region in self.regions if region.name == name), None)


def parse_address(source: str, key: str, text: str) -> Address:
    """The address in `HOST:PORT`. Raises ConfigError, also for one that other machines can reach."""
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdecimal() or int(port) > MAX_PORT:
        raise ConfigError(source, key, f"{text!r} is not HOST:PORT, write for example {DEFAULT_LISTEN}")
    address = Address(host.removeprefix("[").removesuffix("]"), int(port))
    if not address.loopback:
        problem = (
            f"{address} can be reached from other machines, and this server has no authentication yet; "
            f"listen on a loopback address such as {DEFAULT_LISTEN}"
        )
        raise ConfigError(source, key, problem)
    return address


def default_volumes(data: Path, region: str, zones: tuple[str, ...]) -> tuple[VolumeConfig, ...]:
    """One volume in each zone that serves both tiers."""
    return tuple(
        VolumeConfig(name := f"{region}-{zone}", zone, volume_path(data, region, zone, name)) for zone in zones
    )


def volume_path(data: Path, region: str, zone: str, volume: str) -> Path:
    """Folder of a volume that names none."""
    return data / "volumes" / region / zone / volume


def default_regions(data: Path) -> tuple[RegionConfig, ...]:
    """The regions of a server without configuration."""
    made = (
        RegionConfig(name, display, DEFAULT_ZONES, default_volumes(data, name, DEFAULT_ZONES))
        for name, display in DEFAULT_REGIONS
    )
    return tuple(sorted(made, key=lambda region: region.name))


def default_config(data: Path) -> Config:
    """The configuration of a server that is told only where its data lies."""
    return Config(data, parse_address("default", "listen", DEFAULT_LISTEN), default_regions(data))
