"""What the server does by itself from time to time: the policies of image definitions, and purging."""

from __future__ import annotations

from galleria_server.catalogue import policies
from galleria_server.metadata import definitions
from galleria_server.operations.purging import Purging
from galleria_server.operations.rounds import Rounds
from galleria_server.services.shared import Catalogue


class Housekeeping:
    """Applies all policies every `seconds`, one definition after another, a transaction for each; and purges."""

    def __init__(self, catalogue: Catalogue, seconds: float) -> None:
        self._catalogue = catalogue
        self._purging = Purging(catalogue.metadata, catalogue.content, catalogue.bell, catalogue.clock)
        self._rounds = Rounds(seconds, self.round, "policies could not be applied")

    async def start(self) -> None:
        """Purge what came due, and begin; policies are applied first when their interval has passed once."""
        await self._purging.start()
        self._rounds.start()

    async def stop(self) -> None:
        """End, in the middle of a round if need be: what was begun is whole."""
        await self._purging.stop()
        await self._rounds.stop()

    async def round(self) -> int:
        """Apply the policies of all definitions once; how many versions were changed."""
        changed, at = 0, self._catalogue
        for uid in await at.metadata.read(definitions.with_policies):
            changed += await at.metadata.write(policies.apply_all, uid, at.content.volumes_of, at.clock())
        if changed:
            at.content.wake()
            at.bell.ring()
        return changed
