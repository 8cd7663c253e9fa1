"""`galleria application install|update|remove`: what is done on the machine itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from galleria_client.cli.application_names import Parts, application_name, application_named
from galleria_client.cli.names import Command
from galleria_client.cli.session import Session, with_session
from galleria_client.cli.version import camel_case

if TYPE_CHECKING:
    from galleria_client.machine.profile import Wanted
    from galleria_client.machine.report import Report
    from galleria_client.machine.runner import Machine
    from galleria_client.resource_names import ApplicationName

KIND = "machine"


def on_machine(function: Command) -> Command:
    """Add the flags of what is done on the machine itself."""
    for option in (
        click.option("--root", type=click.Path(path_type=Path), help="Folder of the applications of this machine."),
        click.option(
            "--profile",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="JSON or YAML: several applications with their order, in the place of NAME.",
        ),
    ):
        function = option(function)
    return application_named("version")(function)


def with_region(function: Command) -> Command:
    """Add the flags of what comes from a gallery."""
    region = click.option("--region", required=True, envvar="GALLERIA_REGION", help="Region of this machine.")
    help_ = "File, or full name of a disk, in the place of the default configuration."
    return region(click.option("--configuration", default="", metavar="FILE|DISK", help=help_)(function))


@click.command()
@on_machine
@with_region
@with_session()
def install(session: Session, **flags: object) -> None:
    """Install an application version on this machine, or with --profile several; other versions are updated."""
    _answer(session, flags, lambda machine, wanted: machine.install(wanted))


@click.command()
@on_machine
@with_region
@with_session()
def update(session: Session, **flags: object) -> None:
    """Update an application on this machine to another version. `application edit` changes one in its gallery."""
    _answer(session, flags, lambda machine, wanted: machine.update(wanted))


@click.command()
@on_machine
@with_session()
def remove(session: Session, **flags: object) -> None:
    """Remove an application from this machine; NAME may be its last part alone. No server is asked."""
    _answer(session, flags, lambda machine, wanted: machine.remove(wanted))


def _answer(session: Session, flags: dict[str, object], act: Callable[[Machine, Sequence[Wanted]], Report]) -> None:
    from galleria_client.machine.folders import DEFAULT_ROOT
    from galleria_client.machine.runner import Machine

    root = flags["root"] or Path(DEFAULT_ROOT)
    machine = Machine(session.client, Path(str(root)), str(flags.get("region", "")), session.say)
    report = act(machine, _wanted(session, flags))
    document = report.document()
    told = {"applications": [camel_case(one) for one in document["applications"]]}
    session.answer({**told, "deploymentFailed": report.deployment_failed}, KIND)
    if report.deployment_failed or (report.failed and flags["profile"] is None):
        failed = next(one for one in report.outcomes if one.state == "failed")
        raise click.ClickException(f"{failed.application} {failed.version}: {failed.details}")


def _wanted(session: Session, flags: dict[str, object]) -> list[Wanted]:
    from galleria_client.machine.profile import Wanted, load_profile

    profile, parts = flags["profile"], flags["parts"]
    if not isinstance(parts, dict):
        raise TypeError(parts)
    if profile is not None:
        if any(parts.values()):
            raise click.UsageError("--profile names the applications, give no others beside it")
        return load_profile(Path(str(profile)))
    if "region" in flags:
        return [Wanted(application_name(session, parts, "version"), str(flags["configuration"]))]
    return [Wanted(_local_name(parts))]


def _local_name(parts: Parts) -> ApplicationName:
    """What is to be removed: what is known of it on this machine, a gallery is not needed."""
    from galleria_client.resource_names import ApplicationName, parse_application_name

    given = parts["name"] or parts["application"] or ""
    full = parse_application_name(given)
    if not given or (full is None and "/" in given):
        raise click.UsageError("NAME or -n missing: which application is to be removed, by its name or full name?")
    return full or ApplicationName("", "", application=given)
