"""Running a command line: from exceptions to one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from galleria_client.cli.exit_codes import FAILED, INTERRUPTED, OK, exit_code_of, explained
from galleria_client.cli.root import root
from galleria_client.errors import GalleriaError


def run(arguments: Sequence[str]) -> int:
    """Run `galleria` with these arguments; returns the exit code, having told errors on standard error."""
    try:
        code = root.main(list(arguments), prog_name="galleria", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("galleria: interrupted; what was sent or fetched is kept, start again to go on", err=True)
        return INTERRUPTED
    except GalleriaError as error:
        click.echo(f"galleria: {explained(error)}", err=True)
        return exit_code_of(error)
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does; nothing more can be written there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code if isinstance(code, int) else OK
