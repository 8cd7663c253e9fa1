"""Installing, updating and removing applications on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from galleria.v1.applications_pb2 import REBOOT_BEHAVIOR_RERUN
from galleria.v1.image_definitions_pb2 import OS_TYPE_LINUX, OS_TYPE_WINDOWS, OsType
from galleria_client.errors import GalleriaError
from galleria_client.machine.commands import begin, execute
from galleria_client.machine.errors import AlreadyInstalled, MachineError, NotInstalled, WrongSystem
from galleria_client.machine.folders import Folder, Installed, Run, usable
from galleria_client.machine.package import bring
from galleria_client.machine.profile import Wanted, check_profile, in_order
from galleria_client.machine.report import FAILED, SKIPPED, SUCCEEDED, UNCHANGED, Outcome, Report
from galleria_client.resource_names import ApplicationName, parent_of, parse_application_name

if TYPE_CHECKING:
    from galleria.v1.applications_pb2 import ApplicationVersion
    from galleria_client._sync.client import Client

INSTALL, UPDATE, REMOVE = "install", "update", "remove"
CUT_OFF: Final = 130
"""Exit code that a command gets which a reboot cut off and which is not to be run again."""


@dataclass(frozen=True, slots=True)
class _Task:
    """An application and the exact version of it that is to be on the machine."""

    wanted: Wanted
    name: ApplicationName
    version: ApplicationVersion
    folder: Folder


class Machine:
    """The applications of this machine, in folders below `root`; versions come from `region`."""

    def __init__(self, client: Client, root: Path, region: str, say: Callable[[str], None] = lambda _: None) -> None:
        self._client = client
        self._root = root
        self._region = region
        self._say = say

    def install(self, wanted: Sequence[Wanted]) -> Report:
        """Install what is not there, and update what is there in another version, in the order of `wanted`.

        Everything is looked up before anything is run.

        Raises:
            MachineError, CallFailed: nothing was run.
        """
        return self._each(self._tasks(wanted), self._install_or_update)

    def update(self, wanted: Sequence[Wanted]) -> Report:
        """Update what is there.

        Raises:
            NotInstalled, MachineError, CallFailed: nothing was run.
        """
        tasks = self._tasks(wanted)
        for task in tasks:
            self._installed(task.folder)
        return self._each(tasks, self._install_or_update)

    def remove(self, names: Sequence[Wanted]) -> Report:
        """Remove what is there, highest order first; no server is asked.

        Raises:
            NotInstalled, MachineError: nothing was run.
        """
        for one in names:
            self._installed(self._folder(one.name))
        turned = [replace(one, order=None if one.order is None else -one.order) for one in names]
        return self._in_order(turned, lambda one: self._remove(one.name))

    def _each(self, tasks: Sequence[_Task], action: Callable[[_Task], Outcome]) -> Report:
        by_name = {task.wanted.name: task for task in tasks}
        return self._in_order([task.wanted for task in tasks], lambda one: action(by_name[one.name]))

    def _in_order(self, wanted: Sequence[Wanted], action: Callable[[Wanted], Outcome]) -> Report:
        """Each by its order. A failure stops all of a higher order; those without one are run whatever happens."""
        report, failed_at = Report(), None
        for order, same in in_order(wanted):
            for one in same:
                if order is not None and failed_at is not None and order > failed_at:
                    details = f"order {failed_at} failed"
                    outcome = Outcome(one.name.application, one.name.version, "", SKIPPED, details=details)
                else:
                    outcome = self._tried(one, action)
                report.add(outcome, one)
                if outcome.state == FAILED and order is not None and failed_at is None:
                    failed_at = order
        return report

    def _tried(self, one: Wanted, action: Callable[[Wanted], Outcome]) -> Outcome:
        try:
            return action(one)
        except (GalleriaError, OSError) as error:
            return Outcome(one.name.application, one.name.version, "", FAILED, details=str(error))

    def _tasks(self, wanted: Sequence[Wanted]) -> list[_Task]:
        return [self._task(one) for one in check_profile(wanted)]

    def _task(self, wanted: Wanted) -> _Task:
        applications = self._client.applications
        answer = applications.resolve_version(str(wanted.name), self._region)
        for warning in answer.warnings:
            self._say(warning)
        version = answer.application_version
        application = applications.get(parent_of(version.name))
        _check_system(application.os_type, application.name)
        name = parse_application_name(version.name)
        if name is None:
            raise MachineError(f"{version.name} is no application version")
        task = _Task(wanted, name, version, self._folder(name))
        _check_same(task, task.folder.load())
        return task

    def _install_or_update(self, task: _Task) -> Outcome:
        before = task.folder.load() or Installed(_application_of(task.name))
        cut_off = self._after_reboot(task, before)
        if cut_off is not None:
            return cut_off
        if before.version == task.name.version:
            return self._outcome(task, UNCHANGED, "")
        folder = task.folder.of_version(task.name.version)
        files = bring(self._client.contents, task.version, task.name, folder, self._region, task.wanted.configuration)
        if not before.version:
            return self._put(task, before, files, INSTALL, task.version.manage_actions.install)
        if task.version.manage_actions.update:
            old = list(before.files)
            outcome = self._put(task, before, files, UPDATE, task.version.manage_actions.update)
            if outcome.state == SUCCEEDED:
                _drop(old)
            return outcome
        removed = self._take_away(task.folder, before, task.name.application)
        if removed.state == FAILED:
            return removed
        return self._put(task, before, files, INSTALL, task.version.manage_actions.install)

    def _put(self, task: _Task, installed: Installed, files: list[str], action: str, command: str) -> Outcome:
        run = self._run(task.folder, installed, action, task.name.version, command)
        if run.exit_code == 0:
            installed.version, installed.files = task.name.version, files
            installed.remove_command = task.version.manage_actions.remove
            task.folder.save(installed)
        return _outcome_of(task.name.application, run)

    def _remove(self, name: ApplicationName) -> Outcome:
        folder = self._folder(name)
        return self._take_away(folder, self._installed(folder), name.application)

    def _take_away(self, folder: Folder, installed: Installed, application: str) -> Outcome:
        run = self._run(folder, installed, REMOVE, installed.version, installed.remove_command)
        if run.exit_code == 0:
            _drop(installed.files)
            installed.version, installed.files, installed.remove_command = "", [], ""
            folder.save(installed)
        return _outcome_of(application, run)

    def _run(self, folder: Folder, installed: Installed, action: str, version: str, command: str) -> Run:
        """Run a command, remembered before it begins and after it has ended."""
        self._say(f"{action} {folder.application} {version}")
        cwd = folder.of_version(version)
        run = begin(action, version, cwd)
        installed.runs.append(run)
        folder.save(installed)
        with usable(cwd):
            ended = execute(run, command, cwd)
        installed.runs[-1] = ended
        folder.save(installed)
        return ended

    def _after_reboot(self, task: _Task, installed: Installed) -> Outcome | None:
        """What becomes of a command that a reboot cut off: it is run again where its version says so, or failed."""
        run = installed.unfinished
        if run is None or run.version != task.name.version:
            return None
        installed.runs[-1] = replace(run, exit_code=CUT_OFF)
        task.folder.save(installed)
        if task.version.settings.script_behavior_after_reboot == REBOOT_BEHAVIOR_RERUN:
            return None
        outcome = _outcome_of(task.name.application, installed.runs[-1])
        return replace(outcome, details=f"{run.action} was cut off and is not run again after a reboot")

    def _folder(self, name: ApplicationName) -> Folder:
        if name.application != Path(name.application).name:
            raise MachineError(f"{name.application!r} cannot be the name of a folder")
        here = (path.name for path in self._root.iterdir()) if self._root.is_dir() else ()
        known = (folder for folder in here if folder.casefold() == name.application.casefold())
        return Folder(self._root, next(known, name.application))

    def _installed(self, folder: Folder) -> Installed:
        found = folder.load()
        if found is None or not found.version:
            raise NotInstalled(f"{folder.application} is not installed below {self._root}")
        return found

    def _outcome(self, task: _Task, state: str, details: str) -> Outcome:
        return Outcome(task.name.application, task.name.version, "", state, details=details)


def _outcome_of(application: str, run: Run) -> Outcome:
    state = SUCCEEDED if run.exit_code == 0 else FAILED
    details = "" if run.exit_code == 0 else f"{run.action} ended with {run.exit_code}"
    return Outcome(application, run.version, run.action, state, run.exit_code, run.stdout, run.stderr, details)


def _application_of(name: ApplicationName) -> str:
    return str(replace(name, version=""))


def _check_same(task: _Task, installed: Installed | None) -> None:
    own = _application_of(task.name)
    if installed is not None and installed.version and installed.application.casefold() != own.casefold():
        raise AlreadyInstalled(f"{installed.application} is installed as {task.folder.application}, remove it first")


def _check_system(os_type: int, application: str) -> None:
    here = OS_TYPE_WINDOWS if sys.platform == "win32" else OS_TYPE_LINUX
    if os_type != here:
        wanted, own = (OsType.Name(OsType.ValueType(one)).rpartition("_")[2].capitalize() for one in (os_type, here))
        raise WrongSystem(f"{application} is for {wanted}, this machine runs {own}")


def _drop(files: Sequence[str]) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)
