"""A volume: one place that holds content, with one owner at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from uuid import UUID

from galleria_storage.errors import StorageError, UnknownRule
from galleria_storage.index.store import Index, Table
from galleria_storage.objects.store import ObjectStore
from galleria_storage.rules import BLOCK_CDC_1, Rule
from galleria_storage.volume.abandoning import abandon, finish_abandoned
from galleria_storage.volume.assessing import assess
from galleria_storage.volume.collecting import Collected, Collector
from galleria_storage.volume.condemned import CondemnedPacks, contradicted
from galleria_storage.volume.copying import Copy
from galleria_storage.volume.core import Core, system_clock
from galleria_storage.volume.errors import RootMissing, VolumeClosed
from galleria_storage.volume.identity import OBJECT, Database, encode, take_over
from galleria_storage.volume.leases import Lease
from galleria_storage.volume.pins import Pinning, Root
from galleria_storage.volume.policy import DEFAULT, Policy
from galleria_storage.volume.pool import PackPool
from galleria_storage.volume.push import Push
from galleria_storage.volume.quarantine import Quarantine
from galleria_storage.volume.reading import Reader
from galleria_storage.volume.rebuild import complete, is_built, note_owner, rebuild
from galleria_storage.volume.repairing import repair
from galleria_storage.volume.root_files import RootFile, root_file, root_files
from galleria_storage.volume.rows import RootRow
from galleria_storage.volume.scrubbing import Report, Scrubbed, Scrubber
from galleria_storage.volume.source import Source
from galleria_storage.volume.verifying import Verified, verify


@dataclass(frozen=True, slots=True)
class PinnedRoot:
    """A root as lists show it; sizes in bytes."""

    id: UUID
    scope: UUID
    resource: UUID
    name: str
    size: int
    occupied: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a volume holds, in bytes: `stored` counts packs, root files and markers, `index` what can be made again.

    `garbage` is what the last whole collection left in packs that stay, `condemned` are packs that wait to be removed;
    `oldest_condemned` and `oldest_lease` say since when there are such, in seconds since 1970. `damaged_roots` are
    known to lack something; `scrubbed` is when the pack was last read again whose turn is next, 0 for never.
    """

    logical: int
    occupied: int
    stored: int
    index: int
    free: int
    total: int
    roots: int
    records: int
    garbage: int
    condemned: int
    oldest_condemned: float | None
    oldest_lease: float | None
    damaged_roots: int
    scrubbed: float | None


class Volume:
    """An open volume. Safe for many threads; every method but `suspect` may wait for the disk.

    Opening counts the owner epoch up, makes a missing index again and completes what a crash left between an object
    and its rows. Files without a name are kept in `scratch` meanwhile. Raises VolumeUnreadable, StoreFailed.
    """

    def __init__(
        self,
        store: ObjectStore,
        index: Index,
        *,
        rules: Sequence[Rule] = (BLOCK_CDC_1,),
        clock: Callable[[], float] = system_clock,
        policy: Policy = DEFAULT,
        scratch: Path | None = None,
        index_size: Callable[[], int] = lambda: 0,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        identity = take_over(store, policy.dedup)
        built = is_built(index, identity) and not contradicted(store, index)
        if built:
            note_owner(index, identity)
        else:
            index.clear()
        self._core = Core(store, index, identity, rules, clock, policy.pack_sizes, policy.lease_seconds)
        self._pinning = Pinning(self._core)
        if built:
            complete(self._core, self._pinning)
        else:
            rebuild(self._core, self._pinning, scratch)
        finish_abandoned(self._core)
        self._pinning.heed_markers()
        self._condemned = CondemnedPacks(self._core, policy.condemned_seconds)
        self._condemned.heed_markers()
        # Numbers are known only once the packs are, with those on their way out.
        self._core.count_packs()
        self._quarantine = Quarantine(self._core)
        self._core.examine = self._quarantine.examine
        self._scrubber = Scrubber(self._core, self._quarantine)
        self._collector = Collector(self._core, self._condemned, self._quarantine, policy.rewrite_bytes)
        self._suspect: StorageError | None = None
        self._pool = PackPool(self._core, self._doubt)
        self._pushes: dict[UUID, Push] = {}
        self._lock = threading.Lock()
        self._index_size = index_size
        self._on_close = on_close
        self._closed = False

    @property
    def id(self) -> UUID:
        """The volume's id, as written on it."""
        return self._core.identity.id

    @property
    def owner_epoch(self) -> int:
        """How often the volume has been opened."""
        return self._core.identity.owner_epoch

    @property
    def suspect(self) -> StorageError | None:
        """What went wrong when a pack was sealed; such a volume should get no new work."""
        return self._suspect

    def begin_push(self, scope: UUID, root_id: UUID, *, lease_id: UUID, rule: Rule = BLOCK_CDC_1) -> Push:
        """A push for content that will be pinned as `root_id`; the one of that lease if it is alive.

        Raises UnknownRule, StoreFailed.
        """
        if rule.name not in self._core.rules:
            raise UnknownRule(rule.name)
        self._check_open()
        with self._lock:
            lease = self._core.leases.begin(lease_id, scope, root_id, self._core.domain_of(scope))
            return self._push(lease, rule)

    def resume_push(self, lease_id: UUID, rule: Rule = BLOCK_CDC_1) -> Push | None:
        """The push of a lease that is alive; None if it has lapsed or never was."""
        self._check_open()
        with self._lock:
            lease = self._core.leases.find(lease_id)
            return None if lease is None else self._push(lease, rule)

    def begin_copy(self, scope: UUID, root_id: UUID, *, lease_id: UUID) -> Copy:
        """A copy into this volume, new or gone on with."""
        self._check_open()
        lease = self._core.leases.begin(lease_id, scope, root_id, self._core.domain_of(scope))
        return Copy(self._core, self._pinning, lease)

    def root(self, root_id: UUID) -> Root | None:
        """A pinned root; None if it is not here or released. Raises RootDamaged."""
        return self._core.read_root(root_id)

    def roots(self) -> list[PinnedRoot]:
        """All roots that are pinned and not released."""
        rows = ((key, RootRow.decode(value)) for key, value in self._core.index.scan(Table.ROOTS))
        return [
            PinnedRoot(UUID(bytes=key), row.scope, row.resource, row.name, row.size, row.occupied)
            for key, row in rows
            if not row.released
        ]

    def root_files(self, after: UUID | None = None, limit: int | None = None) -> list[RootFile]:
        """Pinned roots with an id above `after`, in order, at most `limit`; also those whose files cannot be read.

        Raises StoreFailed.
        """
        return list(islice(root_files(self._core, after), limit))

    def root_file(self, root_id: UUID) -> RootFile | None:
        """One of them; None if it is not there. Raises StoreFailed."""
        return root_file(self._core, root_id)

    def abandon(self, root_id: UUID) -> None:
        """Give a root up for lost, see `abandon`. Raises RootMissing, StoreFull, StoreFailed."""
        self._check_open()
        abandon(self._core, root_id)

    @property
    def database(self) -> Database | None:
        """The metadata database that last used the volume, as noted on it."""
        return self._core.identity.database

    def note_database(self, database: UUID, high_water: int) -> None:
        """Note durably which metadata database uses the volume, and the number of its newest change known here.

        Of one database the highest number counts. Raises StoreFull, StoreFailed.
        """
        with self._core.writing:
            before = self._core.identity.database
            if before is not None and before.id == database and before.high_water >= high_water:
                return
            extra = {} if before is None else before.extra
            identity = replace(self._core.identity, database=Database(database, high_water, extra))
            self._core.store.replace(OBJECT, encode(identity))
            self._core.identity = identity

    def release(self, root_id: UUID) -> bool:
        """Its resource gives a root up; readers that run end well. False if it is not here."""
        return self._pinning.release(root_id)

    def chunk_count(self, root: Root) -> int:
        """Chunks of a root that is pinned here, one at several positions counted at each. Raises RecordsUnreadable."""
        return self._pinning.chunks(root)

    def open_read(self, root_id: UUID) -> Reader:
        """A reader of a root. Raises RootMissing, RootDamaged."""
        self._check_open()
        with self._core.writing:
            root = self._core.read_root(root_id)
            if root is None:
                raise RootMissing(root_id)
            return Reader(self._core, root)

    def usage(self) -> Usage:
        """What the volume holds now."""
        space = self._core.store.space()
        pinned = self.roots()
        return Usage(
            logical=sum(root.size for root in pinned),
            occupied=sum(root.occupied for root in pinned),
            stored=sum(info.size for info in self._core.store.list("")),
            index=self._index_size(),
            free=space.free,
            total=space.total,
            roots=len(pinned),
            records=sum(row.records for _, row in self._core.chunks.packs() if not row.condemned),
            garbage=self._collector.last.garbage,
            condemned=self._condemned.size,
            oldest_condemned=self._condemned.oldest,
            oldest_lease=self._core.leases.oldest,
            damaged_roots=len(self._core.damage.lacking()),
            scrubbed=self._scrubber.oldest,
        )

    def collect(self, going: Callable[[], None] = lambda: None) -> Collected:
        """Let go of what nothing needs; see `Collector.collect`. Raises CollectionStopped, StoreFailed."""
        self._check_open()
        return self._collector.collect(going)

    def scrub(self, report: Report, *, names: bool = False, before: float | None = None) -> Scrubbed:
        """Read what is stored again, oldest first; see `Scrubber.scrub`. Raises StoreFailed."""
        self._check_open()
        return self._scrubber.scrub(report, names=names, before=before)

    def verify(self, report: Callable[[Verified], None]) -> Verified:
        """See that all that roots need is there, by the index; see `verify`. Raises StoreFailed."""
        self._check_open()
        return verify(self._core, report)

    @property
    def doubtful(self) -> bool:
        """Whether something was found missing, or is here again, so that `assess` has something to find out."""
        return self._core.damage.doubtful(self._core.leases.holding())

    def assess(self, going: Callable[[], None] = lambda: None) -> None:
        """Find out which roots need what is known to be missing; `going` is called all the time and may raise."""
        self._check_open()
        assess(self._core, going)

    def lacking(self) -> dict[UUID, int]:
        """How many chunks and pages each root is known to lack; roots that lack nothing are left out."""
        return {root: len(keys) for root, keys in self._core.damage.lacking().items()}

    def repair(self, root_id: UUID, source: Source, going: Callable[[], None] = lambda: None) -> int:
        """Bring what a root is known to lack from one with the same layout; see `repair`.

        Raises RootMissing, RootDamaged, LayoutDiffers, LeaseLapsed, StoreFull, StoreFailed.
        """
        with self.open_read(root_id) as own:
            return repair(self._core, own, source, going)

    def maintain(self) -> None:
        """Seal packs that have waited, end leases whose time is over. To be called about once a second."""
        self._check_open()
        self._pool.seal_old()
        self._core.leases.end_lapsed()
        with self._lock:
            self._pushes = {lease: push for lease, push in self._pushes.items() if not push.lease.ended}
        self._pinning.drop_released()

    def close(self) -> None:
        """Seal what is open and free everything. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._pool.close()
        self._core.index.close()
        self._on_close()

    def _push(self, lease: Lease, rule: Rule) -> Push:
        push = self._pushes.get(lease.id)
        # One of a lease that has ended says so for ever, also when another lease has its id.
        if push is None or push.lease is not lease:
            push = self._pushes[lease.id] = Push(self._core, self._pool, self._pinning, lease, rule)
        return push

    def _check_open(self) -> None:
        if self._closed:
            raise VolumeClosed

    def _doubt(self, error: StorageError) -> None:
        self._suspect = self._suspect or error
