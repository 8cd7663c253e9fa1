"""Flags that say what an image is, and what may be said of it later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from galleria_client.cli.field_flags import FieldFlag, number_of, time_of
from galleria_client.cli.flags import ACCOUNT_TYPES, enum_value, tags_of

if TYPE_CHECKING:
    from galleria.v1.image_definitions_pb2 import ImageFeature

_DISK_TYPES = click.Choice(ACCOUNT_TYPES, case_sensitive=False)
_POLICIES = click.Choice(("Inform", "Warn", "Deny"), case_sensitive=False)
_URI = {"metavar": "URI"}


def features_of(pairs: Sequence[str]) -> list[ImageFeature]:
    """The features of `--features NAME=VALUE[@VERSION] …`. Raises ValueError."""
    return [_feature(pair) for pair in pairs]


def _feature(pair: str) -> ImageFeature:
    from galleria.v1.image_definitions_pb2 import ImageFeature

    name, equals, value = pair.partition("=")
    if not equals:
        raise ValueError(f"{pair!r} should be NAME=VALUE, or NAME=VALUE@VERSION for the first version that has it")
    value, _, start = value.partition("@")
    return ImageFeature(name=name, value=value, starts_at_version=start)


def _disk_types(names: Sequence[str]) -> list[int]:
    return [enum_value("StorageAccountType", name) for name in names]


def _bound(flag: str, path: str, about: str) -> FieldFlag:
    return FieldFlag(flag, f"recommended.{path}", options={"type": int, "metavar": "N", "help": about})


CHANGING = (
    FieldFlag("--description", "description", options={"help": "For people."}),
    FieldFlag("--tags", "tags", tags_of, {"multiple": True, "metavar": "KEY=VALUE ...", "help": "Labels."}),
    FieldFlag(
        "--features",
        "features",
        features_of,
        {"multiple": True, "metavar": "NAME=VALUE[@VERSION] ...", "help": "Such as SecurityType=TrustedLaunch."},
    ),
    _bound("--minimum-cpu-core", "vcpus.min", "Fewest virtual processors of its machines, 1 to 80."),
    _bound("--maximum-cpu-core", "vcpus.max", "Most virtual processors."),
    _bound("--minimum-memory", "memory_gib.min", "Least memory in GiB, 1 to 640."),
    _bound("--maximum-memory", "memory_gib.max", "Most memory in GiB."),
    FieldFlag(
        "--disallowed-disk-types",
        "disallowed_disk_types",
        _disk_types,
        {"multiple": True, "type": _DISK_TYPES, "help": "Disk types that its machines should not have."},
    ),
    FieldFlag("--release-note-uri", "release_note_uri", options=_URI),
    FieldFlag(
        "--end-of-life-date",
        "end_of_life_time",
        time_of,
        {"metavar": "TIME", "help": "When it is not kept up any more: 2027-01-31, or a time as in RFC 3339."},
    ),
    FieldFlag(
        "--end-of-life-policy",
        "end_of_life_policy",
        number_of("EndOfLifePolicy"),
        {"type": _POLICIES, "help": "What the end of life of a version means to who deploys it; default: Inform."},
    ),
)
FIXED = (
    FieldFlag("--eula", "eula", options={"help": "Terms of use, or their address."}),
    FieldFlag("--privacy-statement-uri", "privacy_statement_uri", options=_URI),
    FieldFlag("--plan-name", "purchase_plan.name", options={"help": "Plan under which it is sold."}),
    FieldFlag("--plan-publisher", "purchase_plan.publisher", options={"help": "Who sells it."}),
    FieldFlag("--plan-product", "purchase_plan.product", options={"help": "What is sold."}),
)
