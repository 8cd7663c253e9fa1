"""What the rows of an installation say against what lies on its volumes, both read without Galleria.

The numbers are those of the architecture's list of invariants.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.support.page_reader import VolumeReader, open_folder

_READY = """
    SELECT location, volume, root_id, size_bytes, occupied_bytes, occupied_bytes, digest
    FROM disks WHERE state = 'ready'
    UNION ALL
    SELECT copies.region, copies.volume, copies.root_id, size_bytes, occupied_bytes, done_bytes, digest
    FROM copies JOIN contents ON contents.version_uid = copies.version_uid AND contents.position = copies.position
    WHERE copies.state = 'ready'
"""
_NAMED = "SELECT root_id FROM disks UNION ALL SELECT root_id FROM copies"


class _Ready(NamedTuple):
    """A disk or copy that is said to be ready."""

    region: str
    volume: str
    root: str
    size: int
    occupied: int
    done: int
    digest: str


def check_installation(data: Path) -> int:
    """All that a server at rest, or killed, has said is true; how many disks and copies are ready.

    2: what lies on a volume is what its name says, and each byte of a pack is of a record; 3: each root belongs to a
    row; 5: what is ready is read whole from its own volume; 8: its sizes are those of its layout. Raises
    AssertionError.
    """
    ready, named = _rows(data / "metadata")
    count = len(ready)
    for folder in sorted(path.parent.parent for path in data.glob("volumes/*/*/*/meta/volume.json")):
        reader = open_folder(folder)
        own = [row for row in ready if (row.region, row.volume) == (folder.parts[-3], folder.name)]
        ready = [row for row in ready if row not in own]
        _check_volume(reader, own)
        assert set(reader.roots()) <= named
    assert ready == []
    return count


def _check_volume(reader: VolumeReader, ready: list[_Ready]) -> None:
    for kind, domain, name in reader.records:
        reader.record(kind, domain, name)
    for root in reader.roots():
        # It is whole, or this raises.
        assert any(reader.pieces(root))
    for row in ready:
        assert row.root in reader.roots()
        size, _, _, occupied = reader.layout(row.root)
        assert (size, occupied, occupied, reader.digest(row.root)) == row[3:]


def _rows(metadata: Path) -> tuple[list[_Ready], set[str]]:
    """What is ready, and the roots that rows name."""
    with tempfile.TemporaryDirectory() as folder:
        # A copy: reading it where it lies would change it.
        for file in metadata.glob("galleria.db*"):
            shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / "galleria.db")) as database:
            ready = [_Ready(*row) for row in database.execute(_READY)]
            return ready, {root for (root,) in database.execute(_NAMED)}
