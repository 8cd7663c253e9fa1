"""Holds what the configuration says of sharing chunks against what a volume was made with, which never changes."""

from __future__ import annotations

import logging
from pathlib import Path

from galleria_server.config import DEDUPS, VolumeConfig
from galleria_storage.volume import VolumeUnreadable
from galleria_storage.volume.identity import OBJECT, parse

_log = logging.getLogger(__name__)


class DedupTooWide(Exception):
    """A volume shares chunks more widely than the configuration allows, so it must not be used.

    Attributes:
        path: the volume's folder.
        made: the `dedup` that the volume was made with.
        configured: the one in the configuration.
    """

    def __init__(self, path: Path, made: str, configured: str) -> None:
        super().__init__(path, made, configured)
        self.path = path
        self.made = made
        self.configured = configured

    def __str__(self) -> str:
        return (
            f'the volume at {self.path} was made with dedup = "{self.made}" and keeps it, the configuration says '
            f'"{self.configured}"; set "{self.made}", or give the volume an empty folder'
        )


def check_dedup(volume: VolumeConfig) -> None:
    """Say so when a volume shares chunks otherwise than configured. Blocks; to be called before it is opened.

    One that shares less than it may is used all the same, with a warning. Raises DedupTooWide.
    """
    made = made_dedup(volume.path)
    if made is None or made == volume.dedup:
        return
    error = DedupTooWide(volume.path, made, volume.dedup)
    if DEDUPS.index(made) < DEDUPS.index(volume.dedup):
        raise error
    _log.warning("%s", error)


def made_dedup(path: Path) -> str | None:
    """The `dedup` of the volume in a folder; None where there is none, or none that can be read."""
    try:
        return parse((path / OBJECT).read_bytes()).dedup
    except (OSError, VolumeUnreadable):
        # A volume that is broken is refused where it is opened.
        return None
