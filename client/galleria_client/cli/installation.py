"""`galleria region` and `galleria volume`."""

from __future__ import annotations

import click

from galleria_client.cli.session import Session, with_session


@click.group()
def region() -> None:
    """Regions of the installation."""


@region.command("list")
@with_session()
def list_regions(session: Session) -> None:
    """List the regions."""
    session.answer(session.client.regions.list(), "region")


@click.group()
def volume() -> None:
    """Volumes, for who runs the installation."""


@volume.command("list")
@click.option("-l", "--location", default="-", metavar="REGION", help="Only this region.")
@with_session()
def list_volumes(session: Session, location: str) -> None:
    """List the volumes with what is on them."""
    session.answer(session.client.operators.list_volumes(f"regions/{location}"), "volume")


@volume.command("show")
@click.argument("name")
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@with_session()
def show_volume(session: Session, name: str, location: str | None) -> None:
    """Show a volume: VOLUME with -l REGION, REGION/VOLUME, or its full name."""
    session.answer(session.client.operators.get_volume(_full(name, location)), "volume")


@volume.command("gc")
@click.argument("name")
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@with_session()
def collect_volume(session: Session, name: str, location: str | None) -> None:
    """Collect a volume's garbage now: VOLUME with -l REGION, REGION/VOLUME, or its full name.

    The server does so by itself every minute. What nothing needs counts as missing at once; its bytes go a little
    later, when nobody can be reading them any more.
    """
    session.answer(session.client.operators.collect_volume(_full(name, location)), "collection")


def _full(name: str, location: str | None) -> str:
    if location is not None:
        name = f"{location}/{name}"
    if "/" not in name:
        raise click.UsageError(f"-l missing: in which region is the volume {name!r}?")
    return name if name.startswith("regions/") else "regions/{}/volumes/{}".format(*name.split("/", 1))
