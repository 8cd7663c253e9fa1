"""Which packs a compaction rewrites."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from galleria_storage.packs.format import PackId
from galleria_storage.volume.rows import PackRow

MOST_GARBAGE: Final = 0.15
"""Share of a volume's packs that may be garbage."""
MOST_LIVE: Final = 0.85
"""A pack with a larger share of live bytes is not worth rewriting."""
_SMALL: Final = 4
_MERGED: Final = 8


@dataclass(frozen=True, slots=True)
class Share:
    """A pack of which something is alive: bytes of its live and dead records, with their footer entries.

    One that is `damaged` is rewritten however much of it is alive. `alive` has a bit per entry of any other's
    footer, first entry highest, 1 for what is alive.
    """

    pack: PackId
    row: PackRow
    live: int
    dead: int
    damaged: bool = False
    alive: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of all its records, with their footer entries."""
        return self.live + self.dead


def chosen(shares: Sequence[Share], held: Collection[PackId], sizes: Mapping[int, int], budget: int) -> list[Share]:
    """The emptiest packs, until at most 15% of all bytes are garbage; and small ones, when there are many.

    None that is `held`, and no more than `budget` live bytes in all. `sizes` are those at which packs are sealed.
    """
    free = [share for share in shares if share.pack not in held]
    damaged = [share for share in free if share.damaged]
    whole = [share for share in free if not share.damaged]
    taken = damaged + _emptiest(whole, sum(share.size for share in shares), sum(share.dead for share in shares))
    names = {share.pack for share in taken}
    for kind, size in sizes.items():
        small = [s for s in free if s.row.kind == kind and s.row.size < size // _SMALL and s.pack not in names]
        # Each byte is merged again only when its pack is one of many once more.
        taken += small if len(small) >= _MERGED else []
    return _within(taken, budget)


def _emptiest(shares: Sequence[Share], size: int, garbage: int) -> list[Share]:
    taken = []
    for share in sorted(shares, key=lambda share: share.live / share.size):
        if garbage <= MOST_GARBAGE * size or share.live > MOST_LIVE * share.size:
            break
        taken.append(share)
        garbage -= share.dead
        size -= share.dead
    return taken


def _within(shares: Sequence[Share], budget: int) -> list[Share]:
    found: list[Share] = []
    cost = 0
    for share in shares:
        cost += share.live
        # One at least, or a pack larger than the budget would stay for ever.
        if cost > budget and found:
            break
        found.append(share)
    return found
