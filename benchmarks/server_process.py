"""A real Galleria server as a process of its own, and the command line against it.

Apart from `tests/support/processes.py`, as neither of tests and benchmarks imports the other: what is measured must not
change with what tests need.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_GALLERIA = Path(sys.executable).with_name("galleria")
_READY = re.compile(r"galleria is serving on (\S+)")


class ServerProcess:
    """`galleria serve` on a free loopback port, with its data in a folder. A context manager."""

    def __init__(self, data: Path, log: Path) -> None:
        self.data = data
        self._log = log.open("ab")
        self._process: subprocess.Popen[str] | None = None
        self.endpoint = ""

    def __enter__(self) -> Self:
        command = [str(_GALLERIA), "serve", "--data", str(self.data), "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        for line in self._process.stdout or ():
            if match := _READY.search(line):
                self.endpoint = match[1]
                return self
        message = f"the server ended with {self._process.wait()} before it was ready; see {self._log.name}"
        raise RuntimeError(message)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
        self._log.close()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid if self._process else 0

    def run(self, *arguments: str) -> str:
        """Run `galleria ARGUMENTS` and return what it prints. Raises CalledProcessError."""
        environment = {**os.environ, "GALLERIA_ENDPOINT": self.endpoint}
        done = subprocess.run(
            [str(_GALLERIA), *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """Run a command with `-o json` and return its answer."""
        return json.loads(self.run(*arguments, "-o", "json"))
