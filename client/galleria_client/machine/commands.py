"""Running a command of an application in its folder."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from galleria_client.machine.folders import Run

BASH: Final = "/bin/bash"
NOT_STARTED: Final = 127
"""Exit code of a command whose interpreter cannot be started, as shells have it."""


def begin(action: str, version: str, folder: Path) -> Run:
    """A command that is about to run; its output goes to files in its folder."""
    return Run(
        action=action,
        version=version,
        begin_time=_now(),
        stdout=str(folder / f"{action}.stdout"),
        stderr=str(folder / f"{action}.stderr"),
    )


def execute(run: Run, command: str, folder: Path) -> Run:
    """Run it to its end; a command that a signal ends has the code that shells give it.

    Raises:
        OSError: a file for the output cannot be written.
    """
    with Path(run.stdout).open("wb") as stdout, Path(run.stderr).open("wb") as stderr:
        try:
            code = subprocess.run(  # noqa: S603 - running what the publisher says is the purpose
                interpreted(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, check=False
            ).returncode
        except OSError as error:
            stderr.write(f"{error}\n".encode())
            code = NOT_STARTED
    code = 128 - code if code < 0 else code
    return Run(run.action, run.version, run.begin_time, _now(), code, run.stdout, run.stderr)


def interpreted(command: str) -> list[str]:
    """The arguments of the process that runs a command on this system."""
    return ["cmd.exe", "/c", command] if sys.platform == "win32" else [BASH, "-c", command]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
