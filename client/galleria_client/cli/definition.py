"""`galleria image-definition`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.definition_flags import CHANGING, FIXED
from galleria_client.cli.field_flags import FieldFlag, field_flags, fill
from galleria_client.cli.flags import (
    ARCHITECTURES,
    GENERATIONS,
    OS_STATES,
    OS_TYPES,
    SpreadCommand,
    enum_value,
)
from galleria_client.cli.lists import Wanted, list_flags
from galleria_client.cli.names import Command, Where, image_name, named
from galleria_client.cli.session import Session, with_session
from galleria_client.cli.tree import TreeFlags, delete_tree, tree_flags

if TYPE_CHECKING:
    from galleria.v1.image_definitions_pb2 import ImageDefinition

KIND = "image-definition"


@dataclass(frozen=True, slots=True)
class DefinitionFlags:
    """What the flags say an image is; None where a flag was not given."""

    publisher: str | None
    offer: str | None
    sku: str | None
    os_type: str | None
    os_state: str | None
    hyper_v_generation: str | None
    architecture: str | None

    @property
    def missing(self) -> list[str]:
        """The flags that a new definition needs and that were not given."""
        needed = ("publisher", "offer", "sku", "os_type", "os_state")
        return [f"--{flag.replace('_', '-')}" for flag in needed if getattr(self, flag) is None]

    def definition(self) -> ImageDefinition:
        """The definition that they say."""
        from galleria.v1 import image_definitions_pb2 as pb

        return pb.ImageDefinition(
            identifier=pb.ImageIdentifier(publisher=self.publisher or "", offer=self.offer or "", sku=self.sku or ""),
            os_type=pb.OsType.ValueType(enum_value("OsType", self.os_type)),
            os_state=pb.OsState.ValueType(enum_value("OsState", self.os_state)),
            hyper_v_generation=pb.HyperVGeneration.ValueType(enum_value("HyperVGeneration", self.hyper_v_generation)),
            architecture=pb.Architecture.ValueType(enum_value("Architecture", self.architecture)),
        )


def definition_options(*, required: bool) -> Callable[[Command], Command]:
    """Add the flags that say what an image is; the command gets them as `what`."""
    options = (
        click.option("--publisher", required=required, help="Who makes the image."),
        click.option("--offer", required=required, help="What it is."),
        click.option("--sku", required=required, help="Which edition of it."),
        click.option("--os-type", required=required, type=click.Choice(OS_TYPES, case_sensitive=False)),
        click.option("--os-state", required=required, type=click.Choice(OS_STATES, case_sensitive=False)),
        click.option("--hyper-v-generation", type=click.Choice(GENERATIONS, case_sensitive=False), help="Default: V2."),
        click.option("--architecture", type=click.Choice(ARCHITECTURES, case_sensitive=False), help="Default: x64."),
    )

    def decorate(function: Command) -> Command:
        @wraps(function)
        def wrapped(*args: object, **kwargs: object) -> None:
            given = {field.name: cast("str | None", kwargs.pop(field.name)) for field in fields(DefinitionFlags)}
            function(*args, what=DefinitionFlags(**given), **kwargs)

        command: Command = wrapped
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.group("image-definition")
def image_definition() -> None:
    """Image definitions, which hold versions of one image."""


@image_definition.command(cls=SpreadCommand)
@named("image")
@definition_options(required=True)
@click.option("-l", "--location", default="", metavar="REGION", help="Default: the gallery's.")
@field_flags((*CHANGING, *FIXED))
@click.option("--request-id", default="", metavar="UUID", help="Makes a repeat of the command harmless.")
@with_session()
def create(
    session: Session,
    where: Where,
    location: str,
    given: Mapping[FieldFlag, Any],
    request_id: str,
    what: DefinitionFlags,
) -> None:
    """Create an image definition."""
    from galleria_client.resource_names import last_part, parent_of

    full = str(image_name(session, where, "image"))
    wanted = what.definition()
    wanted.location = location
    fill(wanted, given)
    made = session.client.galleries.create_definition(parent_of(full), last_part(full), wanted, request_id=request_id)
    session.answer(made, KIND)


@image_definition.command(cls=SpreadCommand)
@named("image")
@field_flags(CHANGING)
@click.option("--allow-update-image", is_flag=True, help="Change features, though machines may count on them.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def update(session: Session, where: Where, given: Mapping[FieldFlag, Any], allow_update_image: bool, etag: str) -> None:
    """Change an image definition: what flags are given for, as a whole (--tags replaces all tags)."""
    from galleria.v1.image_definitions_pb2 import ImageDefinition

    wanted = ImageDefinition(name=str(image_name(session, where, "image")), etag=etag)
    paths = fill(wanted, given)
    made = session.client.galleries.update_definition(wanted, paths, allow_update_image=allow_update_image)
    session.answer(made, KIND)


@image_definition.command()
@named("image")
@with_session()
def show(session: Session, where: Where) -> None:
    """Show an image definition."""
    full = image_name(session, where, "image")
    session.answer(session.client.galleries.get_definition(str(full)), KIND)


@image_definition.command("list")
@named("gallery")
@list_flags("name")
@with_session()
def list_(session: Session, where: Where, wanted: Wanted) -> None:
    """List the image definitions of a gallery."""
    full = image_name(session, where, "gallery")
    found = session.client.galleries.list_definitions(str(full), **wanted.ordered)
    session.answer(wanted.first(found), KIND)


@image_definition.command()
@named("image")
@tree_flags
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def delete(session: Session, where: Where, tree: TreeFlags, yes: bool, etag: str) -> None:
    """Delete an image definition that has no versions, or with --recursive all that is in it, too."""
    full, galleries = str(image_name(session, where, "image")), session.client.galleries
    if not tree.dry_run:
        confirm(f"the image definition {full}{' and all that is in it' if tree.recursive else ''}", yes=yes)
    if tree.recursive:
        delete_tree(session, tree, galleries.delete_definition_tree, full, etag)
    else:
        galleries.delete_definition(full, etag=etag)
