"""The end of life of definitions and versions, as it is set."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from galleria_server.domain.validation import Violations, check_future


class Ending(Protocol):
    """What has an end of life."""

    @property
    def end_of_life_time(self) -> datetime | None: ...


def check_new_end_of_life(path: str, spec: Ending, before: Ending | None, now: datetime) -> Violations:
    """An end of life that is set must be to come; one that stays as it was may have passed."""
    if before is not None and before.end_of_life_time == spec.end_of_life_time:
        return []
    return check_future(f"{path}.end_of_life_time", spec.end_of_life_time, now)
