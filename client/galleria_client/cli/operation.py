"""`galleria operation`."""

from __future__ import annotations

import click

from galleria_client.cli.lists import Wanted, list_flags
from galleria_client.cli.session import Session, with_session

KIND = "operation"


def full_operation_name(given: str) -> str:
    """The full name of an operation, given so or as its UUID."""
    return given if "/" in given else f"operations/{given}"


@click.group()
def operation() -> None:
    """Long-running work of the server."""


@operation.command("list")
@list_flags("")
@with_session()
def list_(session: Session, wanted: Wanted) -> None:
    """List operations, newest first."""
    session.answer(wanted.first(session.client.operations.list(**wanted.filtered)), KIND)


@operation.command()
@click.argument("name")
@with_session()
def show(session: Session, name: str) -> None:
    """Show an operation."""
    session.answer(session.client.operations.get(full_operation_name(name)).message, KIND)


@operation.command()
@click.argument("name")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer.")
@with_session()
def wait(session: Session, name: str, timeout: float | None) -> None:
    """Wait until an operation has ended; its failure is the command's."""
    from galleria_client.cli.replication import wait_for

    found = session.client.operations.get(full_operation_name(name))
    wait_for(session, found, "working", timeout)
    session.answer(found.message, KIND)


@operation.command()
@click.argument("name")
@click.option("--region", "regions", multiple=True, metavar="REGION", help="Until it can be read there; repeatable.")
@click.option("--min-regions", type=int, default=0, metavar="N", help="Until it can be read in so many regions.")
@with_session()
def watch(session: Session, name: str, regions: tuple[str, ...], min_regions: int) -> None:
    """Show how an operation gets on until it has ended, or its version can be read where that is waited for."""
    from galleria_client.cli.replication import watch_with_progress

    found = session.client.operations.get(full_operation_name(name))
    session.answer(watch_with_progress(session, found, regions, min_regions).message, KIND)


@operation.command()
@click.argument("name")
@with_session()
def cancel(session: Session, name: str) -> None:
    """Ask the server to give an operation up."""
    session.client.operations.cancel(full_operation_name(name))
