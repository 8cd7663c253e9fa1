"""Reading sealed packs: their footers, and what can be saved where a footer is damaged."""

from __future__ import annotations

from collections.abc import Iterator

from galleria_storage.errors import RecordInvalid
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.format import (
    HEADER_SIZE,
    MAX_SIZE,
    TRAILER_SIZE,
    Entry,
    PackDamaged,
    PackId,
    check_footer,
    encode_entries,
    footer_bounds,
)
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.records import good_check, records_in
from galleria_storage.rules import Rule


def read_entries(store: ObjectStore, kind: int, pack: PackId, size: int) -> bytes:
    """The entries of a sealed pack of `size` bytes, as they stand in its footer. Raises PackDamaged, StoreFailed."""
    name = pack.object_name(kind)
    if size > MAX_SIZE:
        raise PackDamaged(name, f"it has {size} bytes; the largest pack has {MAX_SIZE}")
    trailer = store.read(name, max(0, size - TRAILER_SIZE), TRAILER_SIZE) or b""
    offset, length = footer_bounds(trailer, pack, size)
    footer = store.read(name, offset, length) or b""
    check_footer(pack, footer, trailer)
    return footer


def entries_or_salvage(store: ObjectStore, kind: int, pack: PackId, size: int, rule: Rule) -> bytes:
    """The entries of a sealed pack; of one with a damaged footer those of its good records. Raises StoreFailed."""
    try:
        return read_entries(store, kind, pack, size)
    except PackDamaged:
        return salvage_entries(store, kind, pack, rule)


def salvage_entries(store: ObjectStore, kind: int, pack: PackId, rule: Rule) -> bytes:
    """The same of every good record from the start of a pack on, for one whose footer is lost."""
    data = memoryview(store.read(pack.object_name(kind), 0, MAX_SIZE) or b"")[HEADER_SIZE:]
    return encode_entries(_good_entries(data, rule))


def _good_entries(data: memoryview, rule: Rule) -> Iterator[Entry]:
    offset = 0
    try:
        for record in records_in(data, rule):
            length = RECORD_HEADER + record.stored_length
            if good_check(data, offset, length):
                kind, codec, flags, zeros, domain, key_id, raw, stored, name, _ = record
                yield Entry(name, domain, key_id, HEADER_SIZE + offset, raw, stored, codec, flags, zeros, kind)
            offset += length
    except RecordInvalid:
        return
