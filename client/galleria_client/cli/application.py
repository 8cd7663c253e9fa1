"""`galleria application`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from galleria_client.cli.application_flags import CHANGING
from galleria_client.cli.application_names import Parts, application_name, application_named
from galleria_client.cli.confirmation import confirm
from galleria_client.cli.field_flags import FieldFlag, field_flags, fill
from galleria_client.cli.flags import OS_TYPES, SpreadCommand, enum_value
from galleria_client.cli.machine import install, remove, update
from galleria_client.cli.session import Session, with_session

KIND = "application"


@click.group()
def application() -> None:
    """Applications for machines; install, update and remove run on the machine itself."""


@application.command(cls=SpreadCommand)
@application_named("application")
@click.option("--os-type", required=True, type=click.Choice(OS_TYPES, case_sensitive=False))
@click.option("-l", "--location", default="", metavar="REGION", help="Default: the gallery's.")
@field_flags(CHANGING)
@click.option("--request-id", default="", metavar="UUID", help="Makes a repeat of the command harmless.")
@with_session()
def create(
    session: Session, *, parts: Parts, os_type: str, location: str, given: Mapping[FieldFlag, Any], request_id: str
) -> None:
    """Create an application."""
    from galleria.v1.applications_pb2 import Application
    from galleria.v1.image_definitions_pb2 import OsType
    from galleria_client.resource_names import last_part, parent_of

    full = str(application_name(session, parts, "application"))
    wanted = Application(location=location, os_type=OsType.ValueType(enum_value("OsType", os_type)))
    fill(wanted, given)
    made = session.client.applications.create(parent_of(full), last_part(full), wanted, request_id=request_id)
    session.answer(made, KIND)


@application.command("edit", cls=SpreadCommand)
@application_named("application")
@field_flags(CHANGING)
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def edit(session: Session, *, parts: Parts, given: Mapping[FieldFlag, Any], etag: str) -> None:
    """Change an application in its gallery: what flags are given for, as a whole."""
    from galleria.v1.applications_pb2 import Application

    wanted = Application(name=str(application_name(session, parts, "application")), etag=etag)
    session.answer(session.client.applications.update(wanted, fill(wanted, given)), KIND)


@application.command()
@application_named("application")
@with_session()
def show(session: Session, parts: Parts) -> None:
    """Show an application."""
    session.answer(session.client.applications.get(str(application_name(session, parts, "application"))), KIND)


@application.command("list")
@application_named("gallery")
@with_session()
def list_(session: Session, parts: Parts) -> None:
    """List the applications of a gallery."""
    session.answer(session.client.applications.list(str(application_name(session, parts, "gallery"))), KIND)


@application.command()
@application_named("application")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def delete(session: Session, parts: Parts, yes: bool, etag: str) -> None:
    """Delete an application that has no versions."""
    full = str(application_name(session, parts, "application"))
    confirm(f"the application {full}", yes=yes)
    session.client.applications.delete(full, etag=etag)


for command in (install, update, remove):
    application.add_command(command)
