"""A push: content on its way in, under a lease and for one scope."""

from __future__ import annotations

import itertools
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from galleria_storage.errors import LayoutInvalid
from galleria_storage.index.store import Batch, Table
from galleria_storage.layout import Layout
from galleria_storage.rules import Rule
from galleria_storage.volume.core import Core
from galleria_storage.volume.leases import Lease
from galleria_storage.volume.pins import Holder, Pinning, Root
from galleria_storage.volume.pool import PackPool
from galleria_storage.volume.rows import COUNTS, lease_key
from galleria_storage.volume.segments import SegmentTable
from galleria_storage.volume.stream import Durable, Failed, PushStream

_COUNTS: Final = struct.Struct("<QQ")
_slots = itertools.count()


@dataclass(slots=True)
class PushCounts:
    """What a push took in: chunks and wire bytes of records and pages that became durable."""

    chunks_sent: int = 0
    bytes_sent: int = 0


class Push:
    """One push. Any number of streams may attach, at once or later. Safe for many threads.

    `id` is the lease's id. What became durable outlives streams and restarts, until the lease ends.
    """

    def __init__(self, core: Core, pool: PackPool, pinning: Pinning, lease: Lease, rule: Rule) -> None:
        self.id: UUID = lease.id
        self.rule = rule
        self._core = core
        self._pool = pool
        self._pinning = pinning
        self.lease = lease
        self._segments = SegmentTable(core, lease, rule)
        self._lock = threading.Lock()
        self._counts = self._load_counts()

    def attach(self, durable: Durable, failed: Failed) -> PushStream:
        """A new stream, whose callbacks come from other threads.

        `durable(segments, received)` names segments that became durable and counts the wire bytes of records that are;
        `failed(error)` comes at most once, when nothing more can be made durable.
        """
        self._core.leases.renew(self.lease)
        return PushStream(self._core, self._pool, self._segments, self.rule, self._count, next(_slots), durable, failed)

    def known_pages(self, offers: Sequence[tuple[int, bytes]]) -> list[bool]:
        """Which of the (segment, page name) offered need nothing more. Raises LeaseLapsed."""
        self._core.leases.renew(self.lease)
        return self._segments.settle_known(offers)

    def durable_segments(self) -> set[int]:
        """Segments that need nothing more."""
        return {segment for segment, _ in self._segments.rows()}

    def assemble(self, size: int) -> Layout:
        """The layout of the durable segments for a disk of `size` bytes; all other segments are empty.

        Raises LayoutInvalid.
        """
        names = {segment: row.name for segment, row in self._segments.rows()}
        return Layout(self.rule, size, tuple(names.get(i) for i in range(self.rule.segments(size))))

    def commit(self, layout: Layout, holder: Holder) -> Root:
        """Pin the layout under the lease's root id and end the lease; once pinned, a second call does nothing.

        Raises LeaseLapsed, LayoutIncomplete, LayoutInvalid, RootTaken, StoreFull, StoreFailed.
        """
        if layout.rule != self.rule:
            raise LayoutInvalid("not the rule of the push", "rule", layout.rule.name, self.rule.name)
        return self._pinning.pin(self.lease, self._segments, layout, self.lease.root, holder)

    def abort(self) -> None:
        """Give the push up. What only it brought is garbage from now on."""
        self._core.leases.end(self.lease, Batch())

    def _count(self, chunks: int, received: int) -> bytes:
        with self._lock:
            self._counts.chunks_sent += chunks
            self._counts.bytes_sent += received
            return _COUNTS.pack(self._counts.chunks_sent, self._counts.bytes_sent)

    def statistics(self) -> PushCounts:
        """The counts so far."""
        with self._lock:
            return PushCounts(self._counts.chunks_sent, self._counts.bytes_sent)

    def _load_counts(self) -> PushCounts:
        value = self._core.index.get(Table.LEASES, [lease_key(self.lease.id.bytes, COUNTS)])[0]
        return PushCounts() if value is None else PushCounts(*_COUNTS.unpack(value))
