"""Repair: what a root lacks is brought from another root with the same layout, on any volume. It only adds.

Chunks come before the page that names them, so that a crash leaves no page that is thought to be whole; what no source
has is noted as missing before its page can be read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Final, Self

from galleria_storage.errors import StorageError
from galleria_storage.packs.format import DATA, PAGES
from galleria_storage.packs.writer import OpenPack
from galleria_storage.records import CHUNK, PAGE, Record, encode_header, records_in
from galleria_storage.volume import intake
from galleria_storage.volume.core import Core, Stored
from galleria_storage.volume.errors import LayoutDiffers
from galleria_storage.volume.pages import chunk_names
from galleria_storage.volume.reading import Reader
from galleria_storage.volume.rows import chunk_key, chunk_of
from galleria_storage.volume.source import Source

_PAGES_AT_ONCE: Final = 64
_KINDS: Final = {CHUNK: DATA, PAGE: PAGES}


def repair(core: Core, own: Reader, source: Source, going: Callable[[], None]) -> int:
    """Bring what a root is known to lack, as far as the source has it; how many records came.

    `own` reads the root, and keeps it meanwhile. `going` is called all the time and may raise; packs that are sealed by
    then stay. Raises LayoutDiffers, LeaseLapsed, StoreFull, StoreFailed.
    """
    if source.root.layout != own.root.layout:
        raise LayoutDiffers(own.root.id, source.root.id)
    return _Repair(core, own, source, going).run()


class _Repair:
    def __init__(self, core: Core, own: Reader, source: Source, going: Callable[[], None]) -> None:
        self._core = core
        self._root = own.root
        self._source = source
        self._own = own
        self._tell = going
        self._brought = 0

    def run(self) -> int:
        lost = [chunk_of(key) for key in sorted(self._core.damage.lacking().get(self._root.id, ()))]
        self._bring_chunks([name for kind, _, name in lost if kind == CHUNK])
        pages = iter(self._lost_pages({name for kind, _, name in lost if kind == PAGE}))
        while some := list(islice(pages, _PAGES_AT_ONCE)):
            self._bring_pages(some)
        return self._brought

    def _going(self) -> None:
        self._tell()
        self._own.renew()

    def _lost_pages(self, names: set[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Name and bytes of each of these pages that the source has."""
        for segment, name in enumerate(self._root.layout.pages):
            if name in names:
                self._going()
                names.discard(name)
                try:
                    encoded = self._source.page(segment)
                except StorageError:
                    continue
                if encoded is not None:
                    yield name, encoded

    def _bring_pages(self, pages: Sequence[tuple[bytes, bytes]]) -> None:
        chunks = list(dict.fromkeys(name for _, encoded in pages for name in chunk_names(encoded).tolist()))
        absent = self._absent(chunks)
        self._bring_chunks(absent)
        self._note(self._absent(absent))
        with _Packs(self._core, PAGE) as packs:
            for name, encoded in pages:
                packs.add(_page(name, encoded, self._root.domain))
            self._brought += packs.finish()

    def _bring_chunks(self, names: Sequence[bytes]) -> None:
        if not names:
            return
        with _Packs(self._core, CHUNK) as packs:
            for record in self._records(names):
                self._going()
                packs.add(record)
            self._brought += packs.finish()

    def _records(self, names: Sequence[bytes]) -> Iterator[Stored]:
        """The chunks that the source has, each held against its name: expanded one at a time, as they come."""
        rule = self._root.layout.rule
        try:
            for loaded in self._source.load(names):
                for record in records_in(loaded.data, rule):
                    try:
                        yield from intake.verify([record], rule, self._root.domain)
                    except StorageError:
                        continue
        except StorageError:
            return

    def _absent(self, names: Sequence[bytes]) -> list[bytes]:
        present = self._core.chunks.present(CHUNK, self._root.domain, names)
        return [name for name in names if name not in present]

    def _note(self, names: Sequence[bytes]) -> None:
        """Let chunks count as missing: until their page came nobody could know of them."""
        if names:
            with self._core.alone():
                self._core.damage.note_absent([chunk_key(CHUNK, self._root.domain, name) for name in names])


class _Packs:
    """Packs that take records of one kind. A context manager: leaving it with an error forgets the open one."""

    def __init__(self, core: Core, kind: int) -> None:
        self._core = core
        self._kind = kind
        self._pack: OpenPack | None = None
        self._records = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pack is not None:
            self._pack.abort()

    def add(self, stored: Stored) -> None:
        """Take a record that is fit to be stored. Raises StoreFull, StoreFailed."""
        record, header = stored
        if self._pack is None:
            self._core.leave_reserve()
            self._pack = self._core.open_pack(_KINDS[self._kind])
        self._pack.append([record], header + record.payload)
        self._records += 1
        if self._pack.full:
            self._seal()

    def finish(self) -> int:
        """Make all of it durable and visible; how many records there were. Raises StoreFull, StoreFailed."""
        self._seal()
        return self._records

    def _seal(self) -> None:
        pack, self._pack = self._pack, None
        if pack is not None:
            self._core.publish(pack, pack.seal(), ())


def _page(name: bytes, encoded: bytes, domain: int) -> Stored:
    payload = memoryview(encoded)
    header = encode_header(PAGE, 0, 0, 0, domain, len(payload), name, payload)
    return Stored(Record(PAGE, 0, 0, 0, domain, 0, len(payload), len(payload), name, payload), header)
