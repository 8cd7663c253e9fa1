"""`galleria retention` and `galleria spread`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.flags import SpreadCommand, target_regions_of
from galleria_client.cli.names import Where, image_name, named
from galleria_client.cli.session import Session, with_session

if TYPE_CHECKING:
    from galleria.v1.image_definitions_pb2 import ImageDefinition

OUTCOME = "policy-outcome"


@click.group()
def retention() -> None:
    """Which versions of an image are deleted by themselves."""


@click.group()
def spread() -> None:
    """In which regions the versions of an image are by themselves."""


@retention.command("set", cls=SpreadCommand)
@named("image")
@click.option("--keep-last", type=int, default=1, metavar="N", help="Versions that succeeded, of each minor line.")
@click.option("--keep-days", type=int, default=0, metavar="DAYS", help="Keep all that are younger.")
@click.option("--keep-labels", multiple=True, metavar="KEY[=VALUE] ...", help="Keep what has one of these labels.")
@with_session()
def set_retention(session: Session, where: Where, keep_last: int, keep_days: int, keep_labels: tuple[str, ...]) -> None:
    """Keep the last versions of each minor line, and what is young or labelled; the rest is deleted."""
    from galleria.v1.image_definitions_pb2 import ImageDefinition, RetentionPolicy

    policy = RetentionPolicy(keep_last=keep_last, keep_days=keep_days, keep_labels=keep_labels)
    _set(
        session,
        ImageDefinition(name=str(image_name(session, where, "image")), retention_policy=policy),
        "retention_policy",
    )


@spread.command("set", cls=SpreadCommand)
@named("image")
@click.option("--newest", type=int, default=1, metavar="N", help="So many versions are in all of the regions.")
@click.option("--target-regions", multiple=True, required=True, metavar="REGION[=COUNT][=TYPE] ...", help="Those.")
@with_session()
def set_spread(session: Session, where: Where, newest: int, target_regions: tuple[str, ...]) -> None:
    """Have the newest versions in all regions, and older ones at home with one replica."""
    from galleria.v1.image_definitions_pb2 import ImageDefinition, SpreadPolicy

    policy = SpreadPolicy(newest=newest, target_regions=target_regions_of(target_regions))
    _set(session, ImageDefinition(name=str(image_name(session, where, "image")), spread_policy=policy), "spread_policy")


@retention.command("clear")
@named("image")
@with_session()
def clear_retention(session: Session, where: Where) -> None:
    """Delete nothing by itself any more."""
    from galleria.v1.image_definitions_pb2 import ImageDefinition

    _set(session, ImageDefinition(name=str(image_name(session, where, "image"))), "retention_policy")


@spread.command("clear")
@named("image")
@with_session()
def clear_spread(session: Session, where: Where) -> None:
    """Leave versions where they are."""
    from galleria.v1.image_definitions_pb2 import ImageDefinition

    _set(session, ImageDefinition(name=str(image_name(session, where, "image"))), "spread_policy")


@retention.command("show")
@named("image")
@with_session()
def show_retention(session: Session, where: Where) -> None:
    """Show the retention policy of an image definition."""
    found = session.client.galleries.get_definition(str(image_name(session, where, "image")))
    session.answer(found.retention_policy, "retention")


@spread.command("show")
@named("image")
@with_session()
def show_spread(session: Session, where: Where) -> None:
    """Show the spread policy of an image definition."""
    found = session.client.galleries.get_definition(str(image_name(session, where, "image")))
    session.answer(found.spread_policy, "spread")


@retention.command("preview")
@named("image")
@with_session()
def preview_retention(session: Session, where: Where) -> None:
    """Tell what would be deleted now, and why the rest stays."""
    session.answer(session.client.policies.preview_retention(str(image_name(session, where, "image"))), OUTCOME)


@spread.command("preview")
@named("image")
@with_session()
def preview_spread(session: Session, where: Where) -> None:
    """Tell which regions and replicas would come and go now, and why the rest stays."""
    session.answer(session.client.policies.preview_spread(str(image_name(session, where, "image"))), OUTCOME)


@retention.command("apply")
@named("image")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session()
def apply_retention(session: Session, where: Where, yes: bool) -> None:
    """Delete what the policy says now."""
    full = str(image_name(session, where, "image"))
    going = [fate.version.rpartition("/")[2] for fate in session.client.policies.preview_retention(full).changed]
    if going:
        confirm(f"the versions {', '.join(going)} of {full}", yes=yes)
    session.answer(session.client.policies.apply_retention(full), OUTCOME)


@spread.command("apply")
@named("image")
@with_session()
def apply_spread(session: Session, where: Where) -> None:
    """Change target regions as the policy says now."""
    session.answer(session.client.policies.apply_spread(str(image_name(session, where, "image"))), OUTCOME)


def _set(session: Session, wanted: ImageDefinition, field: str) -> None:
    session.answer(session.client.galleries.update_definition(wanted, [field]), "image-definition")
