"""Reads the configuration: a TOML file, then GALLERIA_* variables, then flags; the later ones win."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from galleria_server.config import (
    COPIES_PER_REGION,
    DEFAULT_LISTEN,
    MAX_LEASE,
    MIN_LEASE,
    Address,
    Config,
    ConfigError,
    Limits,
    RegionConfig,
    default_regions,
    parse_address,
)
from galleria_server.config_regions import parse_regions
from galleria_server.logs import FORMATS
from galleria_server.quantities import QuantityInvalid, parse_duration, parse_size
from galleria_storage.rules import BLOCK_CDC_1

ENVIRONMENT_PREFIX = "GALLERIA_"
LIMITS_PREFIX = f"{ENVIRONMENT_PREFIX}LIMITS__"
FILE_VARIABLE = f"{ENVIRONMENT_PREFIX}CONFIG"
DEFAULT_DATA = "data"
_SETTINGS = ("data", "listen", "metrics_listen", "log")
_DURATIONS = frozenset(
    {"idle_timeout", "drain_grace", "collect_every", "condemned_for", "scrub_every", "lease", "policies_every"}
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that was given, and where."""

    value: object
    source: str


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line gave; None where nothing."""

    config: str | None = None
    data: str | None = None
    listen: str | None = None
    log: str | None = None


def load_config(flags: Flags, environment: Mapping[str, str]) -> Config:
    """The configuration of a server. Raises ConfigError for anything that is not understood."""
    path = flags.config or environment.get(FILE_VARIABLE)
    document = {} if path is None else _read(Path(path))
    source = str(path)
    _refuse_unknown(source, "", document, (*_SETTINGS, "limits", "regions"))
    settings = {key: Setting(document[key], source) for key in _SETTINGS if key in document}
    settings |= _from_environment(environment, _SETTINGS, ENVIRONMENT_PREFIX)
    settings |= {
        key: Setting(value, f"--{key}")
        for key in ("data", "listen", "log")
        if (value := getattr(flags, key)) is not None
    }
    data = Path(_text(settings, "data", DEFAULT_DATA)).expanduser().absolute()
    limits = _limits(source, document.get("limits", {}), environment)
    regions = _regions(source, document.get("regions"), data)
    _refuse_slow_copies(source, regions, limits)
    return Config(
        data=data,
        listen=_address(settings, "listen") or parse_address("default", "listen", DEFAULT_LISTEN),
        regions=regions,
        metrics_listen=_address(settings, "metrics_listen"),
        log=_log(settings),
        limits=limits,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), "", f"is not TOML: {error}") from error


def _refuse_unknown(source: str, prefix: str, table: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(source, f"{prefix}{key}", f"is no setting; there are {', '.join(known)}")


def _from_environment(environment: Mapping[str, str], keys: tuple[str, ...], prefix: str) -> dict[str, Setting]:
    names = {key: f"{prefix}{key.upper()}" for key in keys}
    return {key: Setting(environment[name], name) for key, name in names.items() if name in environment}


def _text(settings: Mapping[str, Setting], key: str, default: str) -> str:
    setting = settings.get(key)
    if setting is None:
        return default
    if not isinstance(setting.value, str) or not setting.value:
        raise ConfigError(setting.source, key, f"{setting.value!r} must be a text")
    return setting.value


def _address(settings: Mapping[str, Setting], key: str) -> Address | None:
    setting = settings.get(key)
    return None if setting is None else parse_address(setting.source, key, _text(settings, key, ""))


def _log(settings: Mapping[str, Setting]) -> str:
    chosen = _text(settings, "log", FORMATS[0])
    if chosen not in FORMATS:
        raise ConfigError(settings["log"].source, "log", f"{chosen!r} must be {' or '.join(FORMATS)}")
    return chosen


def _regions(source: str, table: object, data: Path) -> tuple[RegionConfig, ...]:
    return default_regions(data) if table is None else parse_regions(source, table, data)


def _limits(source: str, table: object, environment: Mapping[str, str]) -> Limits:
    if not isinstance(table, dict):
        raise ConfigError(source, "limits", "must be a table")
    known = tuple(field.name for field in fields(Limits))
    _refuse_unknown(source, "limits.", table, known)
    given = {name[len(LIMITS_PREFIX) :].lower(): name for name in environment if name.startswith(LIMITS_PREFIX)}
    for key, name in given.items():
        if key not in known:
            raise ConfigError(name, "", f"is no setting; limits are {', '.join(known)}")
    settings = {key: Setting(value, source) for key, value in table.items()}
    settings |= _from_environment(environment, known, LIMITS_PREFIX)
    values: dict[str, Any] = {key: _limit(key, setting) for key, setting in settings.items()}
    limits = Limits(**values)
    _refuse_nonsense(settings, limits)
    return limits


def _limit(key: str, setting: Setting) -> float:
    if isinstance(setting.value, bool) or not isinstance(setting.value, str | int | float):
        raise ConfigError(setting.source, f"limits.{key}", f"{setting.value!r} must be a number or a text")
    try:
        value = parse_duration(setting.value) if key in _DURATIONS else parse_size(str(setting.value))
    except QuantityInvalid as error:
        raise ConfigError(setting.source, f"limits.{key}", str(error)) from error
    if value <= 0:
        raise ConfigError(setting.source, f"limits.{key}", f"{setting.value} must be above 0")
    if key == "max_disk" and value > BLOCK_CDC_1.max_disk:
        problem = f"{setting.value} is above what the chunking rule allows, {BLOCK_CDC_1.max_disk} bytes"
        raise ConfigError(setting.source, f"limits.{key}", problem)
    if key == "lease" and not MIN_LEASE <= value <= MAX_LEASE:
        raise ConfigError(setting.source, f"limits.{key}", f"{setting.value} must be from 1s to 7d")
    return value


def _refuse_nonsense(settings: Mapping[str, Setting], limits: Limits) -> None:
    if limits.max_records >= limits.max_message:
        setting = settings.get("max_records") or settings["max_message"]
        problem = f"{limits.max_records} bytes do not fit into a message of max_message, {limits.max_message}"
        raise ConfigError(setting.source, "limits.max_records", problem)


def _refuse_slow_copies(source: str, regions: tuple[RegionConfig, ...], limits: Limits) -> None:
    """Refuse a bandwidth for which copies wait so long that what they hold is no longer kept for them."""
    for region in regions:
        if region.copy_bandwidth is not None:
            wait = COPIES_PER_REGION * BLOCK_CDC_1.segment / region.copy_bandwidth
            # Traffic renews a lease once a third of it is over.
            if limits.lease <= 3 * wait:
                problem = f"a copy may wait {wait:.0f} s for it; with it limits.lease must be over {3 * wait:.0f} s"
                raise ConfigError(source, f"regions.{region.name}.copy_bandwidth", problem)
