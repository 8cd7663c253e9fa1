"""A layout: the pages of a disk (FORMAT.md section 4). Its name is the disk's digest."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from galleria_storage.digest import DIGEST_SIZE, format_disk_digest, name_of
from galleria_storage.errors import LayoutInvalid
from galleria_storage.page import ENTRY, NO_NAME, Page, check_page, encode_page
from galleria_storage.rules import Rule, rule_named

__all__ = ["ENTRY", "Layout", "Page", "check_page", "encode_page"]

_MAGIC = b"GLAY"
_VERSION = 1
_MAX_NAME = 64
_HEADER = struct.Struct("<4sHHQII")
_ENTRY = struct.Struct(f"<I{DIGEST_SIZE}s")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a disk consists of.

    Attributes:
        rule: the rule that cut it.
        size: bytes of the disk.
        pages: for each segment the 32-byte name of its page, None where the segment is one hole.

    Raises:
        LayoutInvalid: the size, the number of pages or a name is wrong.
    """

    rule: Rule
    size: int
    pages: tuple[bytes | None, ...]

    def __post_init__(self) -> None:
        _check_size(self.rule, self.size)
        expected = self.rule.segments(self.size)
        if len(self.pages) != expected:
            raise LayoutInvalid("wrong total", "segments", len(self.pages), expected)
        if any(page is not None and (len(page) != DIGEST_SIZE or page == NO_NAME) for page in self.pages):
            raise LayoutInvalid("a wrong name", "name of a page", "zero or too short", f"{DIGEST_SIZE} bytes, not zero")
        self._check_end()

    def _check_end(self) -> None:
        """A short last segment may be too short to be a hole, and then has a page even if it is all zeros."""
        last = self.rule.blocks(self.rule.segment_length(self.size, len(self.pages) - 1))
        if self.pages[-1] is None and last < self.rule.hole_blocks:
            allowed = f"at least {self.rule.hole_blocks}"
            raise LayoutInvalid("an empty segment too short to be a hole", "blocks", last, allowed)

    def encode(self) -> bytes:
        """The layout's bytes, of which its name is made."""
        name = self.rule.name.encode("ascii")
        entries = [_ENTRY.pack(count, page or NO_NAME) for count, page in self._runs()]
        header = _HEADER.pack(_MAGIC, _VERSION, len(name), self.size, len(entries), 0)
        return b"".join([header, name, *entries])

    def _runs(self) -> Iterator[tuple[int, bytes | None]]:
        for empty, pages in groupby(self.pages, key=lambda page: page is None):
            if empty:
                yield sum(1 for _ in pages), None
            else:
                yield from ((1, page) for page in pages)

    @property
    def digest(self) -> bytes:
        """The layout's name, 32 bytes; made anew each time."""
        return name_of(self.encode())

    @property
    def text(self) -> str:
        """The disk's digest, such as `block-cdc-1:` and 64 hexadecimal digits."""
        return format_disk_digest(self.rule.name, self.digest)

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Layout:
        """Read a layout.

        Raises:
            LayoutInvalid: the bytes are not the encoding of a layout.
            UnknownRule: they are of a rule that is not known here.
        """
        name_length, size, entries = _parse_header(data)
        rule = rule_named(_parse_name(bytes(data[_HEADER.size : _HEADER.size + name_length])))
        _check_size(rule, size)
        if entries > rule.max_segments:
            raise LayoutInvalid("too many entries", "entries", entries, f"at most {rule.max_segments}")
        expected = _HEADER.size + name_length + entries * ENTRY
        if len(data) != expected:
            raise LayoutInvalid("wrong length", "bytes", len(data), f"{expected} for {entries} entries")
        return cls(rule, size, _parse_pages(data[_HEADER.size + name_length :], rule.segments(size)))


def _check_size(rule: Rule, size: int) -> None:
    if not 1 <= size <= rule.max_disk:
        raise LayoutInvalid("wrong size", "bytes of the disk", size, f"1 to {rule.max_disk}")


def _parse_header(data: bytes | memoryview) -> tuple[int, int, int]:
    """The length of the rule's name, the size of the disk, the number of entries."""
    if len(data) < _HEADER.size:
        raise LayoutInvalid("truncated", "bytes", len(data), f"at least {_HEADER.size}")
    magic, version, name_length, size, entries, zero = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise LayoutInvalid("not a layout", "first bytes", magic.hex(), _MAGIC.hex())
    if version != _VERSION:
        raise LayoutInvalid("another version", "version", version, _VERSION)
    if not 1 <= name_length <= _MAX_NAME:
        raise LayoutInvalid("wrong name", "length of the rule's name", name_length, f"1 to {_MAX_NAME}")
    if zero:
        raise LayoutInvalid("a reserved field in use", "zero", zero, 0)
    return name_length, size, entries


def _parse_name(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise LayoutInvalid("wrong name", "rule's name", raw.hex(), "ASCII") from None


def _parse_pages(data: bytes | memoryview, segments: int) -> tuple[bytes | None, ...]:
    """The pages of the entries, which must add up to `segments`."""
    pages: list[bytes | None] = []
    for count, name in _ENTRY.iter_unpack(data):
        # Before memory is taken for the run.
        if not 1 <= count <= segments - len(pages):
            raise LayoutInvalid("wrong count", "segments of an entry", count, f"1 to {segments - len(pages)}")
        if name != NO_NAME and count != 1:
            raise LayoutInvalid("wrong count", "segments of a page", count, 1)
        if name == NO_NAME and pages and pages[-1] is None:
            raise LayoutInvalid("two empty runs in a row", "name", "zero", "a page after an empty run")
        pages.extend([None] * count if name == NO_NAME else [name])
    return tuple(pages)
