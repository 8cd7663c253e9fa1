"""Reading sealed packs: their footers, and what can be saved where a footer is damaged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final, TypeAlias

import numpy as np

from galleria_storage.compression import expand
from galleria_storage.digest import name_of
from galleria_storage.errors import StorageError
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.objects.store import ObjectStore
from galleria_storage.packs.arrays import ENTRIES, allowed, gapless
from galleria_storage.packs.format import (
    DATA,
    HEADER_SIZE,
    MAX_SIZE,
    PAGES,
    TRAILER_SIZE,
    Entry,
    PackDamaged,
    PackId,
    check_footer,
    encode_entries,
    footer_bounds,
)
from galleria_storage.proof import prove
from galleria_storage.records import CHUNK, MAGIC, PAGE, Record, good_check, records_in
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.rules import Rule

Domains: TypeAlias = Collection[int] | None
"""Domains of which records may be, None for any."""
_RECORDS_OF: Final = {DATA: CHUNK, PAGES: PAGE}
_PIECE: Final = 1 << 20
_BLOCK: Final = 4096
"""What is lost at least where a piece cannot be read as a whole."""


def read_entries(store: ObjectStore, kind: int, pack: PackId, size: int) -> bytes:
    """The entries of a sealed pack of `size` bytes, as they stand in its footer. Raises PackDamaged, StoreFailed."""
    name = pack.object_name(kind)
    if size > MAX_SIZE:
        raise PackDamaged(name, f"it has {size} bytes; the largest pack has {MAX_SIZE}")
    trailer = store.read(name, max(0, size - TRAILER_SIZE), TRAILER_SIZE) or b""
    offset, length = footer_bounds(trailer, pack, size)
    footer = store.read(name, offset, length) or b""
    check_footer(pack, footer, trailer)
    if not gapless(np.frombuffer(footer, ENTRIES), offset):
        raise PackDamaged(name, "its footer has records that do not lie back to back")
    return footer


def read_allowed_entries(store: ObjectStore, kind: int, pack: PackId, size: int, rule: Rule) -> bytes:
    """The same, of records that the format and `rule` allow. Raises PackDamaged, StoreFailed."""
    footer = read_entries(store, kind, pack, size)
    if not allowed(np.frombuffer(footer, ENTRIES), kind, rule):
        raise PackDamaged(pack.object_name(kind), "its footer has records that no pack of its kind may have")
    return footer


def entries_or_salvage(
    store: ObjectStore, kind: int, pack: PackId, size: int, rule: Rule, domains: Domains = None
) -> bytes:
    """The entries of a sealed pack; of one with a damaged footer those of its good records in these domains.

    Raises StoreFailed.
    """
    try:
        return read_allowed_entries(store, kind, pack, size, rule)
    except (PackDamaged, StoreFailed):
        return salvage_entries(store, kind, pack, rule, size, domains=domains)


def salvage_entries(
    store: ObjectStore,
    kind: int,
    pack: PackId,
    rule: Rule,
    size: int = MAX_SIZE,
    going: Callable[[], None] = lambda: None,
    domains: Domains = None,
) -> bytes:
    """The same of every good record in the first `size` bytes of a pack, wherever one begins; its footer is lost.

    None for `domains` stands for all; a record of any other is part of a chunk that somebody made up. `going` is called
    all the time and may raise. Raises StoreFailed where nothing of the pack can be read.
    """
    found = _good_entries(_read_what_can_be(store, pack.object_name(kind), size, going), kind, rule, going)
    return encode_entries(entry for entry in found if domains is None or entry.domain in domains)


def _good_entries(data: bytes | bytearray, pack_kind: int, rule: Rule, going: Callable[[], None]) -> Iterator[Entry]:
    view = memoryview(data)
    offset = data.find(MAGIC, HEADER_SIZE)
    while offset >= 0:
        going()
        record = _record_at(view[offset:], pack_kind, rule)
        if record is None:
            offset += 1
        else:
            kind, codec, flags, zeros, domain, key_id, raw, stored, name, _ = record
            yield Entry(name, domain, key_id, offset, raw, stored, codec, flags, zeros, kind)
            offset += RECORD_HEADER + stored
        offset = data.find(MAGIC, offset)


def _record_at(view: memoryview, pack_kind: int, rule: Rule) -> Record | None:
    """The record that a pack's bytes begin with, if it has its check and its name, and is what such a pack holds.

    The check alone would not do: what looks like a record may be part of a chunk that somebody made up.
    """
    try:
        record = next(records_in(view, rule))
        if record.kind != _RECORDS_OF[pack_kind] or not good_check(view, 0, RECORD_HEADER + record.stored_length):
            return None
        raw = expand(record.codec, record.payload, record.raw_length, record.raw_length)
        proof = prove(raw, rule) if record.kind == CHUNK else (0, 0)
    except StorageError:
        return None
    return record if (record.flags, record.zeros) == proof and name_of(raw) == record.name else None


def _read_what_can_be(store: ObjectStore, name: str, size: int, going: Callable[[], None]) -> bytearray:
    """A pack's bytes, with zeros where it cannot be read. Raises StoreFailed if it cannot be read anywhere."""
    data = bytearray()
    failures: list[StoreFailed] = []
    for start in range(0, min(size, MAX_SIZE), _PIECE):
        length = min(_PIECE, size - start)
        part = _read_part(store, name, start, length, failures, going)
        data += part
        if len(part) < length:
            break
    if failures and data.count(0) == len(data):
        raise failures[0]
    return data


def _read_part(
    store: ObjectStore, name: str, start: int, length: int, failures: list[StoreFailed], going: Callable[[], None]
) -> bytes:
    going()
    try:
        return store.read(name, start, length) or b""
    except StoreFailed as error:
        failures.append(error)
    blocks = []
    for offset in range(start, start + length, _BLOCK):
        going()
        try:
            blocks.append(store.read(name, offset, _BLOCK) or b"")
        except StoreFailed:
            blocks.append(bytes(_BLOCK))
    return b"".join(blocks)
