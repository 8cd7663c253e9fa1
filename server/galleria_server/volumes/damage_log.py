"""Tells the log what a scrub finds, at once: the whole of it takes weeks, and may be cut off."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from galleria_storage.volume import Scrubbed

_COUNTED: Final = ("bad", "healed", "damaged", "lost")

_log = logging.getLogger(__name__)


class DamageLog:
    """What a scrub calls as it goes: logs what is new, then calls `report`."""

    def __init__(self, region: str, volume: str, report: Callable[[Scrubbed], None]) -> None:
        self._where = volume, region
        self._report = report
        self._told = Scrubbed()

    def __call__(self, found: Scrubbed) -> None:
        told, self._told = self._told, found
        figures: dict[str, object] = {name: getattr(found, name) - getattr(told, name) for name in _COUNTED}
        roots = found.roots[len(told.roots) :]
        if found.bad > told.bad or found.damaged > told.damaged or found.lost > told.lost or roots:
            figures["roots"] = [str(root) for root in roots]
            _log.error("scrub of volume %s in %s has found damage", *self._where, extra=figures)
        self._report(found)
