"""Which metadata database a volume belongs to, and how both know of a restored one."""

from __future__ import annotations

import threading
from uuid import UUID

from galleria_server.clock import Clock
from galleria_server.metadata import installation
from galleria_server.metadata.engine import MetadataPool
from galleria_server.metadata.installation import Installation
from galleria_server.volumes.mount import Mount
from galleria_storage.volume import Database


class Ownership:
    """The number of this database's newest change that a volume may know of.

    It goes up before a root is pinned or given up, and the volume notes it first. A database that was restored from
    before that has a lower one, and what it says of the volume's roots is not to be trusted. The numbers go with the
    clock, so that one restored twice from different moments does not give a number of the one history in the other.
    """

    def __init__(self, metadata: MetadataPool, known: Installation, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._id: UUID = known.id
        self._lock = threading.Lock()
        self._high_water = known.high_water

    def judge(self, database: Database | None) -> str:
        """Why a volume that knows this database does not belong to ours; empty when it does. From any thread."""
        if database is None:
            return ""
        if database.id != self._id:
            return f"it belongs to the metadata database {database.id}, and this server has {self._id}"
        if database.high_water > self._high_water:
            newer, ours = database.high_water, self._high_water
            return f"it has seen change {newer} of the metadata database, which is restored from change {ours}"
        return ""

    async def about_to_change(self, mount: Mount) -> None:
        """A root on the volume is about to be pinned, adopted or given up, as rows say. Raises VolumeUnavailable."""
        if not mount.strange:
            await self._note(mount, await self._metadata.write(installation.advance, self._now()))
        elif database := mount.volume.database:
            # The database that it belongs to does not know of this change either.
            await mount.run(mount.volume.note_database, database.id, database.high_water + 1)

    async def adopt(self, mount: Mount) -> None:
        """From now on the volume belongs to this database. Raises VolumeUnavailable."""
        database = mount.volume.database
        known = 0 if database is None or database.id != self._id else database.high_water
        await self._note(mount, await self._metadata.write(installation.advance, max(known + 1, self._now())))
        mount.strange = ""

    def _now(self) -> int:
        return int(self._clock().timestamp() * 1000)

    async def _note(self, mount: Mount, number: int) -> None:
        with self._lock:
            self._high_water = max(self._high_water, number)
        await mount.run(mount.volume.note_database, self._id, number)
