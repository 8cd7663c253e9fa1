"""`galleria alias`."""

from __future__ import annotations

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.names import Where, image_name, named
from galleria_client.cli.session import Session, with_session

KIND = "alias"
_NAME = click.option("-a", "--alias", required=True, metavar="ALIAS", help="Such as stable or canary.")


@click.group()
def alias() -> None:
    """Names that point at versions of an image, and stand wherever `latest` may."""


@alias.command("set")
@named("image")
@_NAME
@click.option("--version", required=True, metavar="X.Y.Z", help="Where it points from now on.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def set_(session: Session, where: Where, alias: str, version: str, etag: str) -> None:
    """Point an alias at a version; it is made when there is none."""
    session.answer(session.client.aliases.set(_name(session, where, alias), version, etag=etag), KIND)


@alias.command()
@named("image")
@_NAME
@with_session()
def show(session: Session, where: Where, alias: str) -> None:
    """Show where an alias points."""
    session.answer(session.client.aliases.get(_name(session, where, alias)), KIND)


@alias.command("list")
@named("image")
@with_session()
def list_(session: Session, where: Where) -> None:
    """List the aliases of an image definition."""
    session.answer(session.client.aliases.list(str(image_name(session, where, "image"))), KIND)


@alias.command()
@named("image")
@_NAME
@with_session()
def history(session: Session, where: Where, alias: str) -> None:
    """List where an alias has pointed, newest first."""
    session.answer(session.client.aliases.moves(_name(session, where, alias)), "alias-move")


@alias.command()
@named("image")
@_NAME
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session()
def delete(session: Session, where: Where, alias: str, etag: str, yes: bool) -> None:
    """Delete an alias with its history; the version stays."""
    full = _name(session, where, alias)
    confirm(f"the alias {full}", yes=yes)
    session.client.aliases.delete(full, etag=etag)


def _name(session: Session, where: Where, name: str) -> str:
    return f"{image_name(session, where, 'image')}/aliases/{name}"
