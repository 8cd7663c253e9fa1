"""`galleria application-version`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from galleria_client.cli.application_flags import VERSION_CHANGING, VERSION_FIXED
from galleria_client.cli.application_names import Parts, application_name, application_named
from galleria_client.cli.completing import complete_region
from galleria_client.cli.confirmation import confirm
from galleria_client.cli.field_flags import FieldFlag, field_flags, fill
from galleria_client.cli.flags import SpreadCommand, target_regions_of
from galleria_client.cli.names import full_disk_name
from galleria_client.cli.session import Session, with_session
from galleria_client.cli.version import answer_unless_failed, answer_with, waiting

KIND = "application-version"


@click.group("application-version")
def application_version() -> None:
    """Application versions and their replicas."""


@application_version.command(cls=SpreadCommand)
@application_named("version")
@click.option("--package", required=True, metavar="DISK", help="Disk that holds the package: name or full name.")
@click.option("--default-configuration", default="", metavar="DISK", help="Disk that holds the configuration.")
@click.option("-l", "--location", default="", metavar="REGION", help="Home region; default: the gallery's.")
@field_flags((*VERSION_CHANGING, *VERSION_FIXED))
@waiting
@click.option("--request-id", default="", metavar="UUID", help="Makes a repeat of the command harmless.")
@with_session()
def create(
    session: Session,
    *,
    parts: Parts,
    package: str,
    default_configuration: str,
    location: str,
    given: Mapping[FieldFlag, Any],
    no_wait: bool,
    timeout: float | None,
    request_id: str,
) -> None:
    """Create an application version from a package that was pushed with --kind File, and replicate it."""
    from galleria.v1.applications_pb2 import ApplicationVersion
    from galleria_client.resource_names import group_name, last_part, parent_of

    name = application_name(session, parts, "version")
    full, group = str(name), group_name(name.subscription, name.group)
    wanted = ApplicationVersion(location=location)
    for field, disk in (("package", package), ("default_configuration", default_configuration)):
        if disk:
            setattr(wanted, field, full_disk_name(session, disk, None if "/" in disk else group))
    fill(wanted, given)
    operation = session.client.applications.create_version(
        parent_of(full), last_part(full), wanted, request_id=request_id
    )
    answer_with(session, operation, no_wait=no_wait, timeout=timeout, kind=KIND)


@application_version.command(cls=SpreadCommand)
@application_named("version")
@field_flags(VERSION_CHANGING)
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@waiting
@with_session()
def update(
    session: Session, *, parts: Parts, given: Mapping[FieldFlag, Any], etag: str, no_wait: bool, timeout: float | None
) -> None:
    """Change an application version: what flags are given for, as a whole."""
    from galleria.v1.applications_pb2 import ApplicationVersion

    wanted = ApplicationVersion(name=str(application_name(session, parts, "version")), etag=etag)
    operation = session.client.applications.update_version(wanted, fill(wanted, given))
    answer_with(session, operation, no_wait=no_wait, timeout=timeout, kind=KIND)


@application_version.command("add-region", cls=SpreadCommand)
@application_named("version")
@click.option("--target-regions", multiple=True, required=True, metavar="REGION[=COUNT][=TYPE] ...", help="To add.")
@waiting
@with_session()
def add_region(
    session: Session, *, parts: Parts, target_regions: tuple[str, ...], no_wait: bool, timeout: float | None
) -> None:
    """Replicate an application version to more regions; others may change other regions meanwhile."""
    full, regions = str(application_name(session, parts, "version")), target_regions_of(target_regions)
    operation = session.client.applications.add_target_regions(full, regions)
    answer_with(session, operation, no_wait=no_wait, timeout=timeout, kind=KIND)


@application_version.command("remove-region", cls=SpreadCommand)
@application_named("version")
@click.option("--regions", multiple=True, required=True, metavar="REGION ...", help="To give up.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@waiting
@with_session()
def remove_region(
    session: Session, *, parts: Parts, regions: tuple[str, ...], yes: bool, no_wait: bool, timeout: float | None
) -> None:
    """Give the replicas of an application version in regions up."""
    full = str(application_name(session, parts, "version"))
    confirm(f"the replicas of {full} in {', '.join(regions)}", yes=yes)
    operation = session.client.applications.remove_target_regions(full, regions)
    answer_with(session, operation, no_wait=no_wait, timeout=timeout, kind=KIND)


@application_version.command("set-replicas")
@application_named("version")
@click.option("--region", required=True, help="Region that is ordered.")
@click.option("--count", type=int, required=True, metavar="N", help="Replicas, 1 to 10.")
@waiting
@with_session()
def set_replicas(
    session: Session, *, parts: Parts, region: str, count: int, no_wait: bool, timeout: float | None
) -> None:
    """Have another number of replicas of an application version in a region."""
    full = str(application_name(session, parts, "version"))
    operation = session.client.applications.set_replica_count(full, region, count)
    answer_with(session, operation, no_wait=no_wait, timeout=timeout, kind=KIND)


@application_version.command()
@application_named("version")
@click.option("--region", default="", help="Region in which `latest` is meant.")
@with_session()
def show(session: Session, parts: Parts, region: str) -> None:
    """Show an application version with its replication."""
    full = str(application_name(session, parts, "version"))
    session.answer(session.client.applications.get_version(full, region=region), KIND)


@application_version.command("list")
@application_named("application")
@with_session()
def list_(session: Session, parts: Parts) -> None:
    """List the versions of an application, newest number first."""
    full = str(application_name(session, parts, "application"))
    session.answer(session.client.applications.list_versions(full), KIND)


@application_version.command()
@application_named("version")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@click.option("--force", is_flag=True, help="Also when deployments use it or others are being copied from it.")
@click.option("--no-wait", is_flag=True, help="Answer with the operation at once.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer; the deletion goes on.")
@with_session()
def delete(
    session: Session, *, parts: Parts, yes: bool, etag: str, force: bool, no_wait: bool, timeout: float | None
) -> None:
    """Delete an application version and all its replicas."""
    from galleria_client.cli.replication import wait_for

    full = str(application_name(session, parts, "version"))
    confirm(f"the application version {full} and all its replicas", yes=yes)
    operation = session.client.applications.delete_version(full, etag=etag, force=force)
    if no_wait:
        session.answer(operation.message, "operation")
    else:
        wait_for(session, operation, "deleting", timeout)


@application_version.command()
@application_named("version")
@click.option("--region", required=True, shell_complete=complete_region, help="Region in which it is meant.")
@with_session()
def resolve(session: Session, *, parts: Parts, region: str) -> None:
    """Tell which version `latest` or an alias means in a region, why, and what was passed over."""
    full = str(application_name(session, parts, "version"))
    session.answer(session.client.applications.resolve_version(full, region), "resolved")


@application_version.command()
@application_named("version")
@click.option(
    "--region", default="", shell_complete=complete_region, help="Wait only until it is usable in this region."
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer.")
@with_session()
def wait(session: Session, *, parts: Parts, region: str, timeout: float | None) -> None:
    """Wait until an application version is replicated; exit code 1 when that failed."""
    from galleria_client.cli.replication import wait_until_provisioned

    full = str(application_name(session, parts, "version"))
    found = wait_until_provisioned(session.client.applications.get_version, full, region, timeout)
    answer_unless_failed(session, found, KIND)
