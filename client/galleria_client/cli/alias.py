"""`galleria alias`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import click

from galleria_client.cli.application_names import application_name
from galleria_client.cli.confirmation import confirm
from galleria_client.cli.names import Command, Where, image_name, named
from galleria_client.cli.session import Session, with_session
from galleria_client.resource_names import parse_application_name

KIND = "alias"
_NAME = click.option("-a", "--alias", required=True, metavar="ALIAS", help="Such as stable or canary.")
OfDefinition = Callable[[Session], str]


def of_definition(function: Command) -> Command:
    """Add what names an image definition or application; the command gets `definition`, which makes the full name."""

    @wraps(function)
    def wrapped(*args: object, where: Where, application: str | None, **kwargs: object) -> None:
        function(*args, definition=lambda session: _definition(session, where, application), **kwargs)

    about = "Application, in the place of -i: its name, or GROUP/GALLERY/APPLICATION."
    option = click.option("-n", "--application-name", "application", metavar="APPLICATION", help=about)
    return named("image")(option(wrapped))


def _definition(session: Session, where: Where, application: str | None) -> str:
    named_so = parse_application_name(where.name or "")
    if application is None and not (named_so and named_so.application):
        return str(image_name(session, where, "image"))
    if application is not None and where.image is not None:
        raise click.UsageError("an alias is of an image definition, -i, or of an application, -n")
    whole = application if application and "/" in application else where.name
    parts = {"name": whole, "group": where.group, "gallery": where.gallery}
    last = None if application is None or whole is application else application
    return str(application_name(session, {**parts, "application": last}, "application"))


@click.group()
def alias() -> None:
    """Names that point at versions of an image or application, and stand wherever `latest` may."""


@alias.command("set")
@of_definition
@_NAME
@click.option("--version", required=True, metavar="X.Y.Z", help="Where it points from now on.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def set_(session: Session, definition: OfDefinition, alias: str, version: str, etag: str) -> None:
    """Point an alias at a version; it is made when there is none."""
    session.answer(session.client.aliases.set(_name(session, definition, alias), version, etag=etag), KIND)


@alias.command()
@of_definition
@_NAME
@with_session()
def show(session: Session, definition: OfDefinition, alias: str) -> None:
    """Show where an alias points."""
    session.answer(session.client.aliases.get(_name(session, definition, alias)), KIND)


@alias.command("list")
@of_definition
@with_session()
def list_(session: Session, definition: OfDefinition) -> None:
    """List the aliases of an image definition or application."""
    session.answer(session.client.aliases.list(definition(session)), KIND)


@alias.command()
@of_definition
@_NAME
@with_session()
def history(session: Session, definition: OfDefinition, alias: str) -> None:
    """List where an alias has pointed, newest first."""
    session.answer(session.client.aliases.moves(_name(session, definition, alias)), "alias-move")


@alias.command()
@of_definition
@_NAME
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session()
def delete(session: Session, definition: OfDefinition, alias: str, etag: str, yes: bool) -> None:
    """Delete an alias with its history; the version stays."""
    full = _name(session, definition, alias)
    confirm(f"the alias {full}", yes=yes)
    session.client.aliases.delete(full, etag=etag)


def _name(session: Session, definition: OfDefinition, name: str) -> str:
    return f"{definition(session)}/aliases/{name}"
