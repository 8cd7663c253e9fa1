"""Saying first what will go."""

from __future__ import annotations

import sys

import click


def confirm(what: str, *, yes: bool) -> None:
    """Say what will be deleted; on a terminal, ask, unless `yes`.

    Raises:
        click.Abort: the answer was no.
    """
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        click.echo(f"Deleting {what}.", err=True)
    else:
        click.confirm(f"Delete {what}?", abort=True, err=True)
