"""Which objects in the folders of packs are packs of this volume: others may lie there by accident."""

from __future__ import annotations

from typing import Final

from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import HEADER_SIZE, PackDamaged, PackId, check_header
from galleria_storage.volume.identity import Identity

MAX_NUMBER: Final = 0xFFFFFFFF
"""The largest number that a pack may have."""
_FAR: Final = 1 << 31
"""More packs than a volume ever has."""


def is_own(store: ObjectStore, identity: Identity, kind: int, pack: PackId) -> bool:
    """Whether an object of that name, there when the volume was opened, is one of its packs. Raises StoreFailed.

    A name that an owner before this one may have given out is enough, as a pack may be damaged anywhere. Any other
    needs the header that it would have been written with.
    """
    if 0 < pack.epoch < identity.owner_epoch and 0 < pack.number < _FAR:
        return True
    try:
        check_header(store.read(pack.object_name(kind), 0, HEADER_SIZE) or b"", identity.id.bytes, pack, kind)
    except PackDamaged:
        return False
    return True
