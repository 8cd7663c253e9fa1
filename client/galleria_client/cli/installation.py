"""`galleria volume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.exit_codes import DAMAGED
from galleria_client.cli.session import Session, with_session

if TYPE_CHECKING:
    from galleria.v1.installation_pb2 import VolumeRoot


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


@volume.command("scrub")
@click.argument("name")
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@click.option("--names", is_flag=True, help="Also expand each record and hold it against its name.")
@with_session()
def scrub_volume(session: Session, name: str, location: str | None, *, names: bool) -> None:
    """Read everything on a volume again now: VOLUME with -l REGION, REGION/VOLUME, or its full name.

    The server does so by itself all the time, slowly. What is bad counts as missing from then on; the next push of the
    same bytes heals it. Ends with 8 when damage was found, now or before, that is not healed.
    """
    answers = session.client.operators.scrub_volume(_full(name, location), names=names)
    found = session.last(answers, "scrub", lambda at: (at.packs, at.total_packs), "packs")
    session.answer(found, "scrub")
    damaged = found.bad_records or found.damaged_packs or found.lost_packs
    if damaged or found.damaged_roots or found.lacking_roots:
        raise click.exceptions.Exit(DAMAGED)


@volume.command("verify")
@click.argument("name")
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@with_session()
def verify_volume(session: Session, name: str, location: str | None) -> None:
    """Look whether all that disks and versions need is on a volume: VOLUME with -l REGION, or REGION/VOLUME.

    Reads roots and pages, and looks every chunk up without reading it; shows what each byte is for. Ends with 8 when
    something is missing.
    """
    answers = session.client.operators.verify_volume(_full(name, location))
    found = session.last(answers, "verify", lambda at: (at.roots, at.total_roots), "roots")
    session.answer(found, "verification")
    if found.missing or found.damaged_roots:
        raise click.exceptions.Exit(DAMAGED)


@volume.command("rebuild")
@click.argument("name")
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@with_session()
def rebuild_volume(session: Session, name: str, location: str | None) -> None:
    """Make the index of a volume again from what lies on it: VOLUME with -l REGION, or REGION/VOLUME.

    Meanwhile the volume is offline; pushes to it have to begin again. Nothing that was acknowledged is lost.
    """
    session.answer(session.client.operators.rebuild_volume(_full(name, location)), "volume")


@volume.command("roots")
@click.argument("name")
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@click.option("--unowned", is_flag=True, help="Only those that belong to nothing or have a problem.")
@with_session()
def list_roots(session: Session, name: str, location: str | None, *, unowned: bool) -> None:
    """List what pins content on a volume, and what it belongs to: VOLUME with -l REGION, or REGION/VOLUME."""
    session.answer(session.client.operators.list_roots(_full(name, location), unowned_only=unowned), "root")


@volume.command("adopt")
@click.argument("name")
@click.argument("root", required=False)
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@click.option("--as", "disk", default="", metavar="DISK", help="Another name for the disk.")
@with_session()
def adopt(session: Session, name: str, root: str | None, location: str | None, disk: str) -> None:
    """Make a disk or a version's copy of ROOT, which belongs to nothing; without ROOT, adopt the whole VOLUME.

    After the metadata database was restored or lost, a volume keeps all that is on it, and collects nothing until it is
    adopted: from then on it belongs to this server's database.
    """
    full = _full(name, location)
    if root is not None:
        session.answer(session.client.operators.adopt_root(f"{full}/roots/{root}", disk_id=disk), "root")
    elif disk:
        raise click.UsageError("--as is for a ROOT")
    else:
        session.answer(session.client.operators.adopt_volume(full), "volume")


@volume.command("release")
@click.argument("name")
@click.argument("root")
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session()
def release_root(session: Session, name: str, root: str, location: str | None, *, yes: bool) -> None:
    """Give up ROOT on VOLUME, which belongs to no disk and no version; what only it needs is removed."""
    full = f"{_full(name, location)}/roots/{root}"
    confirm(_content(session.client.operators.release_root(full, validate_only=True)), yes=yes)
    session.answer(session.client.operators.release_root(full), "root")


@volume.command("abandon")
@click.argument("name")
@click.argument("root")
@click.option("-l", "--location", metavar="REGION", help="Its region.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session()
def abandon_root(session: Session, name: str, root: str, location: str | None, *, yes: bool) -> None:
    """Give up ROOT on VOLUME for lost, as it cannot be read whole, so that collection goes on.

    Its file is kept aside on the volume; what only it needs is removed. A version's copy is copied again from another,
    a disk has lost its content.
    """
    full = f"{_full(name, location)}/roots/{root}"
    confirm(_content(session.client.operators.abandon_root(full, validate_only=True)), yes=yes)
    session.answer(session.client.operators.abandon_root(full), "root")


def _content(root: VolumeRoot) -> str:
    what = root.owner or root.resource or "a root that cannot be read and belongs to nothing"
    size = f", {root.occupied_bytes} bytes" if root.digest else ""
    wrong = root.problem or (f"{root.missing} chunks of it are missing" if root.missing else "")
    return what + size + (f" ({wrong})" if wrong else "")


def _full(name: str, location: str | None) -> str:
    if location is not None:
        name = f"{location}/{name}"
    if "/" not in name:
        raise click.UsageError(f"-l missing: in which region is the volume {name!r}?")
    return name if name.startswith("regions/") else "regions/{}/volumes/{}".format(*name.split("/", 1))
