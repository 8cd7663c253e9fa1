"""Make the golden vectors: `python -m tests.vectors.generate` writes the JSON files beside this module."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xxhash

from galleria_storage import roots
from galleria_storage.chunking import cut_segment
from galleria_storage.compression import RAW, ZSTD
from galleria_storage.digest import name_of, names_of
from galleria_storage.layout import Layout, encode_page
from galleria_storage.proof import prove
from galleria_storage.records import CHUNK, PAGE, encode_header, encode_unproved_header
from galleria_storage.rules import BLOCK_CDC_1 as RULE
from tests.support.pages import chunks_of
from tests.vectors.cases import (
    DISKS,
    FOX_FRAME,
    FOX_INPUT,
    GOOD_FRAMES,
    REFUSED_FRAMES,
    REFUSED_ROOTS,
    ROOTS,
    SEGMENTS,
    RootCase,
)
from tests.vectors.inputs import Part, build, length_of, repeated, segment_of, text, zeros

FOLDER = Path(__file__).parent
FORMAT = {"format": "galleria-vectors", "version": 1, "rule": RULE.name}


def vectors() -> dict[str, Any]:
    """What each file holds, by its name."""
    return {
        "chunking.json": {**FORMAT, "blocks": blocks(), "segments": segments()},
        "disks.json": {**FORMAT, "disks": [disk(name, parts) for name, parts in DISKS.items()]},
        "frames.json": {**FORMAT, "accepted": good_frames(), "refused": refused_frames()},
        "records.json": {**FORMAT, "records": records()},
        "roots.json": {**FORMAT, "accepted": good_roots(), "refused": refused_roots()},
    }


def rendered(value: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    return json.dumps(value, indent=1) + "\n"


def blocks() -> list[dict[str, Any]]:
    inputs: list[list[Part]] = [[zeros(4096)], [repeated(18, 4096)], [text("galleria")]]
    return [{"input": parts, "xxh64": f"{xxhash.xxh64_intdigest(build(parts)):016x}"} for parts in inputs]


def segments() -> list[dict[str, Any]]:
    return [segment(name, parts) for name, parts in SEGMENTS.items()]


def segment(name: str, parts: Sequence[Part]) -> dict[str, Any]:
    data = build(parts)
    pieces = cut_segment(data, RULE)
    return {
        "name": name,
        "input": parts,
        "length": len(data),
        "pieces": pieces,
        "chunks": [chunk(raw) for raw in chunks_of(data, pieces)],
    }


def chunk(raw: bytes) -> dict[str, Any]:
    flags, counts = prove(raw, RULE)
    return {"name": name_of(raw).hex(), "ends_by_rule": bool(flags), "lead": counts & 15, "trail": counts >> 4}


def disk(name: str, parts: Sequence[Part]) -> dict[str, Any]:
    size = sum(map(length_of, parts))
    pages: list[bytes | None] = []
    occupied = 0
    for start in range(0, size, RULE.segment):
        data = segment_of(parts, start, min(start + RULE.segment, size))
        # A short last segment has a page even where it is all zeros.
        data = bytes(size - start) if data is None and size - start < RULE.min_hole else data
        pieces = [] if data is None else cut_segment(data, RULE)
        chunks = [] if data is None else chunks_of(data, pieces)
        occupied += sum(map(len, chunks))
        pages.append(encode_page(pieces, names_of(chunks)) if chunks else None)
    layout = Layout(RULE, size, tuple(None if page is None else name_of(page) for page in pages))
    return {
        "name": name,
        "input": parts,
        "size": size,
        "occupied": occupied,
        "pages": [
            {"segment": i, "name": name_of(page).hex(), "page": page.hex()} for i, page in enumerate(pages) if page
        ],
        "layout": layout.encode().hex(),
        "digest": layout.text,
    }


def good_frames() -> list[dict[str, Any]]:
    return [{"name": name, "frame": frame, "raw": parts} for name, (frame, parts) in GOOD_FRAMES.items()]


def refused_frames() -> list[dict[str, Any]]:
    return [{"name": name, "frame": frame, "raw_length": length} for name, (frame, length) in REFUSED_FRAMES.items()]


def records() -> list[dict[str, Any]]:
    galleria, page = [text("galleria")], encode_page([8], [name_of(b"galleria")])
    frame = bytes.fromhex(FOX_FRAME)
    nothing = build([zeros(8192)])
    return [
        record("a raw chunk", CHUNK, RAW, build(galleria), build(galleria)),
        record("a chunk of zero blocks in a domain of its own", CHUNK, RAW, nothing, nothing, domain=7),
        record("a compressed chunk", CHUNK, ZSTD, build(FOX_INPUT), frame),
        record("a page", PAGE, RAW, page, page),
    ]


def record(name: str, kind: int, codec: int, raw: bytes, payload: bytes, domain: int = 0) -> dict[str, Any]:
    flags, counts = prove(raw, RULE) if kind == CHUNK else (0, 0)
    stored = encode_header(kind, codec, flags, counts, domain, len(raw), name_of(raw), payload) + payload
    sent = encode_unproved_header(kind, codec, len(raw), len(payload), name_of(raw)) + payload
    return {
        "name": name,
        "kind": kind,
        "codec": codec,
        "flags": flags,
        "lead": counts & 15,
        "trail": counts >> 4,
        "domain": domain,
        "raw_length": len(raw),
        "digest": name_of(raw).hex(),
        "stored": stored.hex(),
        "sent_by_a_client": sent.hex(),
    }


def good_roots() -> list[dict[str, Any]]:
    return [root(name, case) for name, case in ROOTS.items()]


def root(name: str, case: RootCase) -> dict[str, Any]:
    pinned = disk(case.disk, DISKS[case.disk])
    layout = Layout.parse(bytes.fromhex(pinned["layout"]))
    holder = roots.Holder(case.scope, case.resource, case.resource_name)
    made = roots.Root(case.id, holder, layout, pinned["occupied"], case.domain, case.owner_epoch, case.pinned_ms)
    return {
        "name": name,
        "input": pinned["input"],
        "object": roots.object_name(case.id),
        "released_object": roots.released_name(case.id),
        "id": case.id.hex,
        "scope": case.scope.hex,
        "resource": case.resource.hex,
        "resource_name": case.resource_name,
        "domain": case.domain,
        "key_id": 0,
        "owner_epoch": case.owner_epoch,
        "occupied": pinned["occupied"],
        "pinned_ms": case.pinned_ms,
        "layout": pinned["layout"],
        "file": roots.encode(made).hex(),
    }


def refused_roots() -> list[dict[str, Any]]:
    first = good_roots()[0]
    whole = bytes.fromhex(first["file"])
    files = {name: resealed(whole, start, stop, value) for name, (start, stop, value) in REFUSED_ROOTS.items()}
    files["a digest that does not fit"] = whole[:-1] + bytes([whole[-1] ^ 1])
    files["cut off"] = whole[:-1]
    files["a byte behind it"] = whole + b"\0"
    return [{"name": name, "id": first["id"], "file": file.hex()} for name, file in files.items()]


def resealed(file: bytes, start: int, stop: int, value: str) -> bytes:
    """A root file with other bytes (hexadecimal digits) from `start` to `stop`, and the digest that fits them."""
    body = file[:start] + bytes.fromhex(value) + file[stop:-32]
    return body + name_of(body)


if __name__ == "__main__":
    for file_name, value in vectors().items():
        (FOLDER / file_name).write_text(rendered(value))
