"""`galleria image-version`."""

from __future__ import annotations

import dataclasses

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.flags import SpreadCommand, tags_of, target_regions_of
from galleria_client.cli.names import Where, full_disk_name, image_name, named
from galleria_client.cli.session import Session, with_session

KIND = "image-version"


@click.group("image-version")
def image_version() -> None:
    """Image versions and their replicas."""


@image_version.command(cls=SpreadCommand)
@named("version")
@click.option("--os-disk", required=True, metavar="DISK", help="Disk to make it from: name or full name.")
@click.option("--target-regions", multiple=True, metavar="REGION[=COUNT][=TYPE] ...", help="Default: home, once.")
@click.option("-l", "--location", default="", metavar="REGION", help="Home region; default: the gallery's.")
@click.option("--exclude-from-latest", is_flag=True, help="`latest` passes over it.")
@click.option("--tags", multiple=True, metavar="KEY=VALUE ...", help="Labels.")
@click.option("--no-wait", is_flag=True, help="Answer with the operation at once.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer; replication goes on.")
@click.option("--request-id", default="", metavar="UUID", help="Makes a repeat of the command harmless.")
@with_session()
def create(
    session: Session,
    *,
    where: Where,
    os_disk: str,
    target_regions: tuple[str, ...],
    location: str,
    exclude_from_latest: bool,
    tags: tuple[str, ...],
    no_wait: bool,
    timeout: float | None,
    request_id: str,
) -> None:
    """Create an image version from a disk and replicate it."""
    from galleria.v1.image_versions_pb2 import ImageVersion
    from galleria_client.cli.replication import wait_for
    from galleria_client.resource_names import group_name, last_part, parent_of

    full = image_name(session, where, "version")
    wanted = ImageVersion(
        os_disk=full_disk_name(session, os_disk, None if "/" in os_disk else group_name(full.subscription, full.group)),
        target_regions=target_regions_of(target_regions),
        location=location,
        exclude_from_latest=exclude_from_latest,
        tags=tags_of(tags),
    )
    operation = session.client.galleries.create_version(
        parent_of(str(full)), last_part(str(full)), wanted, request_id=request_id
    )
    if no_wait:
        session.answer(operation.message, "operation")
    else:
        session.answer(wait_for(session, operation, "replicating", timeout), KIND)


@image_version.command()
@named("version")
@click.option("--region", default="", help="Region in which `latest` is meant.")
@with_session()
def show(
    session: Session,
    where: Where,
    region: str,
) -> None:
    """Show an image version with its replication."""
    full = image_name(session, where, "version")
    session.answer(session.client.galleries.get_version(str(full), region=region), KIND)


@image_version.command("list")
@named("image")
@with_session()
def list_(session: Session, where: Where) -> None:
    """List the versions of an image definition, newest number first."""
    full = image_name(session, where, "image")
    session.answer(session.client.galleries.list_versions(str(full)), KIND)


@image_version.command()
@named("version")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@click.option("--no-wait", is_flag=True, help="Answer with the operation at once.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer; the deletion goes on.")
@with_session()
def delete(
    session: Session,
    where: Where,
    yes: bool,
    etag: str,
    no_wait: bool,
    timeout: float | None,
) -> None:
    """Delete an image version and all its replicas."""
    from galleria_client.cli.replication import wait_for

    full = str(image_name(session, where, "version"))
    confirm(f"the image version {full} and all its replicas", yes=yes)
    operation = session.client.galleries.delete_version(full, etag=etag)
    if no_wait:
        session.answer(operation.message, "operation")
    else:
        wait_for(session, operation, "deleting", timeout)


@image_version.command()
@named("version")
@click.option("--region", default="", help="Wait only until it is usable in this region.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer.")
@with_session()
def wait(
    session: Session,
    where: Where,
    region: str,
    timeout: float | None,
) -> None:
    """Wait until an image version is replicated; exit code 1 when that failed."""
    from galleria.v1.publishing_pb2 import PROVISIONING_STATE_FAILED
    from galleria_client.cli.replication import wait_until_provisioned

    full = str(image_name(session, where, "version"))
    found = wait_until_provisioned(session, full, region, timeout)
    session.answer(found, KIND)
    if found.provisioning_state == PROVISIONING_STATE_FAILED:
        raise click.ClickException(f"{full} failed; its replication says why")


@image_version.command()
@named("version")
@click.option("--region", required=True, help="Region to read from.")
@click.option("--output", "file", required=True, metavar="FILE", help="File or block device; - is standard output.")
@click.option("--seed", "seeds", multiple=True, metavar="FILE", help="Older image to take unchanged chunks from.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--fsync", is_flag=True, help="Wait until it is on its medium.")
@click.option("--give-up", type=float, default=300.0, metavar="SECONDS", help="Try so long to go on after a break.")
@with_session(file_output=True)
def pull(
    session: Session,
    where: Where,
    region: str,
    file: str,
    seeds: tuple[str, ...],
    force: bool,
    fsync: bool,
    give_up: float,
) -> None:
    """Write the content of an image version, verified, to a file; `-e latest` is the newest in the region."""
    from galleria_client.cli.progress import Progress
    from galleria_client.pull.options import PullOptions

    full = str(image_name(session, where, "version"))
    with Progress(session.progress, "pulling") as progress:
        report = session.client.contents.pull(
            full,
            file,
            region=region,
            seeds=seeds,
            options=PullOptions(force=force, fsync=fsync, give_up_seconds=give_up),
            progress=lambda state: progress.update(state.done, state.total, state.retrying),
        )
    if file != "-":
        session.answer(camel_case(dataclasses.asdict(report)), "pull")


def camel_case(values: dict[str, object]) -> dict[str, object]:
    """The same values under names as proto JSON has them."""
    return {
        first + "".join(part.capitalize() for part in rest): value
        for (first, *rest), value in ((key.split("_"), value) for key, value in values.items())
    }
