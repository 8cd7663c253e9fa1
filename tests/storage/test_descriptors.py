"""The cache of open files: what is dropped is never served again, and nothing is closed under a reader."""

from __future__ import annotations

from functools import partial

import pytest

from galleria_storage.objects.descriptors import DescriptorCache
from galleria_storage.objects.files import OpenFile


class File:
    """An OpenFile that knows whether it is closed, and may refuse to tell its size."""

    def __init__(self, content: bytes, error: OSError | None = None) -> None:
        self._content = content
        self._error = error
        self.closed = 0

    def write(self, data: memoryview) -> int:
        raise NotImplementedError

    def pread(self, offset: int, length: int) -> bytes:
        assert not self.closed
        return self._content[offset : offset + length]

    def fsync(self) -> None: ...

    def start_writeback(self, offset: int, length: int) -> None: ...

    def size(self) -> int:
        if self._error is not None:
            raise self._error
        return len(self._content)

    def close(self) -> None:
        self.closed += 1


def test_a_file_is_opened_once_and_the_least_recently_read_goes() -> None:
    cache = DescriptorCache(2)
    opened: list[tuple[str, File]] = []

    def opening(name: str) -> OpenFile:
        opened.append((name, File(name.encode())))
        return opened[-1][1]

    for name in "abacab":
        with cache.reading(name, partial(opening, name)) as (file, size):
            assert file.pread(0, size) == name.encode()
    assert [(name, file.closed) for name, file in opened] == [("a", 0), ("b", 1), ("c", 1), ("b", 0)]
    cache.clear()
    assert [file.closed for _, file in opened] == [1, 1, 1, 1]


def test_a_dropped_file_is_closed_by_its_last_reader() -> None:
    cache = DescriptorCache(2)
    file = File(b"x")
    with cache.reading("a", lambda: file), cache.reading("a", lambda: file):
        cache.drop("a")
        assert file.closed == 0
    assert file.closed == 1


def test_a_file_opened_while_its_name_was_dropped_serves_one_read_only() -> None:
    cache = DescriptorCache(2)
    old, new = File(b"old"), File(b"new")

    def open_late() -> OpenFile:
        cache.drop("a")
        return old

    with cache.reading("a", open_late) as (file, _):
        assert file is old
    assert old.closed == 1
    with cache.reading("a", lambda: new) as (file, _):
        assert file is new


def test_of_two_openers_at_once_one_file_is_kept() -> None:
    cache = DescriptorCache(2)
    outer, inner = File(b"outer"), File(b"inner")

    def open_twice() -> OpenFile:
        with cache.reading("a", lambda: inner):
            return outer

    with cache.reading("a", open_twice) as (file, _):
        assert file is outer
    assert (outer.closed, inner.closed) == (1, 0)
    cache.clear()
    assert (outer.closed, inner.closed) == (1, 1)


def test_without_room_every_read_opens_and_closes() -> None:
    cache = DescriptorCache(0)
    file = File(b"x")
    for _ in range(2):
        with cache.reading("a", lambda: file):
            assert file.closed in (0, 1)
    assert file.closed == 2


def test_a_file_that_cannot_be_used_is_closed() -> None:
    file = File(b"", OSError("bad"))
    with pytest.raises(OSError, match="bad"), DescriptorCache(2).reading("a", lambda: file):
        pass
    assert file.closed == 1
