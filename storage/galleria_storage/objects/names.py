"""Which texts name an object, the same for every kind of store."""

from __future__ import annotations

import re
from typing import NamedTuple

from galleria_storage.objects.errors import InvalidObjectName

# A folder never has a dot and a name outside folders always has one, so neither can be taken for the
# other; no part begins with a dot, which keeps out "." and ".." and hidden files. The length leaves room
# for the ending of a temporary file.
_NAME = re.compile(r"(?:([A-Za-z0-9_-]{1,120})/)?([A-Za-z0-9_-][A-Za-z0-9._-]{0,119})")

RESERVED_FOLDERS = frozenset({"index", "tmp"})
"""Folders of a volume that hold no objects: its index and its unfinished files."""


class ObjectName(NamedTuple):
    """A valid name in its two parts; `folder` is empty for an object outside folders."""

    folder: str
    base: str


def parse(name: str) -> ObjectName:
    """Split a name. Raises InvalidObjectName."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidObjectName(name)
    parts = ObjectName(match[1] or "", match[2])
    if parts.folder in RESERVED_FOLDERS or not (parts.folder or "." in parts.base):
        raise InvalidObjectName(name)
    return parts
