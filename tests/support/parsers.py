"""Every parser of stored and received bytes: seeds, the errors it may raise, the memory it may take, and a judge.

A judge knows FORMAT.md, not the parser: what was accepted must mean what the bytes say. It raises AssertionError.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from google.protobuf.message import DecodeError

from galleria.v1 import disks_pb2
from galleria.v1.record_messages import (
    ReadRecords,
    read_push_request,
    read_read_records,
    write_push_records,
    write_read_records,
)
from galleria_storage import roots
from galleria_storage.compression import expand
from galleria_storage.errors import FrameRefused, LayoutInvalid, PageInvalid, RecordInvalid, UnknownRule
from galleria_storage.layout import Layout, Page
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs import bad
from galleria_storage.packs.format import PackDamaged, PackId
from galleria_storage.packs.reader import read_allowed_entries, salvage_entries
from galleria_storage.records import records_in
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume import identity
from galleria_storage.volume.errors import VolumeUnreadable
from tests.support import judges
from tests.support.seals import sealed_bad, sealed_pack, sealed_record, sealed_root, unsealed
from tests.vectors.inputs import length_of

VECTORS: Final = Path(__file__).parents[1] / "vectors"
KIB: Final = 1 << 10
PACK: Final = PackId(3, 1)
_PACK_FILE: Final = VECTORS / "volume-1" / "packs" / "00000003-00000001"

# Bounds of memory in bytes, and in bytes for each byte of input.
RECORD_MEMORY: Final = 16 * KIB, 12
"""A record is a tuple of numbers with its name and a view of its payload: about 700 bytes, for 73 or more."""
PAYLOAD_MEMORY: Final = BLOCK_CDC_1.max_chunk + 16 * KIB, 1
"""What is expanded is at most the longest chunk of the rule, and made once; a raw payload is copied."""
PAGE_MEMORY: Final = 16 * KIB, 8
"""An entry of 36 bytes becomes a length and a name, each an object in two lists and then tuples: about 200 bytes."""
LAYOUT_MEMORY: Final = 16 * KIB + 3 * 8 * BLOCK_CDC_1.max_segments, 8
"""A pointer for each of the largest disk's segments, in a list that grows and a tuple; a name for each entry."""
ROOT_MEMORY: Final = LAYOUT_MEMORY[0], 10
"""As its layout, cut out of the file."""
PACK_MEMORY: Final = 64 * KIB, 4
"""Read piece by piece and joined; arrays of the footer, as long as there are bytes of it."""
SALVAGE_MEMORY: Final = BLOCK_CDC_1.max_chunk + 64 * KIB, 8
"""As a pack, one chunk expanded at a time, an entry for each good record."""
BAD_MEMORY: Final = 16 * KIB, 32
"""Four bytes become a number in a set."""
IDENTITY_MEMORY: Final = 64 * KIB, 64
"""Two bytes of JSON may be an empty list; no more of it is read than 64 KiB."""
MESSAGE_MEMORY: Final = 16 * KIB, 8
"""The generated classes copy fields once."""


class Parser(NamedTuple):
    """One parser. It may take `memory` bytes, and `factor` for each byte of its input, at its highest."""

    name: str
    seeds: tuple[bytes, ...]
    parse: Callable[[bytes], Any]
    errors: tuple[type[Exception], ...]
    judge: Callable[[bytes, Any], None]
    seal: Callable[[bytes], bytes]
    memory: int
    factor: int


def examine(parser: Parser, data: bytes) -> bool:
    """Whether the parser accepts `data`. Raises what it must not raise, and AssertionError where it is wrong."""
    found, accepted, taken = parsed(parser, data)
    assert taken <= parser.memory + parser.factor * len(data), f"{taken} bytes of memory for {len(data)}"
    if accepted:
        parser.judge(data, found)
    return accepted


def parsed(parser: Parser, data: bytes) -> tuple[Any, bool, int]:
    """What the parser makes of `data`, whether it accepts it, and the most memory that it took, in bytes."""
    # Only here: whatever makes the data is slow while memory is counted.
    tracemalloc.start()
    try:
        try:
            found, accepted = parser.parse(data), True
        except parser.errors as error:
            found, accepted = str(error), False
        return found, accepted, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@cache
def parsers() -> dict[str, Parser]:
    """All of them, by name."""
    return {parser.name: parser for parser in (*_formats(), *_files(), *_messages())}


def _formats() -> Iterable[Parser]:
    records = tuple(bytes.fromhex(case[form]) for case in _cases("records") for form in ("stored", "sent_by_a_client"))
    payloads = tuple(map(_payload_seed, _cases("frames"))) + tuple(_payload_of(record) for record in records)
    disks = _cases("disks")
    pages = tuple(bytes.fromhex(page["page"]) for disk in disks for page in disk["pages"])
    layouts = tuple(bytes.fromhex(disk["layout"]) for disk in disks)
    yield Parser(
        "record",
        (*records, b"".join(records)),
        lambda data: list(records_in(data, BLOCK_CDC_1)),
        (RecordInvalid,),
        judges.records,
        sealed_record,
        *RECORD_MEMORY,
    )
    yield Parser("payload", payloads, _expanded, (FrameRefused,), judges.payload, unsealed, *PAYLOAD_MEMORY)
    yield Parser("page", pages, _page, (PageInvalid,), judges.page, unsealed, *PAGE_MEMORY)
    refusals = (LayoutInvalid, UnknownRule)
    yield Parser("layout", layouts, Layout.parse, refusals, judges.layout, unsealed, *LAYOUT_MEMORY)


def _files() -> Iterable[Parser]:
    files = tuple(bytes.fromhex(case["file"]) for case in _cases("roots"))
    refusals = (roots.RootDamaged, LayoutInvalid, UnknownRule)
    yield Parser("root", files, _root, refusals, judges.root, sealed_root, *ROOT_MEMORY)
    pack = (_PACK_FILE.read_bytes(),)
    yield Parser("pack", pack, _footer, (PackDamaged,), judges.pack, sealed_pack, *PACK_MEMORY)
    yield Parser("salvage", pack, _salvaged, (), judges.salvage, sealed_pack, *SALVAGE_MEMORY)
    markers = (bad.encode([48]), bad.encode([48, 1000, 2000]), bad.encode([]))
    yield Parser("bad", markers, bad.decode, (), judges.bad, sealed_bad, *BAD_MEMORY)
    about = ((VECTORS / "volume-1" / identity.OBJECT).read_bytes(),)
    refused = (VolumeUnreadable,)
    yield Parser("identity", about, _taken_over, refused, judges.identity, unsealed, *IDENTITY_MEMORY)


def _messages() -> Iterable[Parser]:
    record = bytes.fromhex(_cases("records")[0]["stored"])
    page = bytes.fromhex(_cases("disks")[0]["pages"][0]["page"])
    pushed = [
        disks_pb2.PushRequest(attach=disks_pb2.Attach(session="5f0c3ad2")),
        disks_pb2.PushRequest(offer_pages=disks_pb2.OfferPages(segments=[0, 1, 300], digests=bytes(96))),
        disks_pb2.PushRequest(offer_segment=disks_pb2.OfferSegment(segment=3, page=page)),
        disks_pb2.PushRequest(flush=disks_pb2.Flush()),
    ]
    asked = (write_push_records([record], len(record)), *(message.SerializeToString() for message in pushed))
    read = [ReadRecords(3, record, True), ReadRecords(0, record * 3, False), ReadRecords(1 << 31, b"", True)]
    answers = tuple(map(write_read_records, read))
    refused = (DecodeError,)
    yield Parser("push request", asked, read_push_request, refused, judges.push_request, unsealed, *MESSAGE_MEMORY)
    yield Parser("read records", answers, read_read_records, refused, judges.read_records, unsealed, *MESSAGE_MEMORY)


def _cases(name: str) -> list[dict[str, Any]]:
    """The cases of a file of vectors, accepted and refused ones alike."""
    vectors = json.loads((VECTORS / f"{name}.json").read_text())
    return [case for cases in vectors.values() if isinstance(cases, list) for case in cases]


def _payload_seed(case: dict[str, Any]) -> bytes:
    raw_length = case["raw_length"] if "raw_length" in case else sum(map(length_of, case["raw"]))
    return judges.PAYLOAD.pack(raw_length, 1) + bytes.fromhex(case["frame"])


def _payload_of(record: bytes) -> bytes:
    return judges.PAYLOAD.pack(int.from_bytes(record[32:36], "little"), record[21]) + record[72:]


def _expanded(data: bytes) -> bytes:
    raw_length, codec = judges.PAYLOAD.unpack_from(data.ljust(judges.PAYLOAD.size, b"\0"))
    return expand(codec, data[judges.PAYLOAD.size :], raw_length, BLOCK_CDC_1.max_chunk)


def _page(data: bytes) -> Page:
    return Page.parse(data, BLOCK_CDC_1)


def _root(data: bytes) -> roots.Root:
    return roots.decode(UUID(bytes=data[8:24].ljust(16, b"\0")), data)


def _footer(data: bytes) -> bytes:
    return read_allowed_entries(_store_of(PACK.object_name(1), data), 1, PACK, len(data), BLOCK_CDC_1)


def _salvaged(data: bytes) -> bytes:
    return salvage_entries(_store_of(PACK.object_name(1), data), 1, PACK, BLOCK_CDC_1)


def _taken_over(data: bytes) -> bytes:
    """What is written when a volume is opened; nothing may be when it is refused."""
    store = _store_of(identity.OBJECT, data)
    try:
        identity.take_over(store)
    except VolumeUnreadable:
        assert store.read(identity.OBJECT) == data
        raise
    return store.read(identity.OBJECT) or b""


def _store_of(name: str, data: bytes) -> MemoryObjectStore:
    store = MemoryObjectStore()
    store.replace(name, data)
    return store
