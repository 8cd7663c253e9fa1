"""What the parts of a volume share: its stores, its tables and the lock for what is read and written together."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from galleria_storage import roots
from galleria_storage.index.store import Batch, Index, Table
from galleria_storage.objects.errors import StoreFull
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import DATA, TARGET_SIZES, PackId
from galleria_storage.packs.writer import OpenPack
from galleria_storage.records import CHUNK, PAGE, Record
from galleria_storage.roots import Root
from galleria_storage.rules import Rule
from galleria_storage.volume.chunks import ChunkTable, Packs
from galleria_storage.volume.damage import Damage
from galleria_storage.volume.errors import VolumeUnreadable
from galleria_storage.volume.identity import Identity
from galleria_storage.volume.leases import GARBAGE, LEASE_SECONDS, Lease, LeaseTable
from galleria_storage.volume.own_packs import MAX_NUMBER
from galleria_storage.volume.rows import ChunkRow, RootRow, chunk_prefix, scope_prefix

_MOST_DOMAINS: Final = 0xFFFFFFFF
_ROOTS_KEPT: Final = 32
"""Layouts kept in memory: one of 2 TiB has about 4 MB."""


class Stored(NamedTuple):
    """A record that is fit to be stored, and its final header."""

    record: Record
    header: bytes


class Core:
    """State of one open volume.

    `writing`, or `publish`'s own lock, is taken first and a lease's lock inside it; none is held while a pack is
    written or sealed.
    """

    def __init__(
        self,
        store: ObjectStore,
        index: Index,
        identity: Identity,
        rules: Sequence[Rule],
        clock: Callable[[], float],
        pack_sizes: Mapping[int, int] = TARGET_SIZES,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.store = store
        self.index = index
        self.identity = identity
        self.rules: Mapping[str, Rule] = {rule.name: rule for rule in rules}
        self.clock = clock
        self.pack_sizes = pack_sizes
        self.chunks = ChunkTable(index)
        self.leases = LeaseTable(index, clock, lease_seconds)
        self.damage = Damage(index)
        # Whoever meets records that cannot be read says so here: kind, domain, names.
        self.examine: Callable[[int, int, Sequence[bytes]], None] = lambda *_: None
        self.writing = threading.RLock()
        self._publishing = threading.Lock()
        self._roots: dict[UUID, Root] = {}
        self._roots_lock = threading.Lock()
        self._numbers = itertools.count(1)

    @property
    def rule(self) -> Rule:
        """The rule of the widest records that may lie here: bounds for reading them."""
        return max(self.rules.values(), key=lambda rule: rule.max_chunk)

    def count_packs(self) -> None:
        """Let pack numbers go on after those that are there. Raises VolumeUnreadable where none is left."""
        first = self.chunks.next_number()
        if first > MAX_NUMBER:
            raise VolumeUnreadable(f"it has a pack of the number {MAX_NUMBER}, and there is none after that")
        self._numbers = itertools.count(first)

    def open_pack(self, kind: int) -> OpenPack:
        """A new open pack under a name never used before. Raises StoreFull, StoreFailed."""
        number = PackId(self.identity.owner_epoch, next(self._numbers))
        return OpenPack(self.store, self.identity.id.bytes, number, kind, self.pack_sizes[kind])

    def leave_reserve(self) -> None:
        """See that new data leaves 1% of the volume or four packs: without room nothing could be deleted either.

        Asked for all data that comes in, also for what is here already: otherwise a full volume, which takes that and
        nothing else, would tell what others have. Raises StoreFull.
        """
        space = self.store.space()
        size = self.pack_sizes[DATA]
        if space.free < size + max(space.total // 100, 4 * size):
            raise StoreFull("packs/", size)

    def publish(self, pack: OpenPack | None, size: int, brought: Iterable[tuple[Lease, Sequence[bytes]]]) -> None:
        """Make a sealed pack's records visible and note who brought what, in one durable step.

        `brought` are the names each lease's scope brought, in the pack or here before; their packs are held. Rows are
        looked up and made without a lease's lock, so that whoever works under the lease does not wait for that.
        """
        batch = Batch()
        scoped = pack is None or pack.kind == DATA
        with self._publishing, ExitStack() as locks:
            packs_of = {} if pack is None else self.chunks.add_pack(batch, pack.id, pack.kind, size, pack.entries)
            held = [(lease, self._bring(batch, lease, names, packs_of, scoped=scoped)) for lease, names in brought]
            for lease, packs in held:
                locks.enter_context(lease.lock)
                if not lease.ended:
                    self.leases.hold(batch, lease, packs)
                elif packs:
                    # Nobody will pin it, and what the end of its lease told may have been heeded already.
                    batch.put(Table.META, GARBAGE + uuid4().bytes, lease.scope.bytes)
            self.index.apply(batch)
            self.damage.came(packs_of)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this lasts no pack is published and no lease comes to hold anything."""
        with self.writing, self._publishing:
            yield

    def _bring(
        self, batch: Batch, lease: Lease, names: Sequence[bytes], packs_of: Packs, *, scoped: bool
    ) -> set[PackId]:
        """Note names in the lease's scope; the packs they lie in."""
        packs: set[PackId] = set()
        rest: list[bytes] = []
        kind = CHUNK if scoped else PAGE
        place, prefix = chunk_prefix(kind, lease.domain), scope_prefix(lease.scope.bytes, CHUNK)
        for name in names:
            pack = packs_of.get(place + name)
            if pack is None:
                rest.append(name)
            else:
                packs.add(pack)
            if scoped:
                batch.put(Table.SCOPES, prefix + name, b"")
        packs.update(row.pack for row in self.chunks.locate(kind, lease.domain, rest) if row is not None)
        return packs

    def known_chunks(self, lease: Lease, names: Sequence[bytes]) -> dict[bytes, ChunkRow]:
        """Rows of those names that the lease's scope brought and that are still here; held before this returns."""
        prefix = scope_prefix(lease.scope.bytes, CHUNK)
        brought = self.index.get(Table.SCOPES, [prefix + name for name in names])
        mine = [name for name, value in zip(names, brought, strict=True) if value is not None]
        if not mine:
            return {}
        return self.hold_rows(lease, CHUNK, mine)

    def hold_present(self, lease: Lease, kind: int, names: Sequence[bytes]) -> set[bytes]:
        """Those of the names that are visible; their packs are held before this returns. Raises LeaseLapsed."""
        return set(self.hold_rows(lease, kind, names))

    def hold_rows(self, lease: Lease, kind: int, names: Sequence[bytes]) -> dict[bytes, ChunkRow]:
        """The same, with their rows."""
        with self.writing, lease.lock:
            self.leases.check(lease)
            rows = self.chunks.locate(kind, lease.domain, names)
            batch = Batch()
            self.leases.hold(batch, lease, {row.pack for row in rows if row is not None})
            if len(batch):
                self.index.apply(batch)
        return {name: row for name, row in zip(names, rows, strict=True) if row is not None}

    def pinned(self, root: bytes) -> RootRow | None:
        """The row of a root, its id 16 bytes, if it is pinned and not released."""
        value = self.index.get(Table.ROOTS, [root])[0]
        row = None if value is None else RootRow.decode(value)
        return None if row is None or row.released else row

    def read_root(self, root_id: UUID) -> Root | None:
        """A pinned root; None if it is not there or released. Raises RootDamaged."""
        if self.pinned(root_id.bytes) is None:
            return None
        with self._roots_lock:
            root = self._roots.get(root_id)
        if root is None:
            data = roots.read_file(self.store, root_id)
            if data is None and self.pinned(root_id.bytes) is None:
                return None  # released while we looked
            if data is None:
                raise roots.RootDamaged(root_id.hex, "its file is gone")
            root = roots.decode(root_id, data)
            with self._roots_lock:
                self._roots[root_id] = root
                while len(self._roots) > _ROOTS_KEPT:
                    self._roots.pop(next(iter(self._roots)))
        return root

    def forget_root(self, root_id: UUID) -> None:
        """A root's file is gone."""
        with self._roots_lock:
            self._roots.pop(root_id, None)

    def domain_of(self, scope: UUID) -> int:
        """The dedup domain of a scope: 0 where the volume is shared, else a number of its own."""
        if self.identity.dedup == "volume":
            return 0
        key = b"domain" + scope.bytes
        with self.writing:
            value = self.index.get(Table.META, [key])[0]
            if value is not None:
                return int.from_bytes(value, "little")
            taken = self.domains()
            # Whoever pulls its records sees the number: counted up it would tell how many scopes were here before.
            number = next(drawn for drawn in iter(_draw_domain, 0) if drawn not in taken)
            batch = Batch()
            batch.put(Table.META, key, number.to_bytes(4, "little"))
            self.index.apply(batch)
            return number

    def domains(self) -> set[int]:
        """All domains that records here may be of."""
        given = {int.from_bytes(number, "little") for _, number in self.index.scan(Table.META, b"domain")}
        return given | {0} if self.identity.dedup == "volume" else given

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock() * 1000)


def _draw_domain() -> int:
    return secrets.randbelow(_MOST_DOMAINS) + 1


def system_clock() -> float:
    """Seconds since 1970."""
    return time.time()
