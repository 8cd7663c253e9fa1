"""Which metadata database a volume belongs to, and how both know of a restored one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from uuid import UUID

from galleria_server.clock import Clock
from galleria_server.metadata import installation
from galleria_server.metadata.engine import MetadataPool
from galleria_server.volumes.mount import Mount
from galleria_storage.volume import Database


class Ownership:
    """The newest change of the database `own` that each volume may know of: `noted`, by the volume's id.

    The database has the number of a change before a root is pinned or given up, and the volume notes it then. One that
    was restored from before that has a lower number for that volume, whatever it did on others since, and what it says
    of the volume's roots is not to be trusted. The numbers go with the clock, so that one restored twice from different
    moments does not give a number of the one history in the other.
    """

    def __init__(self, metadata: MetadataPool, own: UUID, noted: Mapping[UUID, int], clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._id = own
        self._lock = threading.Lock()
        self._noted = dict(noted)

    def judge(self, volume: UUID, database: Database | None) -> str:
        """Why a volume that knows this database does not belong to ours; empty when it does. From any thread."""
        if database is None:
            return ""
        if database.id != self._id:
            return f"it belongs to the metadata database {database.id}, and this server has {self._id}"
        ours = self._noted.get(volume, 0)
        if database.high_water > ours:
            newer = database.high_water
            return f"it has seen change {newer} of the metadata database, which knows of {ours} there: it was restored"
        return ""

    async def about_to_change(self, mount: Mount) -> None:
        """A root on the volume is about to be pinned, adopted or given up, as rows say. Raises VolumeUnavailable."""
        if not mount.strange:
            await self._note(mount, 0)
        elif database := mount.volume.database:
            # The database that it belongs to does not know of this change either.
            await mount.run(mount.volume.note_database, database.id, database.high_water + 1)

    async def adopt(self, mount: Mount) -> None:
        """From now on the volume belongs to this database. Raises VolumeUnavailable."""
        database = mount.volume.database
        known = 0 if database is None or database.id != self._id else database.high_water
        await self._note(mount, known + 1)
        mount.strange = ""

    async def _note(self, mount: Mount, least: int) -> None:
        volume, now = mount.volume, int(self._clock().timestamp() * 1000)
        number = await self._metadata.write(installation.advance, volume.id, max(least, now))
        with self._lock:
            self._noted[volume.id] = max(self._noted.get(volume.id, 0), number)
        await mount.run(volume.note_database, self._id, number)
