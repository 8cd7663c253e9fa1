"""`galleria gallery`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.field_flags import FieldFlag, field_flags, fill, number_of
from galleria_client.cli.flags import SpreadCommand, tags_of
from galleria_client.cli.lists import Wanted, list_flags
from galleria_client.cli.names import Where, full_group_name, group_option, image_name, named
from galleria_client.cli.session import Session, with_session
from galleria_client.cli.tree import TreeFlags, delete_tree, tree_flags

KIND = "gallery"
_PERMISSIONS = click.Choice(("Private", "Groups", "Community"), case_sensitive=False)
_CHANGING = (
    FieldFlag("--description", "description", options={"help": "For people."}),
    FieldFlag("--tags", "tags", tags_of, {"multiple": True, "metavar": "KEY=VALUE ...", "help": "Labels."}),
    FieldFlag("--publisher-uri", "sharing_profile.community.publisher_uri", options={"help": "Of the community."}),
    FieldFlag("--publisher-email", "sharing_profile.community.publisher_contact", options={"help": "Likewise."}),
    FieldFlag("--eula", "sharing_profile.community.eula", options={"help": "Address of the terms of use, likewise."}),
    FieldFlag(
        "--public-name-prefix", "sharing_profile.community.public_name_prefix", options={"help": "Of the public name."}
    ),
    FieldFlag(
        "--soft-delete",
        "soft_delete_policy.enabled",
        options={"type": bool, "help": "Whether deleted versions may be restored."},
    ),
    FieldFlag(
        "--soft-delete-retention",
        "soft_delete_policy.retention_days",
        options={"type": int, "metavar": "DAYS", "help": "For how long deleted versions can be used, 1 to 365."},
    ),
    FieldFlag(
        "--soft-delete-grace",
        "soft_delete_policy.grace_days",
        options={"type": int, "metavar": "DAYS", "help": "For how long after that they can be restored, 0 to 365."},
    ),
)
_FIXED = (
    FieldFlag(
        "--permissions",
        "sharing_profile.permissions",
        number_of("SharingPermissions"),
        {"type": _PERMISSIONS, "help": "With whom it may be shared; default: Private. Cannot be changed."},
    ),
)


@click.group()
def gallery() -> None:
    """Galleries, which hold image definitions."""


@gallery.command(cls=SpreadCommand)
@named("gallery")
@click.option("-l", "--location", required=True, metavar="REGION", help="Home region.")
@field_flags((*_FIXED, *_CHANGING))
@click.option("--request-id", default="", metavar="UUID", help="Makes a repeat of the command harmless.")
@with_session()
def create(session: Session, where: Where, location: str, given: Mapping[FieldFlag, Any], request_id: str) -> None:
    """Create a gallery."""
    from galleria.v1.galleries_pb2 import Gallery
    from galleria_client.resource_names import last_part, parent_of

    full = str(image_name(session, where, "gallery"))
    wanted = Gallery(location=location)
    fill(wanted, given)
    made = session.client.galleries.create(parent_of(full), last_part(full), wanted, request_id=request_id)
    session.answer(made, KIND)


@gallery.command(cls=SpreadCommand)
@named("gallery")
@field_flags(_CHANGING)
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def update(session: Session, where: Where, given: Mapping[FieldFlag, Any], etag: str) -> None:
    """Change a gallery: what flags are given for, as a whole (--tags replaces all tags)."""
    from galleria.v1.galleries_pb2 import Gallery

    wanted = Gallery(name=str(image_name(session, where, "gallery")), etag=etag)
    session.answer(session.client.galleries.update(wanted, fill(wanted, given)), KIND)


@gallery.command()
@named("gallery")
@with_session()
def show(session: Session, where: Where) -> None:
    """Show a gallery."""
    full = image_name(session, where, "gallery")
    session.answer(session.client.galleries.get(str(full)), KIND)


@gallery.command("list")
@group_option
@list_flags("name")
@with_session()
def list_(session: Session, group: str | None, wanted: Wanted) -> None:
    """List the galleries of a resource group."""
    found = session.client.galleries.list(full_group_name(session, group), **wanted.ordered)
    session.answer(wanted.first(found), KIND)


@gallery.command()
@named("gallery")
@tree_flags
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def delete(session: Session, where: Where, tree: TreeFlags, yes: bool, etag: str) -> None:
    """Delete an empty gallery, or with --recursive all that is in it, too."""
    full, galleries = str(image_name(session, where, "gallery")), session.client.galleries
    if not tree.dry_run:
        confirm(f"the gallery {full}{' and all that is in it' if tree.recursive else ''}", yes=yes)
    if tree.recursive:
        delete_tree(session, tree, galleries.delete_tree, full, etag)
    else:
        galleries.delete(full, etag=etag)
