"""Flags that say how versions are published, and what may be said of them later."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from galleria_client.cli.field_flags import FieldFlag, number_of, time_of
from galleria_client.cli.flags import ACCOUNT_TYPES, enum_value, tags_of, target_regions_of

if TYPE_CHECKING:
    from galleria.v1.image_versions_pb2 import DataDisk
    from galleria_client.cli.session import Session

CACHING = ("None", "ReadOnly", "ReadWrite")
_DATA_DISK = re.compile(rf"([0-9]{{1,9}})=([^=]+)(?:=({'|'.join(CACHING)}))?", re.IGNORECASE | re.ASCII)
_TRUTH = {"type": bool, "is_flag": False, "flag_value": "true", "metavar": "[true|false]"}


def _choice(*values: str) -> dict[str, Any]:
    return {"type": click.Choice(values, case_sensitive=False)}


def _text_of(file: str) -> str:
    """What a file holds. Raises ValueError when it cannot be read as text."""
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is no text") from None


CHANGING = (
    FieldFlag("--tags", "tags", tags_of, {"multiple": True, "metavar": "KEY=VALUE ...", "help": "Labels."}),
    FieldFlag(
        "--labels",
        "labels",
        tags_of,
        {"multiple": True, "metavar": "KEY=VALUE ...", "help": "Where it comes from: build, commit, SBOM digest."},
    ),
    FieldFlag(
        "--target-regions",
        "target_regions",
        target_regions_of,
        {"multiple": True, "metavar": "REGION[=COUNT][=TYPE] ...", "help": "All that are wanted; default: home, once."},
    ),
    FieldFlag(
        "--replica-count",
        "replica_count",
        options={"type": int, "metavar": "N", "help": "Replicas in regions without a number; default: 1."},
    ),
    FieldFlag("--exclude-from-latest", "exclude_from_latest", options={**_TRUTH, "help": "`latest` passes over it."}),
    FieldFlag(
        "--end-of-life-date",
        "end_of_life_time",
        time_of,
        {"metavar": "TIME", "help": "When it is not kept up any more: 2027-01-31, or a time as in RFC 3339."},
    ),
    FieldFlag(
        "--allow-replicated-location-deletion",
        "safety_profile.allow_deletion_of_replicated_locations",
        options={**_TRUTH, "help": "Regions may be removed from it."},
    ),
    FieldFlag(
        "--signature", "signature", _text_of, {"metavar": "FILE", "help": "Who vouches for it; `sign` makes one."}
    ),
    FieldFlag(
        "--block-deletion-before-end-of-life",
        "safety_profile.block_deletion_before_end_of_life",
        options={**_TRUTH, "help": "It cannot be deleted before its end of life."},
    ),
)
PUBLISHED = (
    FieldFlag(
        "--storage-account-type",
        "storage_account_type",
        number_of("StorageAccountType"),
        {**_choice(*ACCOUNT_TYPES), "help": "Kind of replica in regions without one; default: Standard_LRS."},
    ),
    FieldFlag(
        "--storage-account-strategy",
        "storage_account_strategy",
        number_of("StorageAccountStrategy"),
        {
            **_choice("PreferStandard_ZRS", "DefaultStandard_LRS"),
            "help": "Chooses it by what a region offers instead.",
        },
    ),
    FieldFlag(
        "--replication-mode",
        "replication_mode",
        number_of("ReplicationMode"),
        {**_choice("Full", "Shallow"), "help": "Shallow: one copy where the source lies."},
    ),
)
FIXED = (
    *PUBLISHED,
    FieldFlag(
        "--os-disk-caching",
        "os_disk_caching",
        number_of("HostCaching"),
        {**_choice(*CACHING), "help": "How hosts cache the operating system disk."},
    ),
)


def data_disks_of(session: Session, texts: Sequence[str], group: str | None) -> list[DataDisk]:
    """The data disks of `--data-disks LUN=DISK[=CACHING] …`, by names as `--os-disk` takes them.

    Raises:
        click.BadParameter: one is none.
    """
    return [_data_disk(session, text, group) for text in texts]


def _data_disk(session: Session, text: str, group: str | None) -> DataDisk:
    from galleria.v1.image_versions_pb2 import DataDisk, HostCaching
    from galleria_client.cli.names import full_disk_name

    match = _DATA_DISK.fullmatch(text)
    if match is None:
        told = f"{text!r} should be LUN=DISK[=CACHING] with CACHING one of {', '.join(CACHING)}"
        raise click.BadParameter(told, param_hint="--data-disks")
    lun, disk, caching = match.groups()
    return DataDisk(
        lun=int(lun),
        source=full_disk_name(session, disk, None if "/" in disk else group),
        host_caching=HostCaching.ValueType(enum_value("HostCaching", caching)),
    )
