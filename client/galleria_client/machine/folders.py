"""Where applications lie on a machine, and what is remembered of them there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from galleria.v1.applications_pb2 import ApplicationVersion
from galleria_client.machine.errors import FilesUnusable
from galleria_client.resource_names import ApplicationName

DEFAULT_ROOT: Final = (
    r"C:\ProgramData\Galleria\Applications" if sys.platform == "win32" else "/var/lib/galleria/applications"
)
STATE: Final = "state.json"


@dataclass(frozen=True, slots=True)
class Run:
    """A command that was run, or that runs while `exit_code` is None; times as in RFC 3339."""

    action: str
    version: str
    begin_time: str
    end_time: str = ""
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""


@dataclass(slots=True)
class Installed:
    """What is remembered of one application.

    Attributes:
        application: full name of the application.
        version: the installed version; empty when none is.
        remove_command: what removes that version: a server need not be there for it.
        files: package and configuration of that version.
        runs: every command that was run, oldest first.
    """

    application: str
    version: str = ""
    remove_command: str = ""
    files: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    @property
    def unfinished(self) -> Run | None:
        """The command that a reboot cut off."""
        return next((run for run in self.runs[-1:] if run.exit_code is None), None)


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one application: ROOT/APPLICATION, a folder for each version in it."""

    root: Path
    application: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.root / self.application

    def of_version(self, version: str) -> Path:
        """Where a version is."""
        return self.path / version

    def load(self) -> Installed | None:
        """What is remembered; None when nothing is.

        Raises:
            FilesUnusable.
        """
        try:
            found = json.loads((self.path / STATE).read_text())
            return Installed(**{**found, "runs": [Run(**run) for run in found["runs"]]})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise FilesUnusable(f"{self.path / STATE} cannot be read: {error}") from None

    def save(self, installed: Installed) -> None:
        """Remember it, at once and whole.

        Raises:
            FilesUnusable.
        """
        with usable(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            fresh = self.path / f"{STATE}.new"
            with fresh.open("w") as file:
                json.dump(asdict(installed), file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path / STATE)


def file_names(name: ApplicationName, version: ApplicationVersion) -> tuple[str, str]:
    """What package and configuration are called in the folder of the version.

    Raises:
        FilesUnusable: a name leads out of the folder, or is that of a file of ours.
    """
    settings = version.settings
    names = (settings.package_file_name or name.application, settings.config_file_name or f"{name.application}-config")
    for one in names:
        if one != Path(one).name or "\\" in one or one in ("", ".", "..") or one.endswith((".stdout", ".stderr")):
            raise FilesUnusable(f"{version.name}: a file cannot be called {one[:100]!r} on this machine")
    if names[0].casefold() == names[1].casefold():
        raise FilesUnusable(f"{version.name}: package and configuration have one name, {names[0][:100]!r}")
    return names


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Tell of a folder that cannot be written.

    Raises:
        FilesUnusable.
    """
    try:
        yield
    except OSError as error:
        raise FilesUnusable(f"{path} cannot be written: {error.strerror or error}") from None
