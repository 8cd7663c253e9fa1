"""No parser of stored or received bytes crashes, gives anything but what the bytes say, or takes more memory than its
bound: on mutated golden files, on whatever Hypothesis makes, and on headers that promise more than there is.
"""

from __future__ import annotations

import json
import random
import struct
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from galleria_storage.digest import format_disk_digest, parse_disk_digest
from galleria_storage.errors import DigestMalformed
from galleria_storage.packs import format as packs
from galleria_storage.roots import object_name, parse_object_name, released_name
from tests.support.mutations import mutated
from tests.support.parsers import Parser, examine, parsed, parsers
from tests.support.seals import sealed_bad, sealed_pack, sealed_root

CASES: Final = 400
SWEPT, HEAD, TAIL = 3, 96, 48
"""Seeds of a parser, and bytes at their beginning and end, that are gone through one by one."""
SEALED: Final = ("record", "root", "pack", "salvage", "bad")
MOST: Final = (1 << 32) - 1
# Hypothesis' tracer, which explains a failure, would count as memory of the parser.
PLAINLY: Final = settings(
    max_examples=150, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
)
TAKEN_BY_A_REFUSAL: Final = 16 << 10
"""Bytes of memory for an error and what it says."""


@pytest.fixture(params=list(parsers()))
def parser(request: pytest.FixtureRequest) -> Parser:
    return parsers()[request.param]


def test_golden_bytes_are_judged_as_they_were_written(parser: Parser) -> None:
    assert any(examine(parser, seed) for seed in parser.seeds)


def test_mutated_golden_bytes_are_refused_or_mean_what_they_say(parser: Parser) -> None:
    chance = random.Random(parser.name)
    accepted = 0
    for _ in range(CASES):
        data = mutated(parser.seeds, chance)
        accepted += examine(parser, data)
        accepted += parser.seal(data) != data and examine(parser, parser.seal(data))
    # Mutations that only ever met the first check would prove little.
    assert accepted >= 5


def test_each_byte_of_a_head_and_a_tail_may_be_at_an_edge(parser: Parser) -> None:
    for seed in parser.seeds[:SWEPT]:
        for at in {*range(min(HEAD, len(seed))), *range(max(0, len(seed) - TAIL), len(seed))}:
            for value in {0, 1, 0x80, 0xFF, seed[at] ^ 1}:
                data = seed[:at] + bytes([value]) + seed[at + 1 :]
                examine(parser, data)
                examine(parser, parser.seal(data))


@pytest.mark.parametrize("name", SEALED)
def test_a_seal_is_what_the_check_asks_for(name: str) -> None:
    for seed in parsers()[name].seeds:
        if examine(parsers()[name], seed):
            assert examine(parsers()[name], parsers()[name].seal(seed))


@given(st.data())
@PLAINLY
def test_whatever_comes_is_refused_or_means_what_it_says(draw: st.DataObject) -> None:
    parser = parsers()[draw.draw(st.sampled_from(list(parsers())))]
    seed = draw.draw(st.sampled_from(parser.seeds))
    start = seed[: draw.draw(st.integers(0, min(len(seed), 200)))]
    data = start + draw.draw(st.binary(max_size=300))
    examine(parser, data)
    examine(parser, parser.seal(data))


@given(st.lists(st.tuples(st.integers(0, MOST), st.binary(min_size=32, max_size=32) | st.just(bytes(32))), max_size=40))
@PLAINLY
def test_pages_of_whatever_entries_are_refused_or_mean_what_they_say(entries: list[tuple[int, bytes]]) -> None:
    examine(parsers()["page"], b"".join(struct.pack("<I32s", word, name) for word, name in entries))


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
NAMES = st.text("abc", max_size=3)
DEEP = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
OF_DATABASE = st.sampled_from(["id", "high_water", "later"])
MEMBERS = st.sampled_from(["format", "version", "id", "requires", "owner_epoch", "dedup", "database", "later"])


@given(st.dictionaries(MEMBERS, DEEP, max_size=3), st.dictionaries(OF_DATABASE, DEEP, max_size=2))
@PLAINLY
def test_descriptions_of_whatever_members_are_refused_or_kept(
    members: dict[str, Any], database: dict[str, Any]
) -> None:
    (seed,) = parsers()["identity"].seeds
    about = json.loads(seed)
    examine(parsers()["identity"], json.dumps(about | {"database": about["database"] | database}).encode())
    examine(parsers()["identity"], json.dumps(about | members, ensure_ascii=False).encode(errors="surrogatepass"))


def test_counts_and_lengths_of_headers_are_refused_before_memory_is_taken() -> None:
    for name, data in huge().items():
        found, accepted, taken = parsed(parsers()[name.partition(":")[0]], data)
        assert not accepted or not found, name
        assert taken < TAKEN_BY_A_REFUSAL + len(data), f"{name}: {taken}"


def test_an_empty_run_written_as_two_is_refused() -> None:
    segments = (1 << 15).to_bytes(4, "little")
    empty = bytearray(next(seed for seed in parsers()["layout"].seeds if seed[35:39] == segments))
    empty[16:20] = (2).to_bytes(4, "little")
    empty[35:39] = ((1 << 15) - 1).to_bytes(4, "little")
    assert not examine(parsers()["layout"], bytes(empty) + struct.pack("<I32s", 1, bytes(32)))


def huge() -> dict[str, bytes]:
    """Small inputs whose headers promise much, their checks right."""
    record, layout, root = (bytearray(parsers()[name].seeds[0]) for name in ("record", "layout", "root"))
    pack = bytearray(parsers()["pack"].seeds[0])
    record[32:40] = struct.pack("<II", MOST, MOST)
    entries = bytearray(layout)
    entries[16:20] = MOST.to_bytes(4, "little")
    run = bytearray(layout)
    run[-36:] = struct.pack("<I32s", MOST, bytes(32))
    root[88:92] = MOST.to_bytes(4, "little")
    pack[-40:-36] = (1 << 20).to_bytes(4, "little")
    window = struct.pack("<IB", 262_144, 1) + bytes.fromhex("28b52ffd 80 a8 00000400 4b0000 41")
    frame = struct.pack("<IB", MOST, 1) + bytes.fromhex("28b52ffd a0 ffffffff 030000 41")
    return {
        "record:length": bytes(record),
        "layout:entries": bytes(entries),
        "layout:run": bytes(run),
        "root:name": sealed_root(bytes(root)),
        "pack:records": sealed_pack(bytes(pack)),
        "bad:records": sealed_bad(struct.pack("<4sHHI", b"GBAD", 1, 0, MOST) + bytes(16)),
        "page:size": parsers()["page"].seeds[0] * 4097,
        "payload:window": window,
        "payload:content": frame,
        "push request:length": b"\x22\xff\xff\xff\xff\x0f\x0a\xff\xff\xff\xff\x0f",
        "read records:length": b"\x12\xff\xff\xff\xff\x0f",
    }


@given(st.text(max_size=90) | st.from_regex(r"[a-z0-9-]{1,70}:[0-9a-f]{62,66}", fullmatch=True))
@PLAINLY
def test_a_disk_digest_is_refused_or_written_the_same(text: str) -> None:
    try:
        rule, name = parse_disk_digest(text)
    except DigestMalformed:
        return
    assert format_disk_digest(rule, name) == text


@given(st.from_regex(r"(packs|pages|roots)/[0-9a-fA-F]{6,9}-?[0-9a-f]{6,24}(\.released)?\n?", fullmatch=True))
@PLAINLY
def test_an_object_name_is_nobodys_or_written_the_same(name: str) -> None:
    pack, root = packs.parse_object_name(name), parse_object_name(name)
    assert pack is None or pack[1].object_name(pack[0]) == name
    assert root is None or (released_name if root[1] else object_name)(UUID(int=root[0].int)) == name
