"""Real processes: servers on loopback, and runs of the `galleria` command."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

GALLERIA = Path(sys.executable).with_name("galleria")
READY = r"galleria is serving on (\S+):(\d+) "
SECONDS = 60.0
"""How long a test waits for what must come."""

_MEASURED = """
import sys
from pathlib import Path
from galleria_client.cli.process import prepare_process
prepare_process()
from galleria_client.cli.running import run
report = Path(sys.argv.pop(1))
code = run(sys.argv[1:])
report.write_text(Path("/proc/self/status").read_text())
sys.exit(code)
"""


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of Galleria but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GALLERIA_")}
    return {**kept, **variables}


def memory_in(status: str, what: str) -> int:
    """Bytes of VmRSS (now) or VmHWM (at most) in a /proc/PID/status."""
    found = re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found, status
    return int(found[1]) * 1024


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    arguments: Sequence[str]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it answers
        assert self.code == 0, self
        return json.loads(self.out)


class Command:
    """A run of `galleria` that goes on. A context manager that leaves no process behind."""

    def __init__(self, process: subprocess.Popen[str], arguments: Sequence[str]) -> None:
        self.process = process
        self._arguments = arguments

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def finish(self, given: str | None = None, timeout: float = SECONDS) -> Done:
        """Wait for its end; `given` goes to its standard input."""
        out, err = self.process.communicate(given, timeout=timeout)
        return Done(self._arguments, self.process.returncode, out, err)

    def json(self, timeout: float = SECONDS) -> Any:  # noqa: ANN401 - whatever it answers
        return self.finish(timeout=timeout).json


class Galleria:
    """The command line against the server at `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def begin(self, *arguments: str, prefix: Sequence[str] = (), **popen: Any) -> Command:  # noqa: ANN401 - Popen's
        """Start a command; `prefix` is what runs it."""
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **popen}
        process = subprocess.Popen(
            [*(prefix or [str(GALLERIA)]), *arguments],
            env=environment(GALLERIA_ENDPOINT=self.endpoint),
            stderr=subprocess.PIPE,
            text=True,
            **settings,
        )
        return Command(process, arguments)

    def run(self, *arguments: str, prefix: Sequence[str] = (), timeout: float = SECONDS) -> Done:
        with self.begin(*arguments, prefix=prefix) as command:
            return command.finish(timeout=timeout)

    def ok(self, *arguments: str) -> str:
        """Run what must succeed; its output."""
        done = self.run(*arguments)
        assert done.code == 0, done
        return done.out

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever it answers
        return self.run(*arguments).json

    def refused(self, code: int, *arguments: str, prefix: Sequence[str] = ()) -> str:
        """Run what must fail with `code`, with one sentence on standard error; that sentence."""
        done = self.run(*arguments, prefix=prefix)
        assert (done.code, done.out) == (code, ""), done
        lines = done.err.splitlines()
        assert lines, done
        assert lines[-1].startswith(("galleria: ", "Error: ")), done
        assert "Traceback" not in done.err, done
        return lines[-1]

    def measured(self, folder: Path, *arguments: str) -> int:
        """Run what must succeed; the most memory that it had resident, in bytes."""
        report = folder / "memory"
        done = self.run(str(report), *arguments, prefix=[sys.executable, "-c", _MEASURED])
        assert done.code == 0, done
        return memory_in(report.read_text(), "VmHWM")


class Server:
    """`galleria serve` with its data under `folder`: started, killed, and started again on the same port and data.

    `settings` are environment variables without their prefix, such as LIMITS__IDLE_TIMEOUT; `flags` are added as given.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None, flags: Sequence[str] = ()) -> None:
        self.data = folder / "data"
        self._flags = flags
        self._settings = {f"GALLERIA_{name}": value for name, value in (settings or {}).items()}
        self._process: subprocess.Popen[str] | None = None
        self._changed = threading.Condition()
        self._reader = threading.Thread()
        self._ended = False
        self.lines: list[str] = []
        """What it has told, over all its runs."""
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self.stop()
        # Gigabytes, over all tests, that nobody would look at.
        shutil.rmtree(self.data, ignore_errors=True)
        # pytest shows it beside a test that failed.
        sys.stderr.write("".join([line for line in self.lines if " code=OK " not in line][-200:]))

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def galleria(self) -> Galleria:
        return Galleria(self.endpoint)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it says that it serves."""
        told = len(self.lines)
        self._ended = False
        self._process = subprocess.Popen(
            [str(GALLERIA), "serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}", *self._flags],
            env=environment(PYTHONFAULTHANDLER="1", **self._settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,))
        self._reader.start()
        self.port = int(self.wait_for_line(READY, told)[2])

    @property
    def running(self) -> bool:
        return self._process is not None

    def kill(self) -> None:
        """SIGKILL, and it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def wait_for_line(self, pattern: str, after: int = 0) -> re.Match[str]:
        """The first of its lines from number `after` on in which `pattern` is found; waits for it."""
        with self._changed:
            while True:
                for line in self.lines[after:]:
                    if found := re.search(pattern, line):
                        return found
                after = len(self.lines)
                recent = "".join(self.lines[-50:])
                assert not self._ended, f"the server ended without {pattern!r}: {recent}"
                assert self._changed.wait(SECONDS), f"{pattern!r} did not come: {recent}"

    def memory(self, what: str) -> int:
        """Bytes of VmRSS (now) or VmHWM (at most since `forget_peak`)."""
        return memory_in(Path(f"/proc/{self.pid}/status").read_text(), what)

    def forget_peak(self) -> None:
        """Let VmHWM begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(SECONDS)
        self._reader.join()
        self._process = None
        return code

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
