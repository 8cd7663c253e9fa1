"""The small pure parts."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria.v1.disks_pb2 import PushRequest
from galleria_client.bitmaps import bitmap_of, positions_in
from galleria_client.endpoint import endpoint
from galleria_client.outbox import Outbox
from galleria_client.push.codec import frames
from galleria_client.push.pieces import PORTION, Piece, contiguous, needed_pieces, portions
from galleria_client.resource_names import (
    ImageName,
    disk_name,
    is_disk_name,
    last_part,
    parent_of,
    parse_image_name,
)
from galleria_storage.compression import RAW
from galleria_storage.layout import encode_page
from galleria_storage.records import records_in
from galleria_storage.rules import BLOCK_CDC_1


@given(st.integers(0, 100).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, max(0, count - 1))))))
def test_a_bitmap_says_which(case: tuple[int, set[int]]) -> None:
    count, positions = case
    wanted = sorted(position for position in positions if position < count)
    assert positions_in(bitmap_of(wanted, count), count) == wanted


def test_bits_beyond_the_count_do_not_exist() -> None:
    assert positions_in(b"\xff", 3) == [0, 1, 2]
    assert positions_in(b"", 9) == []
    assert bitmap_of([0, 9], 10) == b"\x01\x02"


def test_needed_pieces_know_where_they_lie() -> None:
    page = encode_page([8192, -65536, 4096, 16384], [b"a" * 32, b"b" * 32, b"c" * 32])
    assert needed_pieces(page, b"\x05") == [Piece(0, 8192, b"a" * 32), Piece(77824, 16384, b"c" * 32)]
    assert needed_pieces(page, b"") == []


@given(st.lists(st.integers(1, 262_144), max_size=60))
def test_portions_keep_every_piece_in_order(lengths: list[int]) -> None:
    pieces = [Piece(0, length, b"") for length in lengths]
    found = list(portions(pieces))
    assert [piece for portion in found for piece in portion] == pieces
    assert all(sum(piece.length for piece in portion[:-1]) < PORTION for portion in found)


def test_contiguous_pieces_are_read_at_once() -> None:
    pieces = [Piece(0, 10, b""), Piece(10, 5, b""), Piece(20, 1, b"")]
    assert list(contiguous(pieces)) == [(0, 15), (20, 1)]


@given(st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=20), st.integers(100, 2000))
def test_frames_hold_whole_records(payloads: list[bytes], limit: int) -> None:
    pieces = [Piece(0, len(payload), bytes([number]) * 32) for number, payload in enumerate(payloads)]
    found = list(frames(pieces, [(RAW, payload) for payload in payloads], limit))
    messages = [(PushRequest.FromString(message), count, size) for message, count, size in found]
    records = [record for message, _, _ in messages for record in records_in(message.records.records, BLOCK_CDC_1)]
    assert [bytes(record.payload) for record in records] == payloads
    assert [record.name for record in records] == [piece.name for piece in pieces]
    assert all(len(message.records.records) == size for message, _, size in messages)
    assert all(size <= limit or count == 1 for _, count, size in messages)


def test_control_passes_where_data_waits() -> None:
    outbox: Outbox[str] = Outbox(capacity=1)
    assert outbox.post_data("one")
    waiting = threading.Thread(target=outbox.post_data, args=("two",))
    waiting.start()
    outbox.post("control")
    assert next(outbox) == "one"
    waiting.join()
    outbox.finish()
    assert sorted(outbox) == ["control", "two"]


def test_a_closed_outbox_lets_everybody_go() -> None:
    outbox: Outbox[str] = Outbox(capacity=1)
    outbox.post_data("one")
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(outbox.post_data("two")))
    waiting.start()
    outbox.close()
    waiting.join()
    assert answers == [False]
    assert list(outbox) == []
    assert outbox.closed


def test_names_are_made_and_taken_apart() -> None:
    name = ImageName("s", "rg", "prod", "debian", "1.0.0")
    text = "subscriptions/s/resourceGroups/rg/galleries/prod/images/debian/versions/1.0.0"
    assert str(name) == text
    assert parse_image_name(text.upper().replace("SUBSCRIPTIONS", "Subscriptions")) is not None
    assert parse_image_name(text) == name
    assert parse_image_name(parent_of(text)) == ImageName("s", "rg", "prod", "debian")
    assert parse_image_name(disk_name("s", "rg", "d")) is None
    assert is_disk_name(disk_name("s", "rg", "d"))
    assert last_part(text) == "1.0.0"
    assert parent_of(disk_name("s", "rg", "d")) == "subscriptions/s/resourceGroups/rg"


def test_the_endpoint_comes_from_the_nearest_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GALLERIA_ENDPOINT", raising=False)
    assert endpoint() == "127.0.0.1:8470"
    monkeypatch.setenv("GALLERIA_ENDPOINT", "there:1")
    assert endpoint() == "there:1"
    assert endpoint("here:2") == "here:2"
