"""Where each table lies in a database: its column family, and what its keys begin with there.

The two big tables have a family each. The four small ones share the default family, told apart by a first
byte: every family costs an idle database table files to hold open, and there may be a hundred databases.
"""

from __future__ import annotations

from typing import NamedTuple

from galleria_storage.index.store import Table

FAMILIES = ("default", "chunks", "scopes")
BLOOMED = ("chunks", "scopes")
"""The families whose absent keys are often asked for."""


class Place(NamedTuple):
    """A column family and the first bytes of a table's keys in it."""

    family: str
    head: bytes


PLACES = {
    Table.CHUNKS: Place("chunks", b""),
    Table.SCOPES: Place("scopes", b""),
    Table.PACKS: Place("default", b"P"),
    Table.ROOTS: Place("default", b"R"),
    Table.LEASES: Place("default", b"L"),
    Table.META: Place("default", b"M"),
}
