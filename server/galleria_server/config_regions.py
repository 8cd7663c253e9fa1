"""Reads regions and volumes from the configuration.

    [regions.eastus]
    display_name = "East US"
    zones = ["1", "2", "3"]
    copy_bandwidth = "100MiB"
    restricted = true

    [[regions.eastus.volumes]]
    name = "fast-1"
    zone = "1"
    tiers = ["premium"]
    path = "/srv/fast"
    dedup = "scope"

Without zones there are three; without volumes there is one in each zone that serves both tiers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from galleria_server.config import (
    DEDUPS,
    DEFAULT_ZONES,
    KINDS,
    MIN_COPY_BANDWIDTH,
    TIERS,
    ConfigError,
    RegionConfig,
    VolumeConfig,
    default_volumes,
    volume_path,
)
from galleria_server.quantities import QuantityInvalid, parse_size

_REGION = re.compile(r"[a-z][a-z0-9]{0,63}")
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
_REGION_SETTINGS = ("display_name", "zones", "copy_bandwidth", "restricted", "volumes")
_VOLUME_SETTINGS = ("name", "zone", "kind", "tiers", "path", "dedup")


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the file with the place where it stands."""

    source: str
    key: str
    values: Mapping[str, object]

    def refuse(self, setting: str, problem: str) -> ConfigError:
        return ConfigError(self.source, f"{self.key}.{setting}", problem)

    def text(self, setting: str, default: str | None) -> str:
        value = self.values.get(setting, default)
        if not isinstance(value, str) or not value:
            raise self.refuse(setting, "must be a text" if setting in self.values else "is required")
        return value

    def flag(self, setting: str) -> bool:
        value = self.values.get(setting, False)
        if not isinstance(value, bool):
            raise self.refuse(setting, f"{value!r} must be true or false")
        return value

    def texts(self, setting: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.values.get(setting, list(default))
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self.refuse(setting, "must be a list of texts")
        if len(set(value)) < len(value):
            raise self.refuse(setting, "names something twice")
        return tuple(value)

    def known(self, settings: tuple[str, ...]) -> None:
        for setting in self.values:
            if setting not in settings:
                raise self.refuse(setting, f"is no setting; there are {', '.join(settings)}")


def parse_regions(source: str, table: object, data: Path) -> tuple[RegionConfig, ...]:
    """The regions of the file, by name. Raises ConfigError."""
    if not isinstance(table, dict) or not table:
        raise ConfigError(source, "regions", "must be tables such as [regions.eastus]")
    regions = tuple(_region(source, name, table[name], data) for name in sorted(table))
    _refuse_shared_paths(source, regions)
    return regions


def _region(source: str, name: str, values: object, data: Path) -> RegionConfig:
    key = f"regions.{name}"
    if not isinstance(values, dict):
        raise ConfigError(source, key, "must be a table")
    if _REGION.fullmatch(name) is None:
        raise ConfigError(
            source, key, "must be a name of 1 to 64 lower-case letters and digits, beginning with a letter"
        )
    table = _Table(source, key, values)
    table.known(_REGION_SETTINGS)
    zones = table.texts("zones", DEFAULT_ZONES)
    for zone in zones:
        _require_part(table, "zones", zone)
    display_name, volumes = table.text("display_name", name), _volumes(table, name, zones, data)
    bandwidth, restricted = _bandwidth(table, "copy_bandwidth"), table.flag("restricted")
    return RegionConfig(name, display_name, zones, volumes, bandwidth, restricted)


def _bandwidth(table: _Table, setting: str) -> int | None:
    given = table.values.get(setting)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise table.refuse(setting, f"{given!r} must be a number of bytes a second or a text such as '100MiB'")
    try:
        bandwidth = parse_size(given)
    except QuantityInvalid as error:
        raise table.refuse(setting, str(error)) from error
    if bandwidth < MIN_COPY_BANDWIDTH:
        raise table.refuse(setting, f"{given} must be at least {MIN_COPY_BANDWIDTH} bytes a second")
    return bandwidth


def _volumes(table: _Table, region: str, zones: tuple[str, ...], data: Path) -> tuple[VolumeConfig, ...]:
    listed = table.values.get("volumes")
    if listed is None:
        return default_volumes(data, region, zones)
    if not isinstance(listed, list) or not listed:
        raise table.refuse("volumes", f"must be tables such as [[{table.key}.volumes]]")
    volumes = []
    for i, values in enumerate(listed):
        if not isinstance(values, dict):
            raise table.refuse("volumes", "must be tables")
        inner = _Table(table.source, f"{table.key}.volumes[{i}]", values)
        volumes.append(_volume(inner, region, zones, data))
    names = [volume.name.casefold() for volume in volumes]
    if len(set(names)) < len(names):
        raise table.refuse("volumes", "two have the same name; names compare without case")
    return tuple(volumes)


def _volume(table: _Table, region: str, zones: tuple[str, ...], data: Path) -> VolumeConfig:
    table.known(_VOLUME_SETTINGS)
    name, zone = table.text("name", None), table.text("zone", None)
    _require_part(table, "name", name)
    _require_choice(table, "zone", zone, zones)
    kind = table.text("kind", KINDS[0])
    _require_choice(table, "kind", kind, KINDS)
    tiers = table.texts("tiers", TIERS)
    for tier in tiers:
        _require_choice(table, "tiers", tier, TIERS)
    path = table.values.get("path")
    folder = volume_path(data, region, zone, name) if path is None else Path(table.text("path", None)).expanduser()
    dedup = table.text("dedup", DEDUPS[0])
    _require_choice(table, "dedup", dedup, DEDUPS)
    return VolumeConfig(name, zone, folder if folder.is_absolute() else data / folder, kind, tiers, dedup)


def _require_part(table: _Table, setting: str, text: str) -> None:
    if _PART.fullmatch(text) is None:
        raise table.refuse(setting, f"{text!r} must be 1 to 64 letters, digits, '_' and '-'")


def _require_choice(table: _Table, setting: str, text: str, choices: tuple[str, ...]) -> None:
    if text not in choices:
        raise table.refuse(setting, f"{text!r} must be one of {', '.join(choices)}")


def _refuse_shared_paths(source: str, regions: tuple[RegionConfig, ...]) -> None:
    owners: dict[Path, str] = {}
    for region in regions:
        for volume in region.volumes:
            name = f"{region.name}/{volume.name}"
            other = owners.setdefault(volume.path, name)
            if other != name:
                raise ConfigError(source, f"regions.{region.name}", f"volumes {other} and {name} share {volume.path}")
