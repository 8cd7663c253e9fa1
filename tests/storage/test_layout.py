"""Layouts: one encoding for each, and every bound at its number."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_storage.digest import format_disk_digest, name_of, parse_disk_digest
from galleria_storage.errors import DigestMalformed, DigestMismatch, LayoutInvalid, UnknownRule
from galleria_storage.layout import Layout
from galleria_storage.rules import BLOCK_CDC_1, Rule, register, rule_named
from tests.support.small_rule import SMALL_RULE

NAME = b"\7" * 32
SEGMENT = SMALL_RULE.segment
GOOD = Layout(SMALL_RULE, SEGMENT * 4 + 1, (NAME, None, None, NAME, NAME)).encode()
HEADER = 24 + len(SMALL_RULE.name)


@given(st.lists(st.sampled_from([None, None, NAME, b"\1" * 32]), max_size=40), st.integers(1, SEGMENT))
def test_a_layout_is_read_as_it_was_written(before: list[bytes | None], last: int) -> None:
    layout = Layout(SMALL_RULE, SEGMENT * len(before) + last, (*before, NAME))
    assert Layout.parse(layout.encode()) == layout
    assert Layout.parse(memoryview(layout.encode())).digest == layout.digest


def test_runs_of_empty_segments_take_one_entry_each() -> None:
    assert len(GOOD) == HEADER + 4 * 36
    assert struct.unpack_from("<I", GOOD, 16) == (4,)


def test_the_largest_disk_is_read_and_a_larger_one_refused() -> None:
    pages = tuple(i.to_bytes(32, "big") for i in range(1, 32769))
    layout = Layout(BLOCK_CDC_1, 2_199_023_255_552, pages)
    assert Layout.parse(layout.encode()) == layout
    with pytest.raises(LayoutInvalid, match="bytes of the disk is 2199023255553, allowed is 1 to 2199023255552"):
        Layout(BLOCK_CDC_1, 2_199_023_255_553, (*pages, NAME))


def test_an_empty_disk_is_one_entry() -> None:
    layout = Layout(BLOCK_CDC_1, BLOCK_CDC_1.max_disk, (None,) * 32768)
    assert len(layout.encode()) == 24 + 11 + 36
    assert Layout.parse(layout.encode()) == layout


def test_a_last_segment_too_short_for_a_hole_has_a_page() -> None:
    assert Layout(SMALL_RULE, 64 * 15 + 1, (None,)).pages == (None,)
    with pytest.raises(LayoutInvalid, match="an empty segment too short to be a hole: blocks is 15"):
        Layout(SMALL_RULE, 64 * 15, (None,))


@pytest.mark.parametrize(
    ("size", "pages", "reason"),
    [
        (0, (), "wrong size"),
        (SEGMENT, (), "wrong total"),
        (SEGMENT, (NAME, NAME), "wrong total"),
        (SEGMENT + 1, (NAME,), "wrong total"),
        (SEGMENT, (NAME[:-1],), "a wrong name"),
        (SEGMENT, (bytes(32),), "a wrong name"),
    ],
)
def test_a_layout_that_no_disk_has_cannot_be_made(size: int, pages: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(LayoutInvalid) as caught:
        Layout(SMALL_RULE, size, pages)
    assert caught.value.reason == reason


def patched(offset: int, form: str, value: object) -> bytes:
    data = bytearray(GOOD)
    struct.pack_into(form, data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (GOOD[:23], "truncated"),
        (patched(0, "4s", b"GLAX"), "not a layout"),
        (patched(4, "<H", 2), "another version"),
        (patched(6, "<H", 0), "wrong name"),
        (patched(6, "<H", 65), "wrong name"),
        (patched(8, "<Q", 0), "wrong size"),
        (patched(8, "<Q", SMALL_RULE.max_disk + 1), "wrong size"),
        (patched(8, "<Q", SEGMENT * 4), "wrong count"),
        (patched(8, "<Q", SEGMENT * 6), "wrong total"),
        (patched(16, "<I", 3), "wrong length"),
        (patched(16, "<I", 0xFFFFFFFF), "too many entries"),
        (patched(20, "<I", 1), "a reserved field in use"),
        (patched(24, "B", 0xFF), "wrong name"),
        (patched(HEADER, "<I", 0), "wrong count"),
        (patched(HEADER, "<I", 2), "wrong count"),
        (patched(HEADER + 36, "<I", 3), "wrong count"),
        (patched(HEADER + 36, "<I", 0xFFFFFFFF), "wrong count"),
        (patched(HEADER + 72 + 4, "32s", bytes(32)), "two empty runs in a row"),
        (GOOD[:-1], "wrong length"),
        (GOOD + b"\0", "wrong length"),
    ],
)
def test_bytes_that_encode_no_layout_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(LayoutInvalid) as caught:
        Layout.parse(data)
    assert caught.value.reason == reason


def test_more_entries_than_any_disk_has_are_refused() -> None:
    data = struct.pack("<4sHHQII", b"GLAY", 1, 11, 1, 32769, 0) + b"block-cdc-1" + bytes(36 * 32769)
    with pytest.raises(LayoutInvalid, match="entries is 32769, allowed is at most 32768"):
        Layout.parse(data)


def test_a_layout_of_an_unknown_rule_is_told_from_a_broken_one() -> None:
    with pytest.raises(UnknownRule) as caught:
        Layout.parse(patched(24, "5s", b"other"))
    assert caught.value.name == "other-cdc-test"


def test_the_digest_as_text_is_read_back() -> None:
    layout = Layout.parse(GOOD)
    assert layout.digest == name_of(GOOD)
    assert layout.text == f"block-cdc-test:{name_of(GOOD).hex()}"
    assert parse_disk_digest(layout.text) == ("block-cdc-test", layout.digest)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text + "\n",
        lambda text: text.replace(":", ""),
        lambda text: ":" + text.partition(":")[2],
        lambda text: "x" * 65 + text[-65:],
    ],
)
def test_other_text_is_no_digest(change: Callable[[str], str]) -> None:
    with pytest.raises(DigestMalformed):
        parse_disk_digest(change(format_disk_digest("block-cdc-1", NAME)))


def test_no_message_shows_a_digest() -> None:
    assert NAME.hex() not in str(DigestMismatch(NAME, NAME))
    assert "07" * 4 not in str(DigestMalformed("07" * 32))


def test_rules_are_found_by_name_and_never_change_theirs() -> None:
    assert rule_named("block-cdc-1") is BLOCK_CDC_1
    register(SMALL_RULE)
    other = Rule("block-cdc-test", 64, SEGMENT, 16, 4, 8, 64, 15, 1, SEGMENT)
    with pytest.raises(ValueError, match="block-cdc-test"):
        register(other)
    with pytest.raises(UnknownRule, match="'block-cdc-9' is not known"):
        rule_named("block-cdc-9")


def test_segments_of_a_disk() -> None:
    size = SEGMENT * 2 + 1
    assert [SMALL_RULE.segment_length(size, i) for i in range(SMALL_RULE.segments(size))] == [SEGMENT, SEGMENT, 1]
    for i in (-1, 3):
        with pytest.raises(IndexError):
            SMALL_RULE.segment_length(size, i)
