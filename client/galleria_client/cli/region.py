"""`galleria region`."""

from __future__ import annotations

import click

from galleria_client.cli.session import Session, with_session

KIND = "region-access"


@click.group()
def region() -> None:
    """Regions of the installation."""


@region.command("list")
@with_session()
def list_regions(session: Session) -> None:
    """List the regions."""
    session.answer(session.client.regions.list(), "region")


@region.command()
@click.argument("name", metavar="REGION")
@with_session()
def show(session: Session, name: str) -> None:
    """Show whether a region is restricted or down."""
    session.answer(session.client.region_access.status(name), "region-status")


@region.command()
@click.argument("name", metavar="REGION")
@click.option("--reason", default="", help="For those who are refused.")
@with_session()
def down(session: Session, name: str, reason: str) -> None:
    """Mark a region as down: nothing that has its home there is written; what is elsewhere is read as always."""
    session.answer(session.client.region_access.mark(name, down=True, reason=reason), "region-status")


@region.command()
@click.argument("name", metavar="REGION")
@with_session()
def up(session: Session, name: str) -> None:
    """Mark a region as up again."""
    session.answer(session.client.region_access.mark(name, down=False), "region-status")


@region.group()
def access() -> None:
    """Access to restricted regions."""


@access.command()
@click.argument("name", metavar="REGION")
@click.option("--justification", default="", help="Why it is needed.")
@with_session()
def request(session: Session, name: str, justification: str) -> None:
    """Ask for access of the subscription to a restricted region."""
    parent = f"subscriptions/{session.subscription}"
    session.answer(session.client.region_access.request(parent, name, justification), KIND)


@access.command("list")
@click.option("--all", "everybody", is_flag=True, help="What all subscriptions have asked for.")
@with_session()
def list_access(session: Session, everybody: bool) -> None:
    """List what the subscription has asked for."""
    parent = "subscriptions/-" if everybody else f"subscriptions/{session.subscription}"
    session.answer(session.client.region_access.list(parent), KIND)


@access.command()
@click.argument("name", metavar="REGION")
@click.option("--reason", default="", help="For the subscription.")
@with_session()
def review(session: Session, name: str, reason: str) -> None:
    """Say that the request of the subscription is looked into."""
    _decide(session, name, "UNDER_REVIEW", reason)


@access.command()
@click.argument("name", metavar="REGION")
@click.option("--reason", default="", help="For the subscription.")
@with_session()
def approve(session: Session, name: str, reason: str) -> None:
    """Let the subscription use a region."""
    _decide(session, name, "APPROVED", reason)


@access.command()
@click.argument("name", metavar="REGION")
@click.option("--reason", required=True, help="For the subscription.")
@with_session()
def deny(session: Session, name: str, reason: str) -> None:
    """Do not let the subscription use a region; what it has there stays."""
    _decide(session, name, "DENIED", reason)


def _decide(session: Session, region_name: str, state: str, reason: str) -> None:
    from galleria.v1.regions_pb2 import AccessState

    name = f"subscriptions/{session.subscription}/regionAccess/{region_name}"
    found = session.client.region_access.decide(name, AccessState.Value(f"ACCESS_STATE_{state}"), reason)
    session.answer(found, KIND)
