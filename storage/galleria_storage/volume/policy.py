"""How a volume is to behave, as far as that is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from galleria_storage.packs.format import TARGET_SIZES
from galleria_storage.volume.leases import LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class Policy:
    """What whoever opens a volume may choose.

    Attributes:
        dedup: `volume` or `scope`, what shares chunks; counts only when the volume is made.
        pack_sizes: bytes at which packs are sealed, by kind.
        condemned_seconds: how long packs that nothing needs stay at least once they are condemned.
        rewrite_bytes: how much a collection may rewrite of packs that have live and dead records.
        lease_seconds: how long what a push, copy or read needs is kept for it when nothing comes from it.
    """

    dedup: str = "volume"
    pack_sizes: Mapping[int, int] = field(default_factory=lambda: TARGET_SIZES)
    condemned_seconds: float = 60.0
    rewrite_bytes: int = 1 << 30
    lease_seconds: float = LEASE_SECONDS


DEFAULT: Final = Policy()
