"""`galleria deployment`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import click

from galleria_client.cli.application_names import application_name
from galleria_client.cli.completing import complete_path, complete_region
from galleria_client.cli.confirmation import confirm
from galleria_client.cli.field_flags import FieldFlag, field_flags, fill
from galleria_client.cli.flags import SpreadCommand, tags_of
from galleria_client.cli.lists import Wanted, list_flags
from galleria_client.cli.names import Command, Where, full_group_name, full_name_in_group, group_option, image_name
from galleria_client.cli.session import Session, with_session

KIND = "deployment"
COLLECTION = "deployments"
_TAGS = FieldFlag("--tags", "tags", tags_of, {"multiple": True, "metavar": "KEY=VALUE ...", "help": "Labels."})
_REGION: dict[str, Any] = {"metavar": "REGION", "shell_complete": complete_region, "help": "Region that it runs in."}


def of_version(function: Command) -> Command:
    """Add the flags that name a version; the command gets them as `version_of`, which makes the full name or ""."""

    @wraps(function)
    def wrapped(*args: object, image_version: str | None, application_version: str | None, **kwargs: object) -> None:
        if image_version and application_version:
            raise click.UsageError("a deployment is of --image-version or of --application-version")

        def version_of(session: Session) -> str:
            if image_version:
                return str(image_name(session, Where(image_version), "version"))
            return _application_version(session, application_version) if application_version else ""

        function(*args, version_of=version_of, **kwargs)

    for flag, complete in (("--application-version", None), ("--image-version", complete_path("version"))):
        about = "Full name, or GROUP/GALLERY/NAME/VERSION."
        wrapped = click.option(flag, metavar="NAME", help=about, shell_complete=complete)(wrapped)
    return wrapped


@click.group()
def deployment() -> None:
    """What runs from versions: while it is registered, they are deleted only by force."""


@deployment.command(cls=SpreadCommand)
@click.argument("name")
@group_option
@of_version
@click.option("--region", required=True, **_REGION)
@field_flags((_TAGS,))
@with_session()
def create(
    session: Session,
    *,
    name: str,
    group: str | None,
    version_of: Callable[[Session], str],
    region: str,
    given: Mapping[FieldFlag, Any],
) -> None:
    """Register a deployment; the version may be `latest` or an alias, and is answered by its number."""
    from galleria.v1.deployments_pb2 import Deployment
    from galleria_client.resource_names import last_part, parent_of

    full, version, wanted = full_name_in_group(session, name, group, COLLECTION), version_of(session), Deployment()
    if not version:
        raise click.UsageError("--image-version or --application-version missing: what does it run?")
    fill(wanted, given)
    made = session.client.deployments.create(parent_of(full), last_part(full), version, region, tags=wanted.tags)
    session.answer(made, KIND)


@deployment.command()
@click.argument("name")
@group_option
@with_session()
def show(session: Session, name: str, group: str | None) -> None:
    """Show a deployment."""
    session.answer(session.client.deployments.get(full_name_in_group(session, name, group, COLLECTION)), KIND)


@deployment.command("list")
@group_option
@of_version
@list_flags("name")
@with_session()
def list_(session: Session, group: str | None, version_of: Callable[[Session], str], wanted: Wanted) -> None:
    """List the deployments of a resource group, or those of a version."""
    parent = version_of(session)
    if parent and group:
        raise click.UsageError("list the deployments of -g or those of a version")
    found = session.client.deployments.list(parent or full_group_name(session, group), **wanted.ordered)
    session.answer(wanted.first(found), KIND)


@deployment.command(cls=SpreadCommand)
@click.argument("name")
@group_option
@of_version
@field_flags((FieldFlag("--region", "region", options=_REGION), _TAGS))
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def update(
    session: Session,
    *,
    name: str,
    group: str | None,
    version_of: Callable[[Session], str],
    given: Mapping[FieldFlag, Any],
    etag: str,
) -> None:
    """Say that a deployment runs another version, elsewhere, or has other labels."""
    from galleria.v1.deployments_pb2 import Deployment

    full, version = full_name_in_group(session, name, group, COLLECTION), version_of(session)
    wanted = Deployment(name=full, etag=etag, version=version)
    paths = [*fill(wanted, given), *(["version"] if version else [])]
    if not paths:
        raise click.UsageError("nothing to change: give a version, --region or --tags")
    session.answer(session.client.deployments.update(wanted, paths), KIND)


@deployment.command()
@click.argument("name")
@group_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def delete(session: Session, name: str, group: str | None, yes: bool, etag: str) -> None:
    """Take a deployment out of the register; nothing happens to what runs."""
    full = full_name_in_group(session, name, group, COLLECTION)
    confirm(f"the deployment {full} in the register", yes=yes)
    session.client.deployments.delete(full, etag=etag)


def _application_version(session: Session, given: str) -> str:
    return str(application_name(session, {"name": given}, "version"))
