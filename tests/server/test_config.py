from pathlib import Path

import pytest

from galleria_server.config import COPIES_PER_REGION, MIN_COPY_BANDWIDTH, Config, ConfigError, VolumeConfig
from galleria_server.config_file import Flags, load_config
from galleria_server.config_text import to_toml
from galleria_server.quantities import QuantityInvalid, parse_duration, parse_size
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume.leases import LEASE_SECONDS

FULL = """
data = "{data}"
listen = "localhost:9000"
metrics_listen = "[::1]:9001"
log = "json"

[limits]
max_disk = "1TiB"
idle_timeout = "2m"
max_calls = 7

[regions.eastus]
display_name = "East US"
zones = ["a", "b"]
copy_bandwidth = "1.5MiB"
restricted = true

[[regions.eastus.volumes]]
name = "Fast"
zone = "b"
tiers = ["premium"]
path = "fast"
dedup = "scope"

[[regions.eastus.volumes]]
name = "slow"
zone = "a"
path = "/srv/slow"

[regions.brazilsouth]
"""


def load(text: str, tmp_path: Path, **environment: str) -> Config:
    path = tmp_path / "galleria.toml"
    path.write_text(text)
    return load_config(Flags(config=str(path)), environment)


def test_without_configuration_there_are_three_regions_of_three_zones(tmp_path: Path) -> None:
    config = load_config(Flags(data=str(tmp_path)), {})
    assert [region.name for region in config.regions] == ["eastus", "westeurope", "westus"]
    assert str(config.listen) == "127.0.0.1:8470"
    assert config.limits.max_disk == 2_199_023_255_552
    (first, _, third) = config.regions[0].volumes
    assert first == VolumeConfig("eastus-1", "1", tmp_path / "volumes/eastus/1/eastus-1")
    assert (third.name, third.zone, third.tiers) == ("eastus-3", "3", ("standard", "premium"))
    assert {volume.dedup for region in config.regions for volume in region.volumes} == {"volume"}
    assert {region.copy_bandwidth for region in config.regions} == {None}


def test_a_file_says_everything(tmp_path: Path) -> None:
    path = tmp_path / "galleria.toml"
    path.write_text(FULL.format(data=tmp_path))
    config = load_config(Flags(config=str(path)), {})
    assert (str(config.listen), str(config.metrics_listen), config.log) == ("localhost:9000", "[::1]:9001", "json")
    assert (config.limits.max_disk, config.limits.idle_timeout, config.limits.max_calls) == (1 << 40, 120.0, 7)
    brazil, east = config.regions
    assert [volume.name for volume in brazil.volumes] == ["brazilsouth-1", "brazilsouth-2", "brazilsouth-3"]
    assert (east.display_name, east.zones, east.tiers) == ("East US", ("a", "b"), ("standard", "premium"))
    assert east.volumes[0] == VolumeConfig("Fast", "b", tmp_path / "fast", tiers=("premium",), dedup="scope")
    assert (east.volumes[1].path, east.volumes[1].dedup) == (Path("/srv/slow"), "volume")
    assert (east.copy_bandwidth, brazil.copy_bandwidth) == (1_572_864, None)
    assert (east.restricted, brazil.restricted) == (True, False)


def test_the_shown_configuration_means_the_same(tmp_path: Path) -> None:
    path, shown = tmp_path / "galleria.toml", tmp_path / "shown.toml"
    path.write_text(FULL.format(data=tmp_path))
    config = load_config(Flags(config=str(path)), {})
    shown.write_text(to_toml(config))
    assert load_config(Flags(config=str(shown)), {}) == config


def test_a_region_may_copy_as_slowly_as_the_limit_says(tmp_path: Path) -> None:
    config = load("[regions.east]\ncopy_bandwidth = 1048576", tmp_path)
    assert config.regions[0].copy_bandwidth == 1_048_576


@pytest.mark.parametrize(("lease", "seconds"), [("1s", 1.0), ("7d", 604_800.0)])
def test_leases_are_as_long_as_the_limit_says(tmp_path: Path, lease: str, seconds: float) -> None:
    assert load(f"[limits]\nlease = '{lease}'", tmp_path).limits.lease == seconds


def test_leases_last_fifteen_minutes_when_nothing_is_said(tmp_path: Path) -> None:
    assert load("", tmp_path).limits.lease == LEASE_SECONDS


def test_a_copy_outlives_the_longest_wait_for_bandwidth() -> None:
    waits = COPIES_PER_REGION * BLOCK_CDC_1.segment / MIN_COPY_BANDWIDTH
    # Traffic renews a lease once a third of it is over.
    assert waits < LEASE_SECONDS * 2 / 3 / 2


def test_flags_win_over_variables_and_variables_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "galleria.toml"
    path.write_text('listen = "127.0.0.1:1"\nlog = "text"\n[limits]\nmax_calls = 1\nmax_message = "16MiB"\n')
    environment = {
        "GALLERIA_CONFIG": str(path),
        "GALLERIA_LISTEN": "127.0.0.1:2",
        "GALLERIA_LOG": "json",
        "GALLERIA_LIMITS__MAX_CALLS": "2",
        "GALLERIA_ENDPOINT": "the client's",
    }
    config = load_config(Flags(listen="127.0.0.1:3"), environment)
    assert (config.listen.port, config.log) == (3, "json")
    assert (config.limits.max_calls, config.limits.max_message) == (2, 16 << 20)


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("datum = 'x'", "datum", "is no setting"),
        ("limits = 1", "limits", "must be a table"),
        ("[limits]\nspeed = 1", "limits.speed", "is no setting"),
        ("[limits]\nmax_disk = '3TiB'", "limits.max_disk", "2199023255552"),
        ("[limits]\nmax_disk = 'big'", "limits.max_disk", "64MiB"),
        ("[limits]\nidle_timeout = '1 year'", "limits.idle_timeout", "30s"),
        ("[limits]\nlease = '999ms'", "limits.lease", "from 1s to 7d"),
        ("[limits]\nlease = '8d'", "limits.lease", "from 1s to 7d"),
        ("[limits]\nlease='384s'\n[regions.east]\ncopy_bandwidth='1MiB'", "regions.east.copy_bandwidth", "over 384 s"),
        ("[limits]\nmax_calls = 0", "limits.max_calls", "above 0"),
        ("[limits]\nmax_calls = true", "limits.max_calls", "must be a number"),
        ("[limits]\nmax_records = '8MiB'", "limits.max_records", "do not fit"),
        ("listen = '0.0.0.0:8470'", "listen", "no authentication"),
        ("listen = '[::]:8470'", "listen", "no authentication"),
        ("listen = 'example.org:8470'", "listen", "no authentication"),
        ("listen = '127.0.0.1'", "listen", "HOST:PORT"),
        ("listen = '127.0.0.1:65536'", "listen", "HOST:PORT"),
        ("listen = 8470", "listen", "must be a text"),
        ("metrics_listen = '10.0.0.1:1'", "metrics_listen", "no authentication"),
        ("log = 'xml'", "log", "text or json"),
        ("regions = 1", "regions", "must be tables"),
        ("[regions]", "regions", "must be tables"),
        ("[regions.East]", "regions.East", "lower-case"),
        ("[regions.east]\nzone = 1", "regions.east.zone", "is no setting"),
        ("[regions.east]\nzones = []", "regions.east.zones", "must be a list"),
        ("[regions.east]\nzones = ['1', '1']", "regions.east.zones", "twice"),
        ("[regions.east]\nzones = ['a/b']", "regions.east.zones", "letters"),
        ("[regions.east]\nvolumes = []", "regions.east.volumes", "must be tables"),
        ("[[regions.east.volumes]]\nzone = '1'", "regions.east.volumes[0].name", "is required"),
        ("[[regions.east.volumes]]\nname = 'a'\nzone = '9'", "regions.east.volumes[0].zone", "1, 2, 3"),
        ("[[regions.east.volumes]]\nname = 'a'\nzone = '1'\nkind = 'tape'", "regions.east.volumes[0].kind", "local"),
        ("[[regions.east.volumes]]\nname = 'a'\nzone = '1'\ntiers = ['x']", "regions.east.volumes[0].tiers", "premium"),
        ("[[regions.east.volumes]]\nname='a'\nzone='1'\ndedup='all'", "regions.east.volumes[0].dedup", "volume, scope"),
        ("[[regions.east.volumes]]\nname='a'\nzone='1'\ndedup=true", "regions.east.volumes[0].dedup", "a text"),
        ("[regions.east]\ncopy_bandwidth = 1048575", "regions.east.copy_bandwidth", "at least 1048576"),
        ("[regions.east]\ncopy_bandwidth = 0", "regions.east.copy_bandwidth", "at least 1048576"),
        ("[regions.east]\ncopy_bandwidth = -1", "regions.east.copy_bandwidth", "64MiB"),
        ("[regions.east]\ncopy_bandwidth = 'fast'", "regions.east.copy_bandwidth", "64MiB"),
        ("[regions.east]\nrestricted = 'yes'", "regions.east.restricted", "true or false"),
        ("[regions.east]\ncopy_bandwidth = '1MB/s'", "regions.east.copy_bandwidth", "64MiB"),
        ("[regions.east]\ncopy_bandwidth = true", "regions.east.copy_bandwidth", "must be a number"),
        ("[regions.east]\ncopy_bandwidth = 2e6", "regions.east.copy_bandwidth", "must be a number"),
        (f"[regions.east]\ncopy_bandwidth = '{'9' * 400}'", "regions.east.copy_bandwidth", "is not understood"),
        (
            "[[regions.east.volumes]]\nname='a'\nzone='1'\n[[regions.east.volumes]]\nname='A'\nzone='2'",
            "regions.east.volumes",
            "same name",
        ),
        (
            "[[regions.e.volumes]]\nname='a'\nzone='1'\npath='/x'\n[[regions.e.volumes]]\nname='b'\nzone='2'\npath='/x'",
            "regions.e",
            "share /x",
        ),
    ],
)
def test_what_is_not_understood_is_told_with_file_and_key(tmp_path: Path, text: str, key: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, tmp_path)
    assert (caught.value.source, caught.value.key) == (str(tmp_path / "galleria.toml"), key)
    assert problem in str(caught.value)


def test_a_missing_and_a_broken_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(Flags(config=str(tmp_path / "none.toml")), {})
    with pytest.raises(ConfigError, match="is not TOML"):
        load("data =", tmp_path)


def test_a_wrong_variable_and_a_wrong_flag_are_told_by_name() -> None:
    with pytest.raises(ConfigError) as limit:
        load_config(Flags(), {"GALLERIA_LIMITS__SPEED": "1"})
    assert limit.value.source == "GALLERIA_LIMITS__SPEED"
    with pytest.raises(ConfigError) as variable:
        load_config(Flags(), {"GALLERIA_LISTEN": "0.0.0.0:1"})
    assert variable.value.source == "GALLERIA_LISTEN"
    with pytest.raises(ConfigError) as flag:
        load_config(Flags(listen="0.0.0.0:1"), {})
    assert flag.value.source == "--listen"


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), (4096, 4096), ("64MiB", 64 << 20), ("1.5 KiB", 1536), ("2TiB", 2 << 40), ("7B", 7)]
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30.0), ("15m", 900.0), ("500ms", 0.5), (2.5, 2.5), ("1h", 3600.0), ("7d", 604800.0)]
)
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1MB", "1e3", "0.5B", "1 2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(QuantityInvalid):
        parse_size(text)
