"""Reading a root's pages, records and bytes, under a lease of its own.

Records are read in the order in which they lie, neighbours together, and checked by their XXH3-128; whoever uses
their bytes checks the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self
from uuid import uuid4

from galleria_storage.errors import StorageError
from galleria_storage.index.store import Batch
from galleria_storage.page import Page
from galleria_storage.records import CHUNK, PAGE, records_in
from galleria_storage.roots import Root
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import RecordsUnreadable, SegmentOutside
from galleria_storage.volume.pages import expanded
from galleria_storage.volume.places import LARGEST_READ, Loaded, Places, read_together, spans

_FRAME: Final = 1 << 20
_TRIES: Final = 3
_PIECE: Final = 1 << 20


class Piece(NamedTuple):
    """A piece of a disk: `data`, or None for `length` zero bytes."""

    offset: int
    length: int
    data: bytes | None


class Reader:
    """Reads one root. A context manager; safe for many threads; `close` ends its lease.

    The root may be released meanwhile: its bytes stay until the reader is closed or idle for longer than a lease.
    """

    def __init__(self, core: Core, root: Root) -> None:
        self.root = root
        self._core = core
        self._lease = core.leases.begin(uuid4(), root.holder.scope, root.id, root.domain)
        with core.writing, self._lease.lock:
            batch = Batch()
            core.leases.hold(batch, self._lease, roots=[root.id])
            core.index.apply(batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the lease. Idempotent."""
        if not self._lease.ended:
            self._core.leases.end(self._lease, Batch())

    @property
    def idle_seconds(self) -> float:
        """How long nothing may be read before its lease is over."""
        return self._core.leases.seconds

    def renew(self) -> None:
        """Go on holding the root; what reads does so by itself. Raises LeaseLapsed."""
        self._core.leases.renew(self._lease)

    def lies_on(self, core: Core) -> bool:
        """Whether the root lies on the volume of `core`."""
        return core is self._core

    def segments(self) -> Iterator[int]:
        """Numbers of the segments that are not empty, in order."""
        return (segment for segment, name in enumerate(self.root.layout.pages) if name is not None)

    def page(self, segment: int) -> bytes | None:
        """The page of a segment, checked against its name; None if the segment is empty.

        Raises SegmentOutside, RecordsUnreadable, StoreFailed, LeaseLapsed.
        """
        if not 0 <= segment < len(self.root.layout.pages):
            raise SegmentOutside("segment", segment, len(self.root.layout.pages))
        name = self.root.layout.pages[segment]
        if name is None:
            return None
        self._core.leases.renew(self._lease)
        for _ in range(_TRIES):
            page = self._page_named(name)
            if page is not None:
                return page
        raise self._unreadable(PAGE, [name])

    def pages(self, first: int = 0, count: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Number and page of each segment that is not empty, in order. Raises as `page`."""
        end = len(self.root.layout.pages) if count is None else first + count
        for segment in range(first, end):
            page = self.page(segment)
            if page is not None:
                yield segment, page

    def records(self, segment: int, wanted: bytes = b"") -> Iterator[memoryview]:
        """Records of a segment's chunks, back to back in frames of about 1 MiB, in the order in which they lie.

        `wanted` has a bit per chunk of the page, lowest first; empty means all. A name at several positions comes
        once. Raises RecordsUnreadable at the end, with the names that could not be read; else as `page`.
        """
        encoded = self.page(segment)
        if encoded is None:
            return
        names = Page.parse(encoded, self.root.layout.rule).names
        yield from self.records_named(chosen(names, wanted))

    def records_named(self, names: Sequence[bytes]) -> Iterator[memoryview]:
        """Records of chunks by name, for a caller that took the names from this root's pages. Raises as `records`."""
        for loaded in self.load(names):
            yield from framed(loaded)

    def load(self, names: Sequence[bytes]) -> Iterator[Loaded]:
        """The same, as they were read. Raises as `records`."""
        bad = list(names)
        for _ in range(_TRIES):
            self._core.leases.renew(self._lease)
            places = self._core.chunks.places(CHUNK, self.root.domain, bad)
            bad = _absent(bad, places)
            for span in spans(places, LARGEST_READ):
                good, lost = self._read_good(places[span])
                bad += lost
                yield from good
            if not bad:
                return
        raise self._unreadable(CHUNK, bad)

    def range(self, offset: int, length: int) -> Iterator[Piece]:
        """The bytes of a range in pieces of at most 1 MiB, checked against their names.

        Raises SegmentOutside, else as `records`.
        """
        layout = self.root.layout
        if not 0 <= offset <= layout.size or not 0 <= length <= layout.size - offset:
            raise SegmentOutside("end of the range", offset + length, layout.size)
        end = offset + length
        while offset < end:
            segment, start = divmod(offset, layout.rule.segment)
            stop = min(end - segment * layout.rule.segment, layout.rule.segment)
            yield from self._segment_range(segment, start, stop)
            offset = segment * layout.rule.segment + stop

    def _segment_range(self, segment: int, start: int, stop: int) -> Iterator[Piece]:
        base = segment * self.root.layout.rule.segment
        encoded = self.page(segment)
        if encoded is None:
            yield Piece(base + start, stop - start, None)
            return
        page = Page.parse(encoded, self.root.layout.rule)
        batch: list[tuple[int, int, bytes]] = []
        for begin, length, name in _overlapping(page, start, stop):
            if name is None or sum(size for _, size, _ in batch) >= _PIECE:
                yield from self._expanded(batch, base, start, stop)
                batch = []
            if name is None:
                low, high = max(begin, start), min(begin + length, stop)
                yield Piece(base + low, high - low, None)
            else:
                batch.append((begin, length, name))
        yield from self._expanded(batch, base, start, stop)

    def _expanded(self, batch: Sequence[tuple[int, int, bytes]], base: int, start: int, stop: int) -> Iterator[Piece]:
        raw: dict[bytes, bytes] = {}
        for frame in self.records_named(list(dict.fromkeys(name for _, _, name in batch))):
            for record in records_in(frame, self._core.rule):
                raw[record.name] = expanded(record) or b""
        for begin, length, name in batch:
            if not raw[name]:
                raise self._unreadable(CHUNK, [name])
            low, high = max(begin, start), min(begin + length, stop)
            yield Piece(base + low, high - low, raw[name][low - begin : high - begin])

    def _page_named(self, name: bytes) -> bytes | None:
        places = self._core.chunks.places(PAGE, self.root.domain, [name])
        for loaded in read_together(self._core.store, places)[0] if len(places) else ():
            page = expanded(next(records_in(loaded.data, self.root.layout.rule)))
            if page is not None:
                return page
        return None

    def _unreadable(self, kind: int, names: Sequence[bytes]) -> RecordsUnreadable:
        self._core.examine(kind, self.root.domain, names)
        return RecordsUnreadable(names)

    def _read_good(self, places: Places) -> tuple[list[Loaded], list[bytes]]:
        try:
            return read_together(self._core.store, places)
        except StorageError:
            return [], places.names.tolist()


def _absent(names: Sequence[bytes], places: Places) -> list[bytes]:
    if len(places) == len(names):
        return []
    found = set(places.names.tolist())
    return [name for name in names if name not in found]


def chosen(names: Sequence[bytes], wanted: bytes) -> list[bytes]:
    """Distinct names at the positions whose bit is set; all distinct names when there are no bits."""
    if not wanted:
        return list(dict.fromkeys(names))
    bits = int.from_bytes(wanted, "little")
    return list(dict.fromkeys(name for position, name in enumerate(names) if bits >> position & 1))


def framed(loaded: Loaded) -> Iterator[memoryview]:
    """What was read in frames of whole records of about 1 MiB."""
    places = loaded.places
    base = places.starts[0]
    for frame in spans(places, _FRAME):
        yield loaded.data[places.starts[frame.start] - base : places.ends[frame.stop - 1] - base]


def _overlapping(page: Page, start: int, stop: int) -> Iterator[tuple[int, int, bytes | None]]:
    names = iter(page.names)
    begin = 0
    for entry in page.lengths:
        length = abs(entry)
        name = None if entry < 0 else next(names)
        if begin < stop and begin + length > start:
            yield begin, length, name
        begin += length
