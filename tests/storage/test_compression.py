"""Payloads come back bit for bit, and hostile ones are refused before memory is taken for them."""

import random
import threading
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from galleria_storage.compression import RAW, ZSTD, compress, expand
from galleria_storage.errors import FrameRefused

LIMIT = 262_144
TEXT = b"all that is needed is here; " * 1000
FRAME = zstandard.ZstdCompressor(level=1).compress(TEXT)
MAGIC = FRAME[:4]
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=300), st.just(TEXT)), max_size=20), st.integers(1, 5))
def test_what_was_compressed_is_expanded(pieces: list[bytes], level: int) -> None:
    packed = compress([memoryview(piece) for piece in pieces], level)
    assert [expand(codec, data, len(raw), LIMIT) for (codec, data), raw in zip(packed, pieces, strict=True)] == pieces
    assert all(codec == RAW or len(data) < len(raw) for (codec, data), raw in zip(packed, pieces, strict=True))


def test_only_what_shrinks_is_compressed() -> None:
    noise = random.Random(1).randbytes(5000)
    (first, frame), (second, same) = compress([TEXT, noise], 1)
    assert (first, second) == (ZSTD, RAW)
    assert len(frame) < len(TEXT) // 10
    assert same is noise


def test_a_frame_as_long_as_its_piece_is_not_used() -> None:
    noise = random.Random(2).randbytes(60)
    pieces = [noise + b"a" * more for more in range(60)]
    frames = [zstandard.ZstdCompressor(level=1).compress(piece) for piece in pieces]
    assert any(len(frame) == len(piece) for frame, piece in zip(frames, pieces, strict=True))
    codecs = [ZSTD if len(frame) < len(piece) else RAW for frame, piece in zip(frames, pieces, strict=True)]
    assert [codec for codec, _ in compress(pieces, 1)] == codecs


def test_threads_compress_at_once_and_get_their_own_pieces() -> None:
    results: dict[int, bool] = {}

    def work(number: int) -> None:
        pieces = [f"{number} {i} ".encode() * 2000 for i in range(40)]
        packed = compress(pieces, 1 + number % 3)
        results[number] = [
            expand(codec, data, len(raw), LIMIT) for (codec, data), raw in zip(packed, pieces, strict=True)
        ] == pieces

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(6), True)


def rle_frame(content_size: int, block: int, *, last: bool = True, blocks: int = 1) -> bytes:
    """A frame that declares `content_size` (below 256) and holds blocks of one byte repeated `block` times each."""
    body = b"".join(
        (block << 3 | 2 | int(last and i == blocks - 1)).to_bytes(3, "little") + b"A" for i in range(blocks)
    )
    return MAGIC + bytes([0x20, content_size]) + body


def windowed_frame(exponent: int, content_size: int) -> bytes:
    """A frame of one byte repeated, with a window of 2 ** (10 + exponent) bytes and its content size in 4 bytes."""
    body = (content_size << 3 | 3).to_bytes(3, "little") + b"A"
    return MAGIC + bytes([0x80, exponent << 3]) + content_size.to_bytes(4, "little") + body


def with_dictionary_id(frame: bytes) -> bytes:
    return MAGIC + bytes([frame[4] | 1]) + (frame[5:6] if not frame[4] & 0x20 else b"") + b"\x09" + frame[5:]


def without_content_size() -> bytes:
    return zstandard.ZstdCompressor(level=1, write_content_size=False).compress(TEXT)


def test_hand_made_frames_are_good_where_they_should_be() -> None:
    assert expand(ZSTD, rle_frame(100, 100), 100, LIMIT) == b"A" * 100
    assert expand(ZSTD, rle_frame(100, 10, blocks=10), 100, LIMIT) == b"A" * 100
    with pytest.raises(FrameRefused, match="window too large"):
        expand(ZSTD, windowed_frame(14, 1000), 1000, LIMIT)
    checked = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(TEXT)
    assert expand(ZSTD, checked, len(TEXT), LIMIT) == TEXT


@pytest.mark.parametrize(
    ("payload", "raw_length", "reason"),
    [
        (b"", 10, "not a zstd frame"),
        (b"no zstd at all", 1000, "not a zstd frame"),
        (MAGIC, 1000, "not a zstd frame"),
        (MAGIC + b"\xff", 1000, "not a zstd frame"),
        (SKIPPABLE + FRAME, len(TEXT), "not a zstd frame"),
        (SKIPPABLE, 4, "not a zstd frame"),
        (SKIPPABLE + b"x" * 20, 1000, "not a zstd frame"),
        (FRAME, len(TEXT) - 1, "another content size"),
        (FRAME, len(TEXT) + 1, "another content size"),
        (zstandard.ZstdCompressor().compress(bytes(64 << 20)), LIMIT, "another content size"),
        (without_content_size(), len(TEXT), "another content size"),
        (rle_frame(0, 0), 200, "another content size"),
        (with_dictionary_id(FRAME), len(TEXT), "a dictionary"),
        (FRAME + b"\0", len(TEXT), "not one whole frame"),
        (FRAME + FRAME, len(TEXT), "not one whole frame"),
        (FRAME + SKIPPABLE, len(TEXT), "not one whole frame"),
        (FRAME[:-1], len(TEXT), "not one whole frame"),
        (FRAME[:20], len(TEXT), "not one whole frame"),
        (rle_frame(100, 101), 100, "not one whole frame"),
        (rle_frame(100, 131_072), 100, "not one whole frame"),
        (rle_frame(100, 2_097_151), 100, "not one whole frame"),
        (rle_frame(100, 60, blocks=2), 100, "not one whole frame"),
        (rle_frame(100, 99), 100, "not one whole frame"),
        (rle_frame(100, 100, last=False), 100, "not one whole frame"),
        (rle_frame(10, 10), 10, "it does not shrink"),
    ],
)
def test_a_payload_that_is_not_one_plain_frame_is_refused(payload: bytes, raw_length: int, reason: str) -> None:
    with pytest.raises(FrameRefused) as caught:
        expand(ZSTD, memoryview(payload), raw_length, LIMIT)
    assert caught.value.reason == reason


@pytest.mark.parametrize("raw_length", [0, -1, LIMIT + 1, 1 << 40])
@pytest.mark.parametrize("codec", [RAW, ZSTD])
def test_a_declared_length_out_of_bounds_is_refused(codec: int, raw_length: int) -> None:
    with pytest.raises(FrameRefused, match=f"raw length is {raw_length}, allowed is 1 to 262144"):
        expand(codec, FRAME, raw_length, LIMIT)


@pytest.mark.parametrize("length", [27_999, 28_001])
def test_raw_bytes_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(FrameRefused, match=f"stored length is 28000, allowed is {length}"):
        expand(RAW, TEXT, length, LIMIT)


@pytest.mark.parametrize("codec", [2, 255])
def test_an_unknown_codec_is_refused(codec: int) -> None:
    with pytest.raises(FrameRefused, match=f"unknown codec: codec is {codec}, allowed is 0 or 1"):
        expand(codec, TEXT, len(TEXT), LIMIT)


@pytest.mark.parametrize(
    "payload",
    [
        zstandard.ZstdCompressor().compress(bytes(64 << 20)),
        rle_frame(100, 131_072, blocks=2000),
        windowed_frame(13, 100_000)[:-1],
        windowed_frame(21, 100_000),
    ],
    ids=["64 MiB of zeros", "blocks past the content size", "cut off with an 8 MiB window", "a window of 2 GiB"],
)
def test_no_more_memory_is_taken_than_the_declared_length(payload: bytes) -> None:
    for raw_length in (100, 100_000):
        tracemalloc.start()
        with pytest.raises(FrameRefused):
            expand(ZSTD, payload, raw_length, LIMIT)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < raw_length + 16_384


@given(st.data())
def test_a_damaged_frame_is_refused_or_gives_the_declared_length(draw: st.DataObject) -> None:
    at, bit = draw.draw(st.integers(0, len(FRAME) - 1)), draw.draw(st.integers(0, 7))
    damaged = FRAME[:at] + bytes([FRAME[at] ^ 1 << bit]) + FRAME[at + 1 :]
    try:
        length = len(expand(ZSTD, damaged, len(TEXT), LIMIT))
    except FrameRefused:
        return
    assert length == len(TEXT)
