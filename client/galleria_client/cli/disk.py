"""`galleria disk`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.field_flags import FieldFlag, field_flags, fill, number_of
from galleria_client.cli.flags import ARCHITECTURES, GENERATIONS, OS_STATES, OS_TYPES, Sha256
from galleria_client.cli.lists import Wanted, list_flags
from galleria_client.cli.names import Command, full_disk_name, full_group_name, group_option
from galleria_client.cli.session import Session, with_session
from galleria_client.cli.version import camel_case

if TYPE_CHECKING:
    from galleria_client.push.options import PushOptions, PushReport

KIND = "disk"
KINDS = ("Disk", "File")


def _said(flag: str, path: str, kind: str, values: tuple[str, ...], about: str) -> FieldFlag:
    choice = click.Choice(values, case_sensitive=False)
    return FieldFlag(flag, path, number_of(kind), {"type": choice, "help": about})


_SYSTEM = (
    _said("--os-type", "os_type", "OsType", OS_TYPES, "What system is on it."),
    _said("--os-state", "os_state", "OsState", OS_STATES, "Whether it is prepared for many machines."),
    _said("--hyper-v-generation", "hyper_v_generation", "HyperVGeneration", GENERATIONS, "V1: BIOS, V2: UEFI."),
    _said("--architecture", "architecture", "Architecture", ARCHITECTURES, "What processors it is for."),
)


def push_options(function: Command) -> Command:
    """Add the flags of a push; the command gets them as `options`."""

    @wraps(function)
    def wrapped(*args: object, sha256: str | None, streams: int, level: int, give_up: float, **kwargs: object) -> None:
        from galleria_client.push.options import PushOptions

        options = PushOptions(sha256=sha256, streams=streams, level=level, give_up_seconds=give_up)
        function(*args, options=options, **kwargs)

    command: Command = wrapped
    for option in (
        click.option("--give-up", type=float, default=300.0, metavar="SECONDS", help="How long to go on trying [300]."),
        click.option("--level", type=click.IntRange(1, 22), default=1, help="zstd level [1]."),
        click.option("--streams", type=click.IntRange(1, 16), default=1, help="Streams used at once [1]."),
        click.option("--sha256", type=Sha256(), metavar="HEX", help="Refuse to commit unless the raw stream has it."),
    ):
        command = option(command)
    return command


def push_with_progress(session: Session, file: str, name: str, location: str, options: PushOptions) -> PushReport:
    """Push a file and tell how far it is."""
    from galleria_client.cli.progress import Progress, in_units

    with Progress(session.progress, "pushing") as progress:
        return session.client.disks.push(
            file,
            name,
            location=location,
            options=options,
            progress=lambda state: progress.update(
                state.scanned, state.size, state.retrying or f"{in_units(state.sent)} sent"
            ),
        )


def report_of(report: PushReport) -> dict[str, object]:
    """What a push did, without its disk, as JSON has it."""
    values = {field.name: getattr(report, field.name) for field in dataclasses.fields(report) if field.name != "disk"}
    return camel_case(values)


@click.group()
def disk() -> None:
    """Disks: uploaded content, the source of image versions."""


@disk.command()
@click.argument("file")
@click.argument("name")
@group_option
@click.option("-l", "--location", default="", metavar="REGION", help="Region that gets the bytes.")
@click.option("--kind", type=click.Choice(KINDS, case_sensitive=False), default="Disk", help="File: of any length.")
@field_flags(_SYSTEM)
@push_options
@with_session()
def push(
    session: Session,
    *,
    file: str,
    name: str,
    group: str | None,
    location: str,
    kind: str,
    given: Mapping[FieldFlag, Any],
    options: PushOptions,
) -> None:
    """Make the disk NAME out of FILE: an image, a block device, or - for a pipe.

    Sends only what the server lacks. Started again after a break it goes on. Packages and configurations of
    applications are pushed with --kind File. What is said of the system on an image is held against the definitions
    that it comes into.
    """
    from galleria.v1.disks_pb2 import Disk

    told = Disk()
    fill(told, given)
    options = dataclasses.replace(options, file=kind == "File", describe=told)
    report = push_with_progress(session, file, full_disk_name(session, name, group), location, options)
    session.answer({"disk": report.disk, "push": report_of(report)}, "push")


@disk.command("list")
@group_option
@list_flags("name")
@with_session()
def list_(session: Session, group: str | None, wanted: Wanted) -> None:
    """List the disks of a resource group."""
    found = session.client.disks.list(full_group_name(session, group), **wanted.ordered)
    session.answer(wanted.first(found), KIND)


@disk.command()
@click.argument("name")
@group_option
@with_session()
def show(session: Session, name: str, group: str | None) -> None:
    """Show a disk."""
    session.answer(session.client.disks.get(full_disk_name(session, name, group)), KIND)


@disk.command()
@click.argument("name")
@group_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def delete(session: Session, name: str, group: str | None, yes: bool, etag: str) -> None:
    """Delete a disk; versions made from it keep their bytes."""
    full = full_disk_name(session, name, group)
    confirm(f"the disk {full}", yes=yes)
    session.client.disks.delete(full, etag=etag)


@disk.command()
@click.argument("name")
@group_option
@with_session()
def verify(session: Session, name: str, group: str | None) -> None:
    """Read a disk back and check every byte against its digest."""
    from galleria_client.cli.progress import Progress

    full = full_disk_name(session, name, group)
    with Progress(session.progress, "verifying") as progress:
        report = session.client.contents.verify(
            full, progress=lambda state: progress.update(state.done, state.total, state.retrying)
        )
    session.answer(camel_case(dataclasses.asdict(report)), "verify")
