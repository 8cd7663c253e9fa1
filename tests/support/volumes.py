"""Volumes to test with: small content, a client of the engine, and a machine whose power can be cut."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

from zstandard import ZstdDecompressor

from galleria_storage.chunking import cut_segment
from galleria_storage.compression import compress
from galleria_storage.digest import name_of, names_of
from galleria_storage.errors import StorageError
from galleria_storage.index.memory import MemoryIndex, Rows
from galleria_storage.index.store import Batch, Table
from galleria_storage.layout import Layout, encode_page
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import CONDEMNED, DATA, PAGES, Entry, decode_entries, parse_object_name
from galleria_storage.packs.reader import read_entries
from galleria_storage.records import CHUNK, encode_unproved_header, records_in
from galleria_storage.rules import Rule
from galleria_storage.volume import Holder, Policy, Push, Reader, Root, Volume
from galleria_storage.volume.raw import RawStream
from tests.support.invariants import check_volume
from tests.support.oracle import oracle_cut
from tests.support.pages import chunks_of
from tests.support.simulated_disk import Loss, SimulatedDisk
from tests.support.small_rule import SMALL_RULE

SMALL_PACKS = {DATA: 12 << 10, PAGES: 2 << 10}
"""Bytes at which packs are sealed: a segment or two fill one."""
CONDEMNED_SECONDS = 60


@dataclass(frozen=True)
class Content:
    """A disk's bytes and what a client makes of them: pages by segment, chunks by name."""

    data: bytes
    layout: Layout
    pages: dict[int, bytes]
    chunks: dict[bytes, bytes]
    names: dict[int, list[bytes]]


@lru_cache(maxsize=256)
def content_of(data: bytes, rule: Rule = SMALL_RULE) -> Content:
    """The content of a disk of at least one byte."""
    pages: dict[int, bytes] = {}
    chunks: dict[bytes, bytes] = {}
    names: dict[int, list[bytes]] = {}
    for segment in range(rule.segments(len(data))):
        part = data[segment * rule.segment : (segment + 1) * rule.segment]
        pieces = cut_segment(part, rule)
        found = chunks_of(part, pieces)
        if found:
            names[segment] = names_of(found)
            chunks.update(zip(names[segment], found, strict=True))
            pages[segment] = encode_page(pieces, names[segment])
    ends = tuple(name_of(pages[i]) if i in pages else None for i in range(rule.segments(len(data))))
    return Content(data, Layout(rule, len(data), ends), pages, chunks, names)


@lru_cache(maxsize=256)
def occupied_by(data: bytes, rule: Rule = SMALL_RULE) -> int:
    """Occupied bytes of a disk, by brute force."""
    parts = (data[at : at + rule.segment] for at in range(0, len(data), rule.segment))
    return sum(piece for part in parts for piece in oracle_cut(part, rule.block) if piece > 0)


def sample(segments: float, seed: int, rule: Rule = SMALL_RULE) -> bytes:
    """So many segments of bytes that do not shrink."""
    return random.Random(seed).randbytes(int(segments * rule.segment))


def record_of(chunk: bytes, level: int | None = 1, name: bytes | None = None) -> bytes:
    """A chunk as a client sends it; without a level uncompressed."""
    codec, payload = (0, chunk) if level is None else compress([chunk], level)[0]
    return encode_unproved_header(CHUNK, codec, len(chunk), len(payload), name or name_of(chunk)) + bytes(payload)


def wanted_names(names: Sequence[bytes], bits: bytes) -> list[bytes]:
    """The names at the positions whose bit is set."""
    return [name for i, name in enumerate(names) if bits[i >> 3] >> (i & 7) & 1]


@dataclass
class Told:
    """What a stream told its client, and what it asked for and was sent."""

    durable: list[int] = field(default_factory=list)
    received: int = 0
    steps: list[int] = field(default_factory=list)
    failures: list[StorageError] = field(default_factory=list)
    asked: dict[int, list[bytes]] = field(default_factory=dict)
    sent: int = 0

    def note(self, segments: list[int], received: int) -> None:
        self.durable.extend(segments)
        self.received = max(self.received, received)
        self.steps.append(received)


def send(push: Push, content: Content, segments: Iterable[int], frame: int = 4, *, flush: bool = True) -> Told:
    """Offer segments on a new stream and send what it asks for, in messages of `frame` records."""
    told = Told()
    stream = push.attach(told.note, told.failures.append)
    for segment in segments:
        bits = stream.offer_segment(segment, content.pages[segment])
        told.asked[segment] = wanted_names(content.names[segment], bits)
        records = [record_of(content.chunks[name]) for name in told.asked[segment]]
        for first in range(0, len(records), frame):
            message = b"".join(records[first : first + frame])
            stream.receive(message)
            told.sent += len(message)
    if flush:
        stream.flush()
    return told


def send_raw(push: Push, data: bytes, cuts: Sequence[int] = (), *, first: int = 0) -> Told:
    """Send bytes raw in one stream, in messages that end at `cuts`, leaving out those that are all zeros."""
    told = Told()
    stream = RawStream(push.attach(told.note, told.failures.append))
    borders = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    for start, stop in pairwise(borders):
        part = data[start:stop]
        if any(part) and (told.sent or not start % push.rule.segment):
            stream.write(first + start, part)
            told.sent += len(part)
        elif any(part):
            aligned = start - start % push.rule.segment
            stream.write(first + aligned, data[aligned:stop])
            told.sent += stop - aligned
    stream.finish(first + len(data))
    return told


def holder(scope: UUID, name: str = "disks/one") -> Holder:
    return Holder(scope, uuid4(), name)


def pushed(volume: Volume, scope: UUID, content: Content, root: UUID | None = None) -> Root:
    """Push content in one stream, pages that are known left out, and pin it."""
    push = begin(volume, scope, root)
    send(push, content, unknown_segments(push, content))
    return push.commit(content.layout, holder(scope))


def begin(volume: Volume, scope: UUID, root: UUID | None = None) -> Push:
    return volume.begin_push(scope, root or uuid4(), lease_id=uuid4(), rule=SMALL_RULE)


def unknown_segments(push: Push, content: Content) -> list[int]:
    """The segments whose pages the push does not know."""
    offers = [(segment, name_of(page)) for segment, page in content.pages.items()]
    return [segment for (segment, _), known in zip(offers, push.known_pages(offers), strict=True) if not known]


def read_range(volume: Volume, root: UUID, offset: int = 0, length: int | None = None) -> bytes:
    """Bytes of a root by range, the pieces of which must follow each other."""
    with volume.open_read(root) as reader:
        size = reader.root.layout.size - offset if length is None else length
        parts: list[bytes] = []
        for piece in reader.range(offset, size):
            assert piece.offset == offset + sum(map(len, parts))
            assert piece.data is None or len(piece.data) == piece.length
            parts.append(bytes(piece.length) if piece.data is None else piece.data)
    return b"".join(parts)


def read_records(volume: Volume, root: UUID) -> Content:
    """The content of a root by its layout, pages and records, as a client puts it together."""
    with volume.open_read(root) as reader:
        layout = reader.root.layout
        data = b"".join(_segment(reader, i) for i in range(len(layout.pages)))
        counted = volume.chunk_count(reader.root)
    content = content_of(data, layout.rule)
    assert content.layout == layout
    assert counted == sum(map(len, content.names.values()))
    return content


class Progress:
    """Watches a copy; lets it go on."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, occupied: int) -> bool:
        self.seen.append(occupied)
        return True


def _segment(reader: Reader, segment: int) -> bytes:
    rule, size = reader.root.layout.rule, reader.root.layout.size
    page = reader.page(segment)
    if page is None:
        return bytes(rule.segment_length(size, segment))
    chunks = {}
    for frame in reader.records(segment):
        for record in records_in(frame, rule):
            # Not the engine's own way.
            raw = ZstdDecompressor().decompress(record.payload) if record.codec else bytes(record.payload)
            chunks[record.name] = raw
    return b"".join(_piece(page[at : at + 36], chunks) for at in range(0, len(page), 36))


def _piece(entry: bytes, chunks: dict[bytes, bytes]) -> bytes:
    length = int.from_bytes(entry[:4], "little")
    return bytes(length & 0x7FFFFFFF) if length >> 31 else chunks[entry[4:]]


class Clock:
    """Seconds since 1970 that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class _PoweredIndex(MemoryIndex):
    """Rows that are durable when apply returns, on a machine whose power may be cut before that."""

    def __init__(self, rows: Rows, disk: SimulatedDisk) -> None:
        super().__init__(rows)
        self._disk = disk

    def apply(self, batch: Batch) -> None:
        with self._disk.lock:
            self._disk.change("apply")
            super().apply(batch)

    def load(self, table: Table, rows: Iterable[tuple[bytes, bytes]]) -> None:
        self._disk.change("load")
        super().load(table, rows)


class Machine:
    """A machine with one volume, on a disk that forgets what was not fsynced."""

    PATH = Path("/volume")

    def __init__(self, dedup: str = "volume") -> None:
        self.disk = SimulatedDisk()
        self.rows: Rows = {table: {} for table in Table}
        self.clock = Clock()
        self._dedup = dedup
        self._volume: Volume | None = None

    @property
    def volume(self) -> Volume:
        """The volume, opened when it is not."""
        if self._volume is None:
            self._volume = memory_volume(
                LocalObjectStore(self.PATH, self.disk), _PoweredIndex(self.rows, self.disk), self.clock, self._dedup
            )
        return self._volume

    def close(self) -> None:
        if self._volume is not None:
            self._volume.close()
        self._volume = None

    def crash(self, rng: random.Random, loss: Loss = Loss.MIXED) -> None:
        """Cut the power (if it is still there) and start again without the volume."""
        self.disk.cut_after(0)
        # With the power gone closing changes nothing any more; it only ends the threads.
        self.close()
        self.disk.crash(rng, loss)

    def copy(self) -> Machine:
        """Another machine whose disk and rows are what they are now, its volume not opened. The disk's lock is held."""
        other = Machine(self._dedup)
        other.disk, other.clock.now = self.disk.copy(), self.clock.now
        other.rows = {table: dict(rows) for table, rows in self.rows.items()}
        return other

    def lose_index(self) -> None:
        self.close()
        for rows in self.rows.values():
            rows.clear()

    def rows_of_leases(self) -> int:
        return len(self.rows[Table.LEASES])

    def entries_of_packs(self) -> list[list[Entry]]:
        """The footer entries of every pack that is not condemned."""
        store, found = LocalObjectStore(self.PATH, self.disk), []
        objects = {info.name: info.size for folder in ("packs/", "pages/") for info in store.list(folder)}
        for name, size in objects.items():
            parsed = parse_object_name(name)
            if parsed is not None and name + CONDEMNED not in objects:
                found.append(decode_entries(read_entries(store, *parsed, size)))
        return found

    def witness(self, contents: Mapping[UUID, bytes]) -> None:
        """See that what lies on the disk, read without the engine, is these roots and no row is a lie."""
        check_volume(LocalObjectStore(self.PATH, self.disk), contents, SMALL_RULE.segment, SMALL_RULE.block, self.rows)

    def temporaries(self) -> list[str]:
        return [entry.name for entry in self.disk.entries(self.PATH / "tmp")]


def memory_volume(
    store: ObjectStore,
    index: MemoryIndex | None = None,
    clock: Clock | None = None,
    dedup: str = "volume",
    pack_sizes: Mapping[int, int] = SMALL_PACKS,
) -> Volume:
    """A volume of the small rule with small packs."""
    return Volume(
        store,
        index or MemoryIndex(),
        rules=[SMALL_RULE],
        clock=clock or Clock(),
        policy=Policy(dedup, pack_sizes, CONDEMNED_SECONDS),
    )
