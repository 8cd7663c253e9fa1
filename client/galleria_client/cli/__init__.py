"""The command `galleria`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process; the entry point."""
    from galleria_client.cli.process import leave_process, prepare_process

    prepare_process()
    from galleria_client.cli.running import run

    leave_process(run(sys.argv[1:]))
