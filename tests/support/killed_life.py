"""A life of a volume that is ended by SIGKILL where a thread begins its n-th call of a kind; strace is what kills."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

STRACE = shutil.which("strace") or "strace"


class Lived(NamedTuple):
    """What a life told before its end, and whether it was killed."""

    told: list[str]
    killed: bool


def can_kill() -> bool:
    """Whether strace is here and may trace."""
    with suppress(FileNotFoundError):
        return subprocess.run([STRACE, "-o", "/dev/null", "true"], check=False).returncode == 0
    return False


def live(folder: Path, thread: str, call: str, number: int, trace: Path = Path(os.devnull)) -> Lived:
    """The life of the volume in `folder`, killed before the call of that number and kind in a thread, from 1.

    `thread` is one that volume_life names; its calls are counted from when it is first named. A life that does without
    that thread is not killed. `trace` gets the thread's writes and those calls, as strace shows them with paths.
    """
    told: list[str] = []
    with ExitStack() as killers:
        life = killers.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.support.volume_life", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert life.stdin is not None
        assert life.stdout is not None
        attached = False
        for line in life.stdout:
            told.append(line.strip())
            if line.startswith("threads "):
                task = re.search(rf" {thread}=(\d+)", line)
                if task and not attached:
                    killers.enter_context(_attach(task[1], call, number, trace))
                    attached = True
                # It may have been killed since it asked.
                with suppress(BrokenPipeError):
                    life.stdin.write("\n")
                    life.stdin.flush()
        code = life.wait()
    assert code in (0, -9)
    return Lived(told, code != 0)


def _attach(task: str, call: str, number: int, trace: Path) -> subprocess.Popen[str]:
    # Without -f it attaches to this thread alone, so that the count is this thread's.
    options = ["-y", "-o", str(trace), "-e", f"trace=write,{call}", "-e", f"inject={call}:signal=KILL:when={number}"]
    killer = subprocess.Popen([STRACE, "-p", task, *options], stderr=subprocess.PIPE, text=True)
    assert killer.stderr is not None
    line = killer.stderr.readline()
    assert "attached" in line, line
    return killer
