"""`galleria usage`."""

from __future__ import annotations

import click

from galleria_client.cli.session import Session, with_session


@click.group()
def usage() -> None:
    """Limits of the subscription, and what it uses of them."""


@usage.command("list")
@click.option("-l", "--location", required=True, metavar="REGION", help="Region in which to count.")
@with_session()
def list_usages(session: Session, location: str) -> None:
    """List what the subscription has and may have in a region."""
    session.answer(session.client.usages.list(f"subscriptions/{session.subscription}", location), "usage")


@usage.command("limits")
@with_session()
def list_limits(session: Session) -> None:
    """List every limit there is, as it holds for the subscription."""
    session.answer(session.client.usages.limits(f"subscriptions/{session.subscription}"), "limit")


@usage.command("set-limit")
@click.argument("limit")
@click.argument("value", type=int)
@with_session()
def set_limit(session: Session, limit: str, value: int) -> None:
    """Set LIMIT to VALUE for the subscription, for who runs the installation; what it has stays."""
    session.answer(session.client.usages.set_limit(_name(session, limit), value), "limit")


@usage.command("clear-limit")
@click.argument("limit")
@with_session()
def clear_limit(session: Session, limit: str) -> None:
    """Let LIMIT be again what it is for all, for who runs the installation."""
    session.client.usages.clear_limit(_name(session, limit))


def _name(session: Session, limit: str) -> str:
    return limit if "/" in limit else f"subscriptions/{session.subscription}/limits/{limit}"
