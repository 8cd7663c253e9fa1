"""From flags and arguments to names of applications and their versions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

import click

from galleria_client.cli.completing import complete_part
from galleria_client.cli.names import OPTIONS, Command
from galleria_client.resource_names import ApplicationName, parse_application_name

if TYPE_CHECKING:
    from galleria_client.cli.session import Session

LEVELS = ("group", "gallery", "application", "version")
_OPTIONS = {
    "group": OPTIONS["group"],
    "gallery": OPTIONS["gallery"],
    "application": ("-n", "--application-name", "Application."),
    "version": ("-e", "--version-name", "Version, as in 1.0.0; `latest` where something is read."),
}
Parts = dict[str, str | None]


def application_named(level: str) -> Callable[[Command], Command]:
    """Add an optional argument NAME and the flags down to `level`; the command gets them as `parts`."""
    levels = LEVELS[: LEVELS.index(level) + 1]

    def decorate(function: Command) -> Command:
        @wraps(function)
        def wrapped(*args: object, name: str | None, **kwargs: object) -> None:
            given: Parts = {part: str(kwargs.pop(part) or "") or None for part in levels}
            function(*args, parts={"name": name, **given}, **kwargs)

        command: Command = wrapped
        for part in reversed(levels):
            short, long, about = _OPTIONS[part]
            complete = complete_part(part) if part in ("group", "gallery") else None
            command = click.option(short, long, part, metavar=part.upper(), help=about, shell_complete=complete)(
                command
            )
        return click.argument("name", required=False)(command)

    return decorate


def application_name(session: Session, parts: Parts, level: str) -> ApplicationName:
    """The name down to `level`: the argument is a full name, GROUP/GALLERY/APPLICATION/VERSION, or the last part alone.

    Raises:
        click.UsageError: parts are missing, or an argument has too many.
    """
    levels = LEVELS[: LEVELS.index(level) + 1]
    known = {part: text for part in levels if (text := parts.get(part))}
    if parts["name"] is not None:
        known |= _argument(parts["name"], levels)
    missing = [_OPTIONS[part][0] for part in levels if not known.get(part)]
    if missing:
        raise click.UsageError(f"{' and '.join(missing)} missing: which {level} is meant?")
    subscription = known.get("subscription") or session.subscription
    return ApplicationName(subscription, **{part: known[part] for part in levels})


def _argument(given: str, levels: tuple[str, ...]) -> dict[str, str]:
    full = parse_application_name(given)
    if full is not None:
        values = {part: getattr(full, part) for part in ("subscription", *LEVELS)}
        return {part: value for part, value in values.items() if value}
    found = given.split("/")
    if len(found) == 1:
        return {levels[-1]: given}
    if len(found) != len(levels) or not all(found):
        raise click.UsageError(f"{given!r} should be {'/'.join(levels).upper()}, one part with flags, or a full name")
    return dict(zip(levels, found, strict=True))
