"""Leases: protected pieces of work in progress, and what they hold.

A lease's rows are written before the answer that rests on them is given. They hold packs and roots, never
single chunks, so they stay few.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from galleria_storage.index.store import Batch, Index, Table
from galleria_storage.packs.format import PackId
from galleria_storage.volume.errors import LeaseLapsed
from galleria_storage.volume.rows import HEAD, PACK, ROOT, LeaseRow, lease_key, pack_key, pack_of

LEASE_SECONDS: Final = 15 * 60
LONGEST_SECONDS: Final = 7 * 24 * 3600
GARBAGE: Final = b"garbage"
"""Keys in META begin with it that say what was given up since the last collection; their value is a scope."""
NO_SCOPE: Final = UUID(int=0)
_EPOCH: Final = b"epoch"
_FIRST_EPOCH: Final = 1


@dataclass(slots=True)
class Lease:
    """A lease that is alive. `lock` guards what is held and whether it has ended."""

    id: UUID
    scope: UUID
    root: UUID
    domain: int
    epoch: int
    expires: float
    last: float
    packs: set[PackId] = field(default_factory=set)
    roots: set[UUID] = field(default_factory=set)
    ended: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)


class LeaseTable:
    """The leases of a volume, which last `seconds` by traffic. Safe for many threads.

    `clock` gives seconds since 1970.
    """

    def __init__(self, index: Index, clock: Callable[[], float], seconds: float = LEASE_SECONDS) -> None:
        self._index = index
        self.seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._alive: dict[UUID, Lease] = {}
        self._watched: set[PackId] | None = None
        self._load()

    def begin(self, lease_id: UUID, scope: UUID, root: UUID, domain: int) -> Lease:
        """A new lease, durable on return; or the one of that id, if it is alive."""
        before = self._alive.get(lease_id)
        if before is not None and self._is_over(before):
            self.end(before, Batch())
        with self._lock:
            if lease_id in self._alive:
                return self._alive[lease_id]
            now = self._clock()
            lease = Lease(lease_id, scope, root, domain, self.epoch(), now + self.seconds, now + LONGEST_SECONDS)
            batch = Batch()
            self._put(batch, lease)
            self._index.apply(batch)
            self._alive[lease_id] = lease
            return lease

    def find(self, lease_id: UUID) -> Lease | None:
        """The lease, or None if it has ended or its time is over."""
        with self._lock:
            lease = self._alive.get(lease_id)
        return None if lease is None or self._is_over(lease) else lease

    def renew(self, lease: Lease) -> None:
        """Traffic has come: the lease begins to last anew. Raises LeaseLapsed."""
        if not lease.ended and lease.expires - self._clock() > self.seconds * 2 / 3:
            # Soon enough after the last time: whoever works under the lease must not wait for its lock.
            return
        with lease.lock:
            self.check(lease)
            until = min(self._clock() + self.seconds, lease.last)
            if until - lease.expires < self.seconds / 3:
                return
            lease.expires = until
            batch = Batch()
            self._put(batch, lease)
            self._index.apply(batch)

    def check(self, lease: Lease) -> None:
        """Raises LeaseLapsed if the lease has ended or its time is over."""
        if self._is_over(lease):
            raise LeaseLapsed(lease.id)

    def hold(self, batch: Batch, lease: Lease, packs: Iterable[PackId] = (), roots: Iterable[UUID] = ()) -> None:
        """Add what the lease does not hold yet to `batch`. The caller has `lease.lock` until it is applied."""
        for pack in packs:
            if pack not in lease.packs:
                lease.packs.add(pack)
                if self._watched is not None:
                    self._watched.add(pack)
                batch.put(Table.LEASES, lease_key(lease.id.bytes, PACK, pack_key(pack)), b"")
        for root in roots:
            if root not in lease.roots:
                lease.roots.add(root)
                batch.put(Table.LEASES, lease_key(lease.id.bytes, ROOT, root.bytes), b"")

    @contextmanager
    def watching(self) -> Iterator[Collection[PackId]]:
        """The packs that are held now and all that come to be held until this ends. One at a time."""
        watched: set[PackId] = set()
        self._watched = watched
        try:
            with self._lock:
                alive = list(self._alive.values())
            for lease in alive:
                with lease.lock:
                    watched.update(lease.packs)
            yield watched
        finally:
            self._watched = None

    def end(self, lease: Lease, batch: Batch, *, wasted: bool = True) -> None:
        """Take the lease and all its rows out with `batch`; applied here, in one step.

        `wasted` tells that what it brought may be garbage now.
        """
        with lease.lock:
            if wasted and lease.packs and not lease.ended:
                batch.put(Table.META, GARBAGE + lease.id.bytes, lease.scope.bytes)
            lease.ended = True
            for key, _ in self._index.scan(Table.LEASES, lease.id.bytes):
                batch.delete(Table.LEASES, key)
            self._index.apply(batch)
        with self._lock:
            self._alive.pop(lease.id, None)

    def end_lapsed(self) -> list[Lease]:
        """End every lease whose time is over; returns them."""
        now = self._clock()
        with self._lock:
            lapsed = [lease for lease in self._alive.values() if lease.expires <= now]
        for lease in lapsed:
            self.end(lease, Batch())
        return lapsed

    def held_roots(self) -> set[UUID]:
        """Roots that some lease holds."""
        with self._lock:
            return set().union(*(lease.roots for lease in self._alive.values()))

    def holding(self) -> set[UUID]:
        """Ids of the leases that hold packs."""
        with self._lock:
            return {lease.id for lease in self._alive.values() if lease.packs}

    @property
    def oldest(self) -> float | None:
        """When the oldest lease began, or was loaded, in seconds since 1970; None without leases."""
        with self._lock:
            return min((lease.last - LONGEST_SECONDS for lease in self._alive.values()), default=None)

    def epoch(self) -> int:
        """The epoch of leases that begin now."""
        value = self._index.get(Table.META, [_EPOCH])[0]
        return _FIRST_EPOCH if value is None else int.from_bytes(value, "little")

    def begin_epoch(self, batch: Batch, epoch: int) -> None:
        """Let leases that begin after `batch` have this epoch, or the one they would have if that is later."""
        batch.put(Table.META, _EPOCH, max(epoch, self.epoch()).to_bytes(4, "little"))

    def oldest_epoch(self) -> int | None:
        """The epoch of the oldest lease; None without leases."""
        with self._lock:
            return min((lease.epoch for lease in self._alive.values()), default=None)

    def _is_over(self, lease: Lease) -> bool:
        return lease.ended or lease.expires <= self._clock()

    def _put(self, batch: Batch, lease: Lease) -> None:
        row = LeaseRow(lease.scope.bytes, lease.root.bytes, lease.domain, 0, lease.epoch, lease.expires)
        batch.put(Table.LEASES, lease_key(lease.id.bytes, HEAD), row.encode())

    def _load(self) -> None:
        # While nobody owned the volume nobody could renew, so every lease gets its full time again.
        now = self._clock()
        for key, value in self._index.scan(Table.LEASES):
            lease_id, tag, rest = UUID(bytes=key[:16]), key[16:17], key[17:]
            if tag == HEAD:
                row = LeaseRow.decode(value)
                scope, root = UUID(bytes=row.scope), UUID(bytes=row.root)
                self._alive[lease_id] = Lease(
                    lease_id, scope, root, row.domain, row.epoch, now + self.seconds, now + LONGEST_SECONDS
                )
            elif tag == PACK:
                self._alive[lease_id].packs.add(pack_of(rest))
            elif tag == ROOT:
                self._alive[lease_id].roots.add(UUID(bytes=rest))
