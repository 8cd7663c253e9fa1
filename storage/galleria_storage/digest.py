"""Names: the BLAKE3-256 of a chunk, page or layout, and a disk's digest as text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from blake3 import blake3

from galleria_storage.errors import DigestMalformed

DIGEST_SIZE = 32
"""Bytes of a name."""

_DISK_DIGEST = re.compile(r"([a-z0-9][a-z0-9-]{0,63}):([0-9a-f]{64})", re.ASCII)


def name_of(data: bytes | memoryview) -> bytes:
    """The 32-byte name of `data`."""
    return blake3(data).digest()


def names_of(views: Iterable[bytes | memoryview]) -> list[bytes]:
    """The names of many pieces, in order."""
    return [blake3(view).digest() for view in views]


def format_disk_digest(rule_name: str, raw: bytes) -> str:
    """A disk's digest as text, from the name of its layout."""
    return f"{rule_name}:{raw.hex()}"


def parse_disk_digest(text: str) -> tuple[str, bytes]:
    """The rule's name, which need not be known here, and the name of the layout.

    Raises:
        DigestMalformed: `text` is not what `format_disk_digest` writes.
    """
    match = _DISK_DIGEST.fullmatch(text)
    if match is None:
        raise DigestMalformed(text)
    return match[1], bytes.fromhex(match[2])
