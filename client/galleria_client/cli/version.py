"""`galleria image-version`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from galleria_client.cli.completing import complete_region
from galleria_client.cli.confirmation import confirm
from galleria_client.cli.field_flags import FieldFlag, field_flags, fill
from galleria_client.cli.flags import SpreadCommand, target_regions_of
from galleria_client.cli.lists import Wanted, list_flags
from galleria_client.cli.names import Command, Where, full_disk_name, image_name, named
from galleria_client.cli.session import Session, with_session
from galleria_client.cli.signing import sign, verified
from galleria_client.cli.version_flags import CHANGING, FIXED, data_disks_of

if TYPE_CHECKING:
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.message import Message

    from galleria.v1.applications_pb2 import ApplicationVersion
    from galleria.v1.image_versions_pb2 import ImageVersion
    from galleria_client._sync.operation import Operation

R = TypeVar("R", bound="Message")
KIND = "image-version"


@click.group("image-version")
def image_version() -> None:
    """Image versions and their replicas."""


image_version.add_command(sign)


def waiting(function: Command) -> Command:
    """Add the flags of what takes time; the command gets them as `no_wait` and `timeout`."""
    timeout = click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer; the work goes on.")
    return click.option("--no-wait", is_flag=True, help="Answer with the operation at once.")(timeout(function))


def answer_with(
    session: Session, operation: Operation[R], *, no_wait: bool, timeout: float | None, kind: str = KIND
) -> None:
    """Answer with the version once it is replicated, or with the operation."""
    from galleria_client.cli.replication import wait_for

    if no_wait:
        session.answer(operation.message, "operation")
    else:
        session.answer(wait_for(session, operation, "replicating", timeout), kind)


def answer_unless_failed(session: Session, found: ImageVersion | ApplicationVersion, kind: str) -> None:
    """Answer with a version; raises click.ClickException when it FAILED."""
    from galleria.v1.publishing_pb2 import PROVISIONING_STATE_FAILED

    session.answer(found, kind)
    if found.provisioning_state == PROVISIONING_STATE_FAILED:
        raise click.ClickException(f"{found.name} failed; its replication says why")


def end_with(session: Session, operation: Operation[Empty], *, no_wait: bool, timeout: float | None) -> None:
    """Wait until the version is gone, or answer with the operation."""
    from galleria_client.cli.replication import wait_for

    if no_wait:
        session.answer(operation.message, "operation")
    else:
        wait_for(session, operation, "deleting", timeout)


@image_version.command(cls=SpreadCommand)
@named("version")
@click.option("--os-disk", default="", metavar="DISK", help="Disk to make it from: name or full name.")
@click.option("--image-version", "source_version", default="", metavar="NAME", help="Version to make it from instead.")
@click.option("--data-disks", multiple=True, metavar="LUN=DISK[=CACHING] ...", help="Data disks.")
@click.option("-l", "--location", default="", metavar="REGION", help="Home region; default: the gallery's.")
@field_flags((*CHANGING, *FIXED))
@waiting
@click.option("--request-id", default="", metavar="UUID", help="Makes a repeat of the command harmless.")
@with_session()
def create(
    session: Session,
    *,
    where: Where,
    os_disk: str,
    source_version: str,
    data_disks: tuple[str, ...],
    location: str,
    given: Mapping[FieldFlag, Any],
    no_wait: bool,
    timeout: float | None,
    request_id: str,
) -> None:
    """Create an image version from disks or from another version, and replicate it."""
    from galleria.v1.image_versions_pb2 import ImageVersion
    from galleria_client.resource_names import group_name

    full = image_name(session, where, "version")
    group = group_name(full.subscription, full.group)
    wanted = ImageVersion(location=location)
    if source_version:
        wanted.source_version = str(image_name(session, Where(source_version), "version"))
    if os_disk:
        wanted.os_disk = full_disk_name(session, os_disk, None if "/" in os_disk else group)
    wanted.data_disks.extend(data_disks_of(session, data_disks, group))
    fill(wanted, given)
    operation = _create(session, str(full), wanted, request_id)
    answer_with(session, operation, no_wait=no_wait, timeout=timeout)


@image_version.command(cls=SpreadCommand)
@named("version")
@click.option(
    "--from", "source", required=True, metavar="NAME", help="Version to copy: full name or GROUP/GALLERY/IMAGE/VERSION."
)
@click.option("-l", "--location", default="", metavar="REGION", help="Home region; default: the gallery's.")
@field_flags(CHANGING)
@waiting
@with_session()
def copy(
    session: Session,
    *,
    where: Where,
    source: str,
    location: str,
    given: Mapping[FieldFlag, Any],
    no_wait: bool,
    timeout: float | None,
) -> None:
    """Copy an image version under another name, within the server: nothing is moved or renamed."""
    from galleria.v1.image_versions_pb2 import ImageVersion

    wanted = ImageVersion(location=location, source_version=str(image_name(session, Where(source), "version")))
    fill(wanted, given)
    operation = _create(session, str(image_name(session, where, "version")), wanted, "")
    answer_with(session, operation, no_wait=no_wait, timeout=timeout)


@image_version.command(cls=SpreadCommand)
@named("version")
@field_flags(CHANGING)
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@waiting
@with_session()
def update(
    session: Session, *, where: Where, given: Mapping[FieldFlag, Any], etag: str, no_wait: bool, timeout: float | None
) -> None:
    """Change an image version: what flags are given for, as a whole (--target-regions names all that are wanted)."""
    from galleria.v1.image_versions_pb2 import ImageVersion

    wanted = ImageVersion(name=str(image_name(session, where, "version")), etag=etag)
    operation = session.client.galleries.update_version(wanted, fill(wanted, given))
    answer_with(session, operation, no_wait=no_wait, timeout=timeout)


@image_version.command("add-region", cls=SpreadCommand)
@named("version")
@click.option("--target-regions", multiple=True, required=True, metavar="REGION[=COUNT][=TYPE] ...", help="To add.")
@waiting
@with_session()
def add_region(
    session: Session, *, where: Where, target_regions: tuple[str, ...], no_wait: bool, timeout: float | None
) -> None:
    """Replicate an image version to more regions; others may change other regions meanwhile."""
    full, regions = str(image_name(session, where, "version")), target_regions_of(target_regions)
    operation = session.client.galleries.add_target_regions(full, regions)
    answer_with(session, operation, no_wait=no_wait, timeout=timeout)


@image_version.command("remove-region", cls=SpreadCommand)
@named("version")
@click.option("--regions", multiple=True, required=True, metavar="REGION ...", help="To give up.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@waiting
@with_session()
def remove_region(
    session: Session, *, where: Where, regions: tuple[str, ...], yes: bool, no_wait: bool, timeout: float | None
) -> None:
    """Give the replicas of an image version in regions up; others may change other regions meanwhile."""
    full = str(image_name(session, where, "version"))
    confirm(f"the replicas of {full} in {', '.join(regions)}", yes=yes)
    operation = session.client.galleries.remove_target_regions(full, regions)
    answer_with(session, operation, no_wait=no_wait, timeout=timeout)


@image_version.command("set-replicas")
@named("version")
@click.option("--region", required=True, shell_complete=complete_region, help="Region that is ordered.")
@click.option("--count", type=int, required=True, metavar="N", help="Replicas, 1 to 100.")
@waiting
@with_session()
def set_replicas(
    session: Session, *, where: Where, region: str, count: int, no_wait: bool, timeout: float | None
) -> None:
    """Have another number of replicas of an image version in a region."""
    full = str(image_name(session, where, "version"))
    operation = session.client.galleries.set_replica_count(full, region, count)
    answer_with(session, operation, no_wait=no_wait, timeout=timeout)


@image_version.command()
@named("version")
@click.option("--region", default="", shell_complete=complete_region, help="Region in which `latest` is meant.")
@with_session()
def show(
    session: Session,
    where: Where,
    region: str,
) -> None:
    """Show an image version with its replication."""
    full = image_name(session, where, "version")
    session.answer(session.client.galleries.get_version(str(full), region=region), KIND)


@image_version.command()
@named("version")
@click.option("--region", required=True, shell_complete=complete_region, help="Region in which it is meant.")
@with_session()
def resolve(session: Session, where: Where, region: str) -> None:
    """Tell which version `latest` or an alias means in a region, why, and what was passed over."""
    full = str(image_name(session, where, "version"))
    session.answer(session.client.galleries.resolve_version(full, region), "resolved")


@image_version.command("list")
@named("image")
@list_flags("number")
@click.option("--show-deleted", is_flag=True, help="Soft-deleted versions too.")
@with_session()
def list_(session: Session, where: Where, wanted: Wanted, show_deleted: bool) -> None:
    """List the versions of an image definition, newest number first."""
    full = image_name(session, where, "image")
    found = session.client.galleries.list_versions(str(full), **wanted.ordered, show_deleted=show_deleted)
    session.answer(wanted.first(found), KIND)


@image_version.command()
@named("version")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@click.option("--force", is_flag=True, help="Also when deployments use it or others are being copied from it.")
@click.option("--bypass-soft-delete", is_flag=True, help="For good, whatever the gallery's policy says.")
@waiting
@with_session()
def delete(
    session: Session,
    *,
    where: Where,
    yes: bool,
    etag: str,
    bypass_soft_delete: bool,
    force: bool,
    no_wait: bool,
    timeout: float | None,
) -> None:
    """Delete an image version and all its replicas, or softly where its gallery's policy says so."""
    full = str(image_name(session, where, "version"))
    confirm(f"the image version {full} and all its replicas", yes=yes)
    delete_version = session.client.galleries.delete_version
    operation = delete_version(full, etag=etag, bypass_soft_delete=bypass_soft_delete, force=force)
    end_with(session, operation, no_wait=no_wait, timeout=timeout)


@image_version.command()
@named("version")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def undelete(session: Session, where: Where, etag: str) -> None:
    """Restore a soft-deleted image version."""
    full = str(image_name(session, where, "version"))
    session.answer(session.client.galleries.restore_version(full, etag=etag), KIND)


@image_version.command()
@named("version")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@click.option("--force", is_flag=True, help="Also when deployments use it or others are being copied from it.")
@waiting
@with_session()
def purge(
    session: Session, *, where: Where, yes: bool, etag: str, force: bool, no_wait: bool, timeout: float | None
) -> None:
    """Delete a soft-deleted image version for good."""
    full = str(image_name(session, where, "version"))
    confirm(f"the soft-deleted image version {full} and all its replicas, for good", yes=yes)
    operation = session.client.galleries.purge_version(full, etag=etag, force=force)
    end_with(session, operation, no_wait=no_wait, timeout=timeout)


@image_version.command("list-soft-deleted")
@named("image")
@list_flags("number")
@with_session()
def list_soft_deleted(session: Session, where: Where, wanted: Wanted) -> None:
    """List the soft-deleted versions of an image definition, newest number first."""
    full = str(image_name(session, where, "image"))
    found = session.client.galleries.list_soft_deleted_versions(full, **wanted.ordered)
    session.answer(wanted.first(found), "soft-deleted-version")


@image_version.command()
@named("version")
@click.option(
    "--region", default="", shell_complete=complete_region, help="Wait only until it is usable in this region."
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer.")
@with_session()
def wait(
    session: Session,
    where: Where,
    region: str,
    timeout: float | None,
) -> None:
    """Wait until an image version is replicated; exit code 1 when that failed."""
    from galleria_client.cli.replication import wait_until_provisioned

    full = str(image_name(session, where, "version"))
    found = wait_until_provisioned(session.client.galleries.get_version, full, region, timeout)
    answer_unless_failed(session, found, KIND)


@image_version.command()
@named("version")
@click.option("--region", required=True, shell_complete=complete_region, help="Region to read from.")
@click.option("--lun", type=int, metavar="N", help="Data disk; default: the operating system disk.")
@click.option("--output", "file", required=True, metavar="FILE", help="File or block device; - is standard output.")
@click.option("--seed", "seeds", multiple=True, metavar="FILE", help="Older image to take unchanged chunks from.")
@click.option("--verify-key", metavar="PEM", help="Refuse unless the owner of this public key has signed the content.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--fsync", is_flag=True, help="Wait until it is on its medium.")
@click.option("--give-up", type=float, default=300.0, metavar="SECONDS", help="Try so long to go on after a break.")
@with_session(file_output=True)
def pull(
    session: Session,
    *,
    where: Where,
    region: str,
    lun: int | None,
    file: str,
    seeds: tuple[str, ...],
    verify_key: str | None,
    force: bool,
    fsync: bool,
    give_up: float,
) -> None:
    """Write the content of an image version, verified, to a file; `-e latest` is the newest in the region."""
    from galleria_client.cli.progress import Progress
    from galleria_client.pull.options import PullOptions

    full, digest = str(image_name(session, where, "version")), ""
    if verify_key is not None:
        full, digest = verified(session, full, region, lun, verify_key)
    with Progress(session.progress, "pulling") as progress:
        report = session.client.contents.pull(
            full,
            file,
            region=region,
            lun=lun,
            seeds=seeds,
            options=PullOptions(force=force, fsync=fsync, give_up_seconds=give_up, digest=digest),
            progress=lambda state: progress.update(state.done, state.total, state.retrying),
        )
    for warning in report.warnings:
        session.say(f"warning: {warning}")
    if file != "-":
        session.answer(camel_case(dataclasses.asdict(report)), "pull")


def _create(session: Session, full: str, wanted: ImageVersion, request_id: str) -> Operation[ImageVersion]:
    from galleria_client.resource_names import last_part, parent_of

    create_version = session.client.galleries.create_version
    return create_version(parent_of(full), last_part(full), wanted, request_id=request_id)


def camel_case(values: dict[str, object]) -> dict[str, object]:
    """The same values under names as proto JSON has them."""
    return {
        first + "".join(part.capitalize() for part in rest): value
        for (first, *rest), value in ((key.split("_"), value) for key, value in values.items())
    }
