"""Scanning files and pipes: the pages are those of the bytes, however they come."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galleria_client.extents import Extents
from galleria_client.push.checksum import Checksum
from galleria_client.push.file_source import FileSource, open_file_source
from galleria_client.push.pipe_source import PipeSource
from galleria_client.push.source import ScannedSegment, Source
from galleria_client.push.statistics import Statistics
from galleria_client.source_errors import SourceChanged, SourceSizeOdd, SourceTooLarge
from galleria_storage.chunking import cut_segment
from galleria_storage.digest import name_of, names_of
from galleria_storage.layout import encode_page
from galleria_storage.rules import BLOCK_CDC_1
from tests.support.disks import Recipe, build, recipes
from tests.support.small_rule import SMALL_RULE

LIMIT = SMALL_RULE.max_disk
# The file system's own blocks are 4 KiB, 64 of the small rule's: only longer runs of zeros become holes.
RUNS = st.lists(st.tuples(st.booleans(), st.integers(1, 40_000)), min_size=1, max_size=8)


def pages_of(data: bytes) -> list[bytes | None]:
    """The pages, by cutting whole segments at once."""
    pages: list[bytes | None] = []
    for start in range(0, len(data), SMALL_RULE.segment):
        segment = memoryview(data)[start : start + SMALL_RULE.segment]
        views, position = [], 0
        lengths = cut_segment(segment, SMALL_RULE)
        for length in lengths:
            if length > 0:
                views.append(segment[position : position + length])
            position += abs(length)
        pages.append(encode_page(lengths, names_of(views)) if views else None)
    return pages


def scan(source: Source, data: bytes) -> None:
    """Scan all of it and compare pages, names, kept bytes and checksum."""
    checksum = Checksum()
    found: list[ScannedSegment] = []
    for segment in source.scan(checksum):
        found.append(segment)
        if segment.content is not None:
            start = segment.number * SMALL_RULE.segment
            kept = bytearray(segment.end - start)
            segment.content.read_into(0, memoryview(kept))
            assert kept == data[start : segment.end]
            segment.content.release()
            segment.content.release()
    assert [segment.page for segment in found] == pages_of(data)
    assert [segment.name for segment in found] == [page and name_of(page) for page in pages_of(data)]
    assert [segment.number for segment in found] == list(range(len(found)))
    assert found[-1].end == source.size == len(data)
    assert checksum.hexdigest() == hashlib.sha256(data).hexdigest()


def scan_file(path: Path, data: bytes) -> None:
    statistics = Statistics()
    source = FileSource(str(path), os.open(path, os.O_RDONLY), len(data), SMALL_RULE, statistics)
    try:
        scan(source, data)
        source.check_unchanged()
    finally:
        source.close()
    assert statistics["bytes_read"] <= len(data)


def scan_pipe(data: bytes, limit: int = LIMIT) -> PipeSource:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    source = PipeSource(reading, "-", SMALL_RULE, limit, Statistics(), room)
    try:
        scan(source, data)
    finally:
        source.close()
        os.close(reading)
        writer.join()
    return source


def room(test: Callable[[], bool]) -> bool:
    assert test()
    return True


@settings(max_examples=60, deadline=None)
@given(runs=RUNS, seed=st.integers(0, 1000))
def test_a_sparse_file_scans_like_its_bytes(module_folder: Path, runs: list[tuple[bool, int]], seed: int) -> None:
    path = module_folder / "sparse"
    source = random.Random(seed)
    with path.open("wb") as file:
        for is_data, length in runs:
            if is_data:
                file.write(source.randbytes(length))
            else:
                file.seek(length, os.SEEK_CUR)
        file.truncate(sum(length for _, length in runs))
    scan_file(path, path.read_bytes())


@settings(max_examples=60, deadline=None)
@given(recipe=recipes(900), seed=st.integers(0, 1000), cut_off=st.integers(0, 63))
def test_a_file_of_short_runs_scans_like_its_bytes(
    module_folder: Path, recipe: Recipe, seed: int, cut_off: int
) -> None:
    data = build(recipe, SMALL_RULE, seed, cut_off)
    path = module_folder / "dense"
    path.write_bytes(data)
    scan_file(path, data)


@settings(max_examples=40, deadline=None)
@given(recipe=recipes(900), seed=st.integers(0, 1000))
def test_a_pipe_scans_like_its_bytes(recipe: Recipe, seed: int) -> None:
    data = build(recipe, SMALL_RULE, seed)
    data += bytes(-len(data) % 512)
    scan_pipe(data)


def test_a_pipe_of_whole_segments_has_no_empty_one_behind() -> None:
    scan_pipe(os.urandom(2 * SMALL_RULE.segment))


def test_a_pipe_is_refused_when_it_ends_oddly_or_never() -> None:
    with pytest.raises(SourceSizeOdd):
        scan_pipe(os.urandom(513))
    with pytest.raises(SourceTooLarge):
        scan_pipe(os.urandom(2048), limit=1024)


def test_the_limit_itself_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(bytes(4096))
    open_file_source(str(path), BLOCK_CDC_1, 4096, Statistics()).close()
    with pytest.raises(SourceTooLarge, match=r"4096.*4095"):
        open_file_source(str(path), BLOCK_CDC_1, 4095, Statistics())


def test_a_file_replaced_by_another_has_changed(tmp_path: Path) -> None:
    path, other = tmp_path / "disk", tmp_path / "other"
    for each in (path, other):
        each.write_bytes(bytes(4096))
    source = open_file_source(str(path), BLOCK_CDC_1, 4096, Statistics())
    other.replace(path)
    with pytest.raises(SourceChanged, match="inode"):
        source.check_unchanged()
    path.unlink()
    with pytest.raises(SourceChanged, match="no longer there"):
        source.check_unchanged()
    source.close()


def test_a_file_that_ends_too_soon_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(os.urandom(8192))
    source = open_file_source(str(path), BLOCK_CDC_1, 8192, Statistics())
    os.truncate(path, 4096)
    (segment,) = source.scan(None)
    assert segment.content is not None
    with pytest.raises(SourceChanged, match="ends at 4096"):
        segment.content.read_into(0, memoryview(bytearray(8192)))
    with pytest.raises(SourceChanged, match="size was 8192, now 4096"):
        source.check_unchanged()
    source.close()


def test_extents_are_whole_blocks(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.write(b"x" * 4096)
        file.truncate(1 << 20)
    with path.open("rb") as file:
        extents = Extents(file.fileno(), 1 << 20, 4096)
        assert extents.hole_end(0) == 0
        assert extents.data_end(0) == 4096
        assert extents.hole_end(4096) == 1 << 20
