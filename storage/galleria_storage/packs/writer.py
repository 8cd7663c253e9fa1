"""An open pack: a growing object that nobody sees until it is sealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import TARGET_SIZES, Entry, PackId, encode_entries, encode_footer, encode_header
from galleria_storage.records import HEADER_SIZE, Record


class OpenPack:
    """Takes records in order; for one thread at a time. `entries` are those of its footer so far.

    Nothing is visible before `seal` returns; `abort` leaves nothing behind.
    """

    def __init__(self, store: ObjectStore, volume: bytes, pack: PackId, kind: int, target: int | None = None) -> None:
        self.id = pack
        self.kind = kind
        self.entries = bytearray()
        self._target = target or TARGET_SIZES[kind]
        self._writer = store.create(pack.object_name(kind))
        with self._leaving_nothing():
            self._writer.append(encode_header(kind, volume, pack))

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._writer.size

    @property
    def full(self) -> bool:
        """Whether the pack has reached its target size."""
        return self._writer.size >= self._target

    def append_entries(self, entries: bytes, *frames: bytes | memoryview) -> None:
        """Add records that lie back to back in `frames`, with the footer's entries for them."""
        for frame in frames:
            self._writer.append(frame)
        self.entries += entries

    def append(self, records: Sequence[Record], frame: bytes | memoryview) -> None:
        """Add records that lie back to back in `frame`, headers included. Raises StoreFull, StoreFailed."""
        self.append_entries(encode_entries(_entries(records, self._writer.size)), frame)

    def seal(self) -> int:
        """Make the pack durable and visible; returns its size in bytes.

        Raises StoreFull, StoreFailed; the pack is forgotten then.
        """
        with self._leaving_nothing():
            self._writer.append(encode_footer(self.id, self.entries, self._writer.size))
            size = self._writer.size
            self._writer.commit()
            return size

    def abort(self) -> None:
        """Forget the pack."""
        self._writer.abort()

    @contextmanager
    def _leaving_nothing(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._writer.abort()
            raise


def _entries(records: Sequence[Record], offset: int) -> Iterator[Entry]:
    for kind, codec, flags, zeros, domain, key_id, raw, stored, name, _ in records:
        yield Entry._make((name, domain, key_id, offset, raw, stored, codec, flags, zeros, kind))
        offset += HEADER_SIZE + stored
