"""From flags and arguments to resource names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, cast

import click

from galleria_client.cli.completing import complete_part, complete_path
from galleria_client.resource_names import ImageName, group_name, is_in_group, parse_image_name

if TYPE_CHECKING:
    from galleria_client.cli.session import Session

Command = Callable[..., None]
LEVELS = ("group", "gallery", "image", "version")
OPTIONS = {
    "group": ("-g", "--resource-group", "Resource group."),
    "gallery": ("-r", "--gallery-name", "Gallery."),
    "image": ("-i", "--gallery-image-definition", "Image definition."),
    "version": ("-e", "--gallery-image-version", "Version, as in 1.0.0; `latest` where something is read."),
}
FLAGS = {part: short for part, (short, _, _) in OPTIONS.items()}


@dataclass(frozen=True, slots=True)
class Where:
    """What the flags and the argument said, each a part of a name or a full one."""

    name: str | None = None
    group: str | None = None
    gallery: str | None = None
    image: str | None = None
    version: str | None = None


def group_option(function: Command) -> Command:
    """Add -g."""
    complete = complete_part("group")
    option = click.option(
        "-g", "--resource-group", "group", metavar="GROUP", help="Resource group.", shell_complete=complete
    )
    return option(function)


def named(level: str) -> Callable[[Command], Command]:
    """Add an optional argument NAME and the flags down to `level`; the command gets them as `where`."""
    flags = {part: OPTIONS[part] for part in LEVELS[: LEVELS.index(level) + 1]}

    def decorate(function: Command) -> Command:
        @wraps(function)
        def wrapped(*args: object, name: str | None, **kwargs: object) -> None:
            where = Where(name, **{part: cast("str | None", kwargs.pop(part)) for part in flags})
            function(*args, where=where, **kwargs)

        command: Command = wrapped
        for part, (short, long, about) in reversed(flags.items()):
            complete = complete_part(part)
            command = click.option(short, long, part, metavar=part.upper(), help=about, shell_complete=complete)(
                command
            )
        return click.argument("name", required=False, shell_complete=complete_path(level))(command)

    return decorate


def image_name(session: Session, where: Where, level: str) -> ImageName:
    """The name down to `level` (group, gallery, image or version).

    The argument may be a full name, a path such as group/gallery/image, or the last part alone; a flag may be a full
    name too, and then says the parts above it.

    Raises:
        click.UsageError: parts are missing, or an argument has too many.
    """
    needed = LEVELS[: LEVELS.index(level) + 1]
    parts: dict[str, str] = {}
    for part in needed:
        given = getattr(where, part)
        if given is not None:
            parts |= _parts(given, part)
    if where.name is not None:
        parts |= _argument_parts(where.name, needed)
    missing = [FLAGS[part] for part in needed if not parts.get(part)]
    if missing:
        raise click.UsageError(f"{' and '.join(missing)} missing: which {level.replace('_', ' ')} is meant?")
    subscription = parts.get("subscription") or session.subscription
    return ImageName(subscription, **{part: parts[part] for part in needed})


def full_disk_name(session: Session, given: str, group: str | None) -> str:
    """The full name of a disk, as `full_name_in_group`."""
    return full_name_in_group(session, given, group, "disks")


def full_name_in_group(session: Session, given: str, group: str | None, collection: str) -> str:
    """The full name of what lies in a resource group: given so, as group/name, or as its last part beside -g.

    Raises:
        click.UsageError: the group is missing.
    """
    if is_in_group(given, collection):
        return given
    head, _, last = given.rpartition("/")
    if head and (group is not None or "/" in head):
        one = collection.removesuffix("s")
        forms = f"give {one.upper()} with -g GROUP, GROUP/{one.upper()}, or its full name"
        raise click.UsageError(f"{given!r} is no name of a {one}: {forms}")
    above = image_name(session, Where(group=head or group), "group")
    return f"{group_name(above.subscription, above.group)}/{collection}/{last}"


def full_group_name(session: Session, group: str | None) -> str:
    """The full name of the resource group -g."""
    found = image_name(session, Where(group=group), "group")
    return group_name(found.subscription, found.group)


def _parts(given: str, part: str) -> dict[str, str]:
    """The parts that a flag's value says."""
    full = parse_image_name(given)
    if full is None:
        if "/" in given:
            raise click.UsageError(f"{FLAGS[part]} {given!r} is neither a name nor a full resource name")
        return {part: given}
    return _of(full)


def _argument_parts(given: str, needed: tuple[str, ...]) -> dict[str, str]:
    full = parse_image_name(given)
    if full is not None:
        return _of(full)
    values = given.split("/")
    if len(values) == 1:
        return {needed[-1]: given}
    if len(values) != len(needed) or not all(values):
        raise click.UsageError(f"{given!r} should be {'/'.join(needed).upper()}, one part with flags, or a full name")
    return dict(zip(needed, values, strict=True))


def _of(full: ImageName) -> dict[str, str]:
    values = {part: getattr(full, part) for part in ("subscription", *LEVELS)}
    return {part: value for part, value in values.items() if value}
