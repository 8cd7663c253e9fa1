"""A real server process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self


class ServerProcess:
    """`galleria serve` on a folder; on a free port first, on the same one whenever it is started again."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._listen = "127.0.0.1:0"
        self._process: subprocess.Popen[str] | None = None

    @property
    def target(self) -> str:
        return self._listen

    @property
    def port(self) -> int:
        return int(self._listen.rsplit(":", 1)[1])

    def start(self) -> None:
        """Start it and wait until it serves."""
        flags = ["--data", str(self._data), "--listen", self._listen]
        command = [sys.executable, "-m", "galleria_client.cli", "serve", *flags]
        with (self._data / "log").open("ab") as log:
            environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = re.search(r"serving on (127\.0\.0\.1:\d+)", line)
            if found:
                self._listen = found[1]
                return
        raise AssertionError((self._data / "log").read_text())

    def kill(self) -> None:
        """End it without a word."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        self._data.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            if self._process.stdout is not None:
                self._process.stdout.close()
