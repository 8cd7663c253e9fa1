"""Where pulled bytes go."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from galleria_client.output_errors import OutputFull, OutputUnwritable
from galleria_client.pull.file_sink import FileSink
from galleria_client.pull.seeds import Seeds
from galleria_client.pull.segment import Segment
from galleria_client.pull.stream_sink import StreamSink
from galleria_storage.chunking import cut_segment
from galleria_storage.digest import name_of
from galleria_storage.layout import Page
from galleria_storage.rules import BLOCK_CDC_1
from tests.support.small_rule import SMALL_RULE

CHUNK = random.Random(3).randbytes(8192)
HOLE = 65_536


def segment_with(chunk: bytes = CHUNK, number: int = 0) -> Segment:
    """A chunk, a hole, and the same chunk again."""
    page = Page((len(chunk), -HOLE, len(chunk)), (name_of(chunk), name_of(chunk)))
    return Segment(number, number * BLOCK_CDC_1.segment, page)


def test_a_segment_knows_what_is_missing() -> None:
    segment = segment_with()
    assert segment.chunks == [(0, 8192, name_of(CHUNK)), (8192 + HOLE, 8192, name_of(CHUNK))]
    assert segment.holes == [(8192, 8192 + HOLE)]
    assert (segment.occupied, segment.end) == (16_384, 16_384 + HOLE)
    assert segment.wanted() == b""
    assert segment.keep([0]) == 8192
    assert segment.wanted() == b"\x02"
    assert not segment.complete
    segment.keep([1])
    assert segment.complete


def test_a_full_disk_is_told_as_such() -> None:
    fd = os.open("/dev/full", os.O_RDWR)
    try:
        sink = FileSink(fd, "out.raw", "out.raw.part", 1 << 20, BLOCK_CDC_1, fresh=True)
        with pytest.raises(OutputFull, match=r"out\.raw\.part stays"):
            sink.write(segment_with(), [(0, CHUNK)])
    finally:
        os.close(fd)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.touch()
    fd = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(OutputUnwritable):
            FileSink(fd, "out", "out.part", 1 << 20, BLOCK_CDC_1, fresh=True).write(segment_with(), [(0, CHUNK)])
    finally:
        os.close(fd)


def test_neighbours_are_written_together_and_strangers_apart(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w+b") as file:
        file.truncate(100_000)
        sink = FileSink(file.fileno(), "out", "out.part", 100_000, BLOCK_CDC_1, fresh=True)
        sink.write(segment_with(), [(0, b"a" * 4096), (4096, b"b" * 4096), (50_000, b"c")])
    expected = bytearray(100_000)
    expected[:8192] = b"a" * 4096 + b"b" * 4096
    expected[50_000:50_001] = b"c"
    assert path.read_bytes() == expected


def test_holes_are_cleared_and_good_chunks_kept_where_something_was(tmp_path: Path) -> None:
    segment = segment_with()
    path = tmp_path / "out"
    path.write_bytes(CHUNK + b"rubbish " * (HOLE // 8) + b"x" * 8192)
    with path.open("r+b") as file:
        sink = FileSink(file.fileno(), "out", "out.part", segment.end, BLOCK_CDC_1, fresh=False)
        assert sink.begin(segment)
        assert sink.present(segment) == [0]
    assert path.read_bytes() == CHUNK + bytes(HOLE) + b"x" * 8192


def test_a_stream_gets_segments_in_order_whatever_came_first() -> None:
    reading, writing = os.pipe()
    got = bytearray()
    reader = threading.Thread(target=read_all, args=(reading, got))
    reader.start()
    changed = threading.Condition(threading.RLock())
    sink = StreamSink(writing, "-", changed, lambda: False)
    first, second = segment_with(b"1" * 4096), segment_with(b"2" * 4096, number=1)
    assert sink.begin(first)
    assert sink.begin(second)
    for segment, data in ((second, b"2" * 4096), (first, b"1" * 4096)):
        sink.write(segment, [(position, data) for position, _, _ in segment.chunks])
        sink.finish(segment)
    sink.clear(first.end, first.end + 10)
    os.close(writing)
    reader.join()
    body = [b"%d" % number * 4096 + bytes(HOLE) + b"%d" % number * 4096 for number in (1, 2)]
    assert got == b"".join(body) + bytes(10)


def read_all(reading: int, got: bytearray) -> None:
    with os.fdopen(reading, "rb") as pipe:
        got += pipe.read()


def test_seeds_give_only_what_they_have(tmp_path: Path) -> None:
    source = random.Random(5)
    whole = source.randbytes(40_000) + bytes(4096) + source.randbytes(10_000)
    path = tmp_path / "seed"
    path.write_bytes(whole)
    with Seeds(SMALL_RULE) as seeds:
        seeds.add(str(path))
        wanted = chunks_of(whole)
        found = dict(seeds.find(wanted))
        assert found == {name_of(chunk): chunk for chunk in bytes_of(whole)}
        assert dict(seeds.find([(name_of(b"absent"), 6)])) == {}
        path.write_bytes(bytes(len(whole)))
        assert dict(seeds.find(wanted)) == {}


def bytes_of(whole: bytes) -> list[bytes]:
    found = []
    for start in range(0, len(whole), SMALL_RULE.segment):
        segment = whole[start : start + SMALL_RULE.segment]
        position = 0
        for length in cut_segment(segment, SMALL_RULE):
            if length > 0:
                found.append(segment[position : position + length])
            position += abs(length)
    return found


def chunks_of(whole: bytes) -> list[tuple[bytes, int]]:
    return [(name_of(chunk), len(chunk)) for chunk in bytes_of(whole)]
