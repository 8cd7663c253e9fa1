"""Writes `galleria_client/_sync` from `galleria_client/_async`, so that both clients have one source.

`python client/unasync.py` writes, `--check` only compares (exit code 1 when something differs). The modules named in
HAND_WRITTEN touch gRPC and threads themselves and exist in both folders.
"""

# ruff: noqa: T201

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent / "galleria_client"
HAND_WRITTEN = {"__init__.py", "transport.py"}
HEADER = "# Written by client/unasync.py from the module of the same name in _async: change that one.\n"
SUBSTITUTIONS = (
    (r"\bgrpc\.aio\.", "grpc."),
    (r"\b_async\b", "_sync"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\b__aiter__\b", "__iter__"),
    (r"\b__aenter__\b", "__enter__"),
    (r"\b__aexit__\b", "__exit__"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\baio\.Client\b", "Client"),
    (r"; use it inside a running event loop", ""),
    (r"  # noqa: ASYNC109.*", ""),
    (r"\bfor (\w+) in (.+):\n +yield \1\n", r"yield from \2\n"),
    (r"import Iterator, Callable", r"import Callable, Iterator"),
)


def sync_of(source: str) -> str:
    """The synchronous twin of an asynchronous module."""
    for pattern, replacement in SUBSTITUTIONS:
        source = re.sub(pattern, replacement, source)
    return formatted(HEADER + source)


def formatted(source: str) -> str:
    """The source as `ruff format` leaves it: without `async` and `await` some lines fit that did not."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--config", str(PACKAGE.parents[1] / "pyproject.toml"), "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout


def twins() -> dict[Path, str]:
    """What each generated file should hold."""
    sources = (path for path in sorted((PACKAGE / "_async").glob("*.py")) if path.name not in HAND_WRITTEN)
    return {PACKAGE / "_sync" / path.name: sync_of(path.read_text()) for path in sources}


def main(arguments: list[str]) -> int:
    """Write or compare; returns the exit code."""
    wrong = [path for path, text in twins().items() if not path.exists() or path.read_text() != text]
    for path in wrong:
        print(path.relative_to(PACKAGE.parent))
    if arguments == ["--check"]:
        return 1 if wrong else 0
    for path in wrong:
        path.write_text(twins()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
