"""Flags with values of their own kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from galleria.v1.publishing_pb2 import TargetRegion

SPREAD = {
    "--target-regions",
    "--tags",
    "--features",
    "--disallowed-disk-types",
    "--labels",
    "--data-disks",
    "--regions",
    "--keep-labels",
    "--advanced-settings",
}
OS_TYPES = ("Linux", "Windows")
OS_STATES = ("Generalized", "Specialized")
GENERATIONS = ("V1", "V2")
ARCHITECTURES = ("x64", "Arm64")
ACCOUNT_TYPES = ("Standard_LRS", "Standard_ZRS", "Premium_LRS")
MOST_REPLICAS = 100


class SpreadCommand(click.Command):
    """A command some of whose flags take several values: `--target-regions eastus=2 westus`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write the flag before each of its values, up to the next flag."""
        spread: list[str] = []
        flag = ""
        for argument in args:
            if argument.startswith("-"):
                flag = argument if argument in SPREAD else ""
            elif flag and spread[-1] != flag:
                spread.append(flag)
            spread.append(argument)
        return super().parse_args(ctx, spread)


class Sha256(click.ParamType[str]):
    """64 hexadecimal digits."""

    name = "hex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Check the form."""
        if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
            self.fail(f"{value!r} is not a SHA-256 of 64 hexadecimal digits", param, ctx)
        return str(value).lower()


def tags_of(pairs: Sequence[str]) -> dict[str, str]:
    """The tags of `--tags key=value …`.

    Raises:
        click.BadParameter: one has no `=`.
    """
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} should be KEY=VALUE", param_hint="--tags")
    return dict(pair.split("=", 1) for pair in pairs)


def target_regions_of(texts: Sequence[str]) -> list[TargetRegion]:
    """The regions of `--target-regions region[=count][=type] …`.

    Raises:
        click.BadParameter: one is none.
    """
    return [_target_region(text) for text in texts]


def enum_value(kind: str, text: str | None) -> int:
    """The number of an enum's value, such as `OsType` and `Linux`, `HostCaching` and `ReadOnly`; 0 for no text."""
    from galleria.v1 import galleries_pb2

    if text is None:
        return 0
    enum = galleries_pb2.DESCRIPTOR.pool.FindEnumTypeByName(f"galleria.v1.{kind}")
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    names = {value.name.removeprefix(prefix).replace("_", ""): value.number for value in enum.values}
    return names[text.replace("_", "").upper()]


def _target_region(text: str) -> TargetRegion:
    from galleria.v1.publishing_pb2 import StorageAccountType, TargetRegion

    region, *rest = text.split("=")
    count, account = 1, 0
    for given in rest:
        if given.isascii() and given.isdigit() and 1 <= int(given) <= MOST_REPLICAS:
            count = int(given)
        elif given.lower() in {kind.lower() for kind in ACCOUNT_TYPES}:
            account = enum_value("StorageAccountType", given)
        else:
            raise click.BadParameter(
                f"{text!r} should be REGION[=COUNT][=TYPE] with COUNT 1 to {MOST_REPLICAS} "
                f"and TYPE one of {', '.join(ACCOUNT_TYPES)}",
                param_hint="--target-regions",
            )
    kind = StorageAccountType.ValueType(account)
    return TargetRegion(region=region, replica_count=count, storage_account_type=kind)
