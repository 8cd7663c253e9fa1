"""What was done on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from galleria_client.machine.profile import Wanted

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
UNCHANGED: Final = "unchanged"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one application.

    Attributes:
        application: its name.
        version: the version that it is about.
        action: the last command that was run: install, update or remove; empty for none.
        state: succeeded, failed, skipped or unchanged.
        exit_code: of the command; None when none was run.
        stdout: file that has its output.
        stderr: file that has its errors.
        details: why it failed or was skipped.
    """

    application: str
    version: str
    action: str
    state: str
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    details: str = ""


@dataclass(slots=True)
class Report:
    """What became of each application, in the order in which they were run.

    Attributes:
        outcomes: of each application.
        deployment_failed: whether a failure counts as one of the whole deployment.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    deployment_failed: bool = False

    @property
    def failed(self) -> bool:
        """Whether anything failed."""
        return any(outcome.state == FAILED for outcome in self.outcomes)

    def add(self, outcome: Outcome, wanted: Wanted) -> None:
        """Take what became of an application."""
        self.outcomes.append(outcome)
        self.deployment_failed |= outcome.state == FAILED and wanted.fails_deployment

    def document(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"applications": [asdict(one) for one in self.outcomes], "deployment_failed": self.deployment_failed}
