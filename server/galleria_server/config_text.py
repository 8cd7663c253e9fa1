"""Writes a configuration as the file that gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from galleria_server.config import Config, RegionConfig


def to_toml(config: Config) -> str:
    """A TOML file that means `config`."""
    return "".join(f"{line}\n" for line in _lines(config))


def _lines(config: Config) -> Iterator[str]:
    yield _pair("data", str(config.data))
    yield _pair("listen", str(config.listen))
    if config.metrics_listen is not None:
        yield _pair("metrics_listen", str(config.metrics_listen))
    yield _pair("log", config.log)
    yield ""
    yield "[limits]"
    for name, value in asdict(config.limits).items():
        yield _pair(name, value)
    for region in config.regions:
        yield from _region(region)


def _region(region: RegionConfig) -> Iterator[str]:
    yield ""
    yield f"[regions.{region.name}]"
    yield _pair("display_name", region.display_name)
    yield _pair("zones", region.zones)
    if region.copy_bandwidth is not None:
        yield _pair("copy_bandwidth", region.copy_bandwidth)
    if region.restricted:
        yield _pair("restricted", region.restricted)
    for volume in region.volumes:
        yield ""
        yield f"[[regions.{region.name}.volumes]]"
        yield _pair("name", volume.name)
        yield _pair("zone", volume.zone)
        yield _pair("kind", volume.kind)
        yield _pair("tiers", volume.tiers)
        yield _pair("path", str(volume.path))
        yield _pair("dedup", volume.dedup)


def _pair(name: str, value: object) -> str:
    # JSON's texts, numbers and lists of texts are TOML's.
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"
