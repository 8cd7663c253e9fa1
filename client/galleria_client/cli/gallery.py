"""`galleria gallery`."""

from __future__ import annotations

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.flags import SpreadCommand, tags_of
from galleria_client.cli.names import Where, full_group_name, group_option, image_name, named
from galleria_client.cli.session import Session, with_session

KIND = "gallery"


@click.group()
def gallery() -> None:
    """Galleries, which hold image definitions."""


@gallery.command(cls=SpreadCommand)
@named("gallery")
@click.option("-l", "--location", required=True, metavar="REGION", help="Home region.")
@click.option("--description", default="", help="For people.")
@click.option("--tags", multiple=True, metavar="KEY=VALUE ...", help="Labels.")
@click.option("--request-id", default="", metavar="UUID", help="Makes a repeat of the command harmless.")
@with_session()
def create(
    session: Session,
    where: Where,
    location: str,
    description: str,
    tags: tuple[str, ...],
    request_id: str,
) -> None:
    """Create a gallery."""
    from galleria.v1.galleries_pb2 import Gallery
    from galleria_client.resource_names import last_part, parent_of

    full = str(image_name(session, where, "gallery"))
    wanted = Gallery(location=location, description=description, tags=tags_of(tags))
    made = session.client.galleries.create(parent_of(full), last_part(full), wanted, request_id=request_id)
    session.answer(made, KIND)


@gallery.command()
@named("gallery")
@with_session()
def show(session: Session, where: Where) -> None:
    """Show a gallery."""
    full = image_name(session, where, "gallery")
    session.answer(session.client.galleries.get(str(full)), KIND)


@gallery.command("list")
@group_option
@with_session()
def list_(session: Session, group: str | None) -> None:
    """List the galleries of a resource group."""
    session.answer(session.client.galleries.list(full_group_name(session, group)), KIND)


@gallery.command()
@named("gallery")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def delete(session: Session, where: Where, yes: bool, etag: str) -> None:
    """Delete an empty gallery."""
    full = str(image_name(session, where, "gallery"))
    confirm(f"the gallery {full}", yes=yes)
    session.client.galleries.delete(full, etag=etag)
