"""The packs that a copy fills, one after the other: reading, writing and sealing side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from galleria_storage.packs.format import DATA, ENTRY_SIZE, HEADER_SIZE, MAX_SIZE, TRAILER_SIZE
from galleria_storage.packs.writer import OpenPack
from galleria_storage.page import Page
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.records import encode_header, records_in
from galleria_storage.volume.core import Core
from galleria_storage.volume.leases import Lease
from galleria_storage.volume.places import Loaded
from galleria_storage.volume.rows import ChunkRow
from galleria_storage.volume.segments import Proof, SegmentTable

_WRITES_AT_ONCE: Final = 8
_SEGMENTS_AT_ONCE: Final = 64


@dataclass(slots=True)
class _Load:
    """A pack on its way, and the segments that are whole once it is sealed."""

    pack: OpenPack | None = None
    size: int = HEADER_SIZE
    records: int = 0
    writes: list[Future[None]] = field(default_factory=list)
    names: set[bytes] = field(default_factory=set)
    segments: list[tuple[int, Page, bytes]] = field(default_factory=list)
    proofs: dict[bytes, Proof] = field(default_factory=dict)


class Loading:
    """Takes what was read, in the layout's order. A context manager: leaving it with an error forgets open packs."""

    def __init__(self, core: Core, lease: Lease, segments: SegmentTable) -> None:
        self._core = core
        self._lease = lease
        self._segments = segments
        self._writer = ThreadPoolExecutor(1, "copy-write")
        self._sealer = ThreadPoolExecutor(1, "copy-seal")
        self._room = threading.Semaphore(_WRITES_AT_ONCE)
        self._load = _Load()
        self._sealing: tuple[Future[None], _Load] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.shutdown(wait=True, cancel_futures=True)
        self._sealer.shutdown(wait=True, cancel_futures=True)
        sealing = [] if self._sealing is None else [self._sealing[1]]
        for load in (self._load, *sealing):
            # One that was sealed stays; one whose sealing never began does not.
            if load.pack is not None:
                load.pack.abort()

    def without(self, names: Iterable[bytes]) -> list[bytes]:
        """Those of the names that are not on their way already."""
        open_, sealing = self._load.proofs, {} if self._sealing is None else self._sealing[1].proofs
        return [name for name in names if name not in open_ and name not in sealing]

    def open_segment(self, page: Page) -> None:
        """Chunks of this page come next. Seals what is open if they might not fit the largest pack with it.

        Raises StoreFull, and what sealing raised.
        """
        most = page.occupied + len(page.names) * (RECORD_HEADER + ENTRY_SIZE)
        if self._load.size + self._load.records * ENTRY_SIZE + most + TRAILER_SIZE > MAX_SIZE:
            self._hand_over()
        if not self._load.segments:
            self._core.leave_reserve()

    def add(self, loaded: Loaded) -> None:
        """Take records that were read and are good. Waits while too much is unwritten."""
        load = self._load
        domain = self._lease.domain
        entries = loaded.places.entries(domain, load.size)
        load.proofs.update(loaded.places.proofs())
        data = loaded.data if _domain(loaded) == domain else _moved(loaded, domain, self._core)
        load.size += len(data)
        load.records += len(loaded.places)
        if load.pack is None:
            load.pack = self._core.open_pack(DATA)
        self._room.acquire()
        load.writes.append(self._writer.submit(self._write, load.pack, entries, data))

    def close_segment(self, segment: int, page: Page, encoded: bytes, rows: Mapping[bytes, ChunkRow]) -> None:
        """All chunks of a segment were added, are here by `rows`, or were on their way; seals a pack that is full."""
        load = self._load
        load.segments.append((segment, page, encoded))
        load.names.update(page.names)
        load.proofs.update({name: row.proof for name, row in rows.items()})
        if load.size >= self._core.pack_sizes[DATA] or len(load.segments) >= _SEGMENTS_AT_ONCE:
            self._hand_over()

    def leave_segment(self, names: Iterable[bytes]) -> None:
        """Chunks of a segment are missing: those of its names that were added stay, held for another try."""
        self._load.names.update(name for name in names if name in self._load.proofs)
        if self._load.size >= self._core.pack_sizes[DATA]:
            self._hand_over()

    def finish(self) -> None:
        """Seal what is open; everything is durable on return. Raises what writing or sealing raised."""
        self._hand_over()
        self._join()

    def _hand_over(self) -> None:
        before = {} if self._sealing is None else self._sealing[1].proofs
        self._join()
        load, self._load = self._load, _Load()
        # Chunks of these segments may lie in the pack sealed just before.
        for name in load.names - load.proofs.keys():
            load.proofs[name] = before[name]
        self._sealing = (self._sealer.submit(self._seal, load), load)

    def _join(self) -> None:
        sealing, self._sealing = self._sealing, None
        if sealing is not None:
            sealing[0].result()

    def _write(self, pack: OpenPack, entries: bytes, data: memoryview | bytes) -> None:
        try:
            pack.append_entries(entries, data)
        finally:
            self._room.release()

    def _seal(self, load: _Load) -> None:
        try:
            for write in load.writes:
                write.result()
            size = 0 if load.pack is None else load.pack.seal()
        except BaseException:
            if load.pack is not None:
                load.pack.abort()
            raise
        self._core.publish(load.pack, size, [(self._lease, list(load.names))])
        self._segments.settle(load.segments, proofs=load.proofs)


def _domain(loaded: Loaded) -> int:
    return int.from_bytes(loaded.data[24:28], "little")


def _moved(loaded: Loaded, domain: int, core: Core) -> bytes:
    """The records as they lie in another domain: the header has it, so the check changes."""
    parts: list[bytes | memoryview] = []
    for r in records_in(loaded.data, core.rule):
        parts += (encode_header(r.kind, r.codec, r.flags, r.zeros, domain, r.raw_length, r.name, r.payload), r.payload)
    return b"".join(parts)
