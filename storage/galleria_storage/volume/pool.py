"""The open packs that the pushes on a volume share, and their sealing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final, NamedTuple, Protocol

from galleria_storage.errors import StorageError
from galleria_storage.objects.errors import StoreFull
from galleria_storage.packs.format import DATA, HEADER_SIZE
from galleria_storage.packs.writer import OpenPack
from galleria_storage.volume.core import Core, Stored
from galleria_storage.volume.errors import VolumeClosed
from galleria_storage.volume.leases import Lease

SLOTS: Final = 4
_log = logging.getLogger(__name__)
OLDEST_SECONDS: Final = 5.0
_SEALING_AT_ONCE: Final = 3


class Arrivals(Protocol):
    """Who sent records and waits for them to be durable. Called from the sealing threads."""

    lease: Lease

    def landed(self, names: Sequence[bytes], received: int) -> None:
        """These names are durable; `received` wire bytes brought them."""
        ...

    def lost(self, error: StorageError) -> None:
        """What was not durable yet never will be: send it again."""
        ...


class _Arrival(NamedTuple):
    owner: Arrivals
    names: Sequence[bytes]
    received: int


class _Slot:
    """One open pack with those who wait for it. `virtual` counts bytes of records that were there already."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.lock = threading.Lock()
        self.pack: OpenPack | None = None
        self.arrivals: list[_Arrival] = []
        self.virtual = 0
        self.oldest = 0.0

    @property
    def full(self) -> bool:
        size = self.virtual + (self.pack.size if self.pack else HEADER_SIZE)
        return size >= self._target


class PackPool:
    """At most four open data packs a volume. Safe for many threads."""

    def __init__(self, core: Core, suspect: Callable[[StorageError], None]) -> None:
        self._core = core
        self._suspect = suspect
        self._slots = [_Slot(core.pack_sizes[DATA]) for _ in range(SLOTS)]
        self._sealing = threading.Semaphore(_SEALING_AT_ONCE)
        self._threads = ThreadPoolExecutor(2, "seal")
        self._under_way: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def append(self, slot: int, owner: Arrivals, records: Sequence[Stored], names: Sequence[bytes], wire: int) -> None:
        """Take records into the open pack of a slot. May wait while packs are being sealed.

        `names` are all that arrived, in `wire` bytes; `records` those of them that the volume lacks. Raises StoreFull,
        StoreFailed, VolumeClosed.
        """
        chosen = self._slots[slot % SLOTS]
        frame = b"".join([part for record, header in records for part in (header, record.payload)])
        with chosen.lock:
            if self._closed:
                raise VolumeClosed
            if not chosen.arrivals:
                self._core.leave_reserve()
                chosen.oldest = time.monotonic()
            if records:
                if chosen.pack is None:
                    chosen.pack = self._core.open_pack(DATA)
                self._write(chosen, records, frame)
            # Bytes that were here before count towards sealing: when "durable" comes must not tell who had them.
            chosen.virtual += wire - len(frame)
            chosen.arrivals.append(_Arrival(owner, names, wire))
            if chosen.full:
                self._detach(chosen)

    def seal(self, slot: int) -> None:
        """Begin to seal a slot's pack, if anything waits for it."""
        chosen = self._slots[slot % SLOTS]
        with chosen.lock:
            self._detach(chosen)

    def flush(self, slot: int) -> None:
        """Seal a slot's pack and wait for all sealing that is under way."""
        self.seal(slot)
        with self._lock:
            waiting = set(self._under_way)
        wait(waiting)

    def seal_old(self) -> None:
        """Begin to seal every pack whose oldest record has waited for five seconds."""
        limit = time.monotonic() - OLDEST_SECONDS
        for chosen in self._slots:
            with chosen.lock:
                if chosen.arrivals and chosen.oldest <= limit:
                    self._detach(chosen)

    def close(self) -> None:
        """Seal what is open and stop. Idempotent."""
        self._closed = True
        for number in range(SLOTS):
            self.seal(number)
        self._threads.shutdown(wait=True)

    def _write(self, slot: _Slot, records: Sequence[Stored], frame: bytes) -> None:
        pack = slot.pack
        if pack is None:
            raise VolumeClosed
        try:
            pack.append([record for record, _ in records], frame)
        except StorageError as error:
            self._fail(slot, error)
            raise

    def _fail(self, slot: _Slot, error: StorageError) -> None:
        pack, arrivals = slot.pack, slot.arrivals
        slot.pack, slot.arrivals, slot.virtual = None, [], 0
        if pack is not None:
            pack.abort()
        for owner in {arrival.owner for arrival in arrivals}:
            owner.lost(error)

    def _detach(self, slot: _Slot) -> None:
        if not slot.arrivals:
            return
        self._sealing.acquire()
        pack, arrivals = slot.pack, slot.arrivals
        slot.pack, slot.arrivals, slot.virtual = None, [], 0
        future = self._threads.submit(self._seal, pack, arrivals)
        with self._lock:
            self._under_way.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        self._sealing.release()
        with self._lock:
            self._under_way.discard(future)

    def _seal(self, pack: OpenPack | None, arrivals: list[_Arrival]) -> None:
        owners = _by_owner(arrivals)
        try:
            size = 0 if pack is None else pack.seal()
            self._core.publish(pack, size, [(owner.lease, names) for owner, (names, _) in owners.items()])
        except StorageError as error:
            # A full disk is no doubtful one: it takes new work as soon as there is room.
            if not isinstance(error, StoreFull):
                self._suspect(error)
            for owner in owners:
                owner.lost(error)
            return
        for owner, (names, received) in owners.items():
            try:
                owner.landed(names, received)
            except Exception:  # noqa: BLE001 - whatever it is, it is logged and the others are told
                # One owner that cannot be told must not keep the others from being told.
                _log.exception("a push could not be told what is durable")


def _by_owner(arrivals: Sequence[_Arrival]) -> dict[Arrivals, tuple[list[bytes], int]]:
    owners: dict[Arrivals, tuple[list[bytes], int]] = {}
    for owner, names, received in arrivals:
        known, total = owners.get(owner, ([], 0))
        known.extend(names)
        owners[owner] = (known, total + received)
    return owners
