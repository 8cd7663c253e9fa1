"""A page: the chunks and holes of one segment (FORMAT.md sections 1 and 3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from galleria_storage.digest import DIGEST_SIZE
from galleria_storage.errors import PageInvalid
from galleria_storage.rules import Rule

_ENTRY = struct.Struct(f"<I{DIGEST_SIZE}s")
ENTRY = _ENTRY.size
"""Bytes of an entry of a page or layout."""

NO_NAME = bytes(DIGEST_SIZE)
"""Stands where a hole or an empty segment has no name."""

_HOLE = 1 << 31
_LENGTH = _HOLE - 1


def encode_page(lengths: Sequence[int], names: Sequence[bytes]) -> bytes:
    """The encoding of a page.

    Args:
        lengths: bytes of each piece in order, a hole's negative, as a cutter gives them.
        names: the 32-byte names of the chunks alone, in order.

    Raises:
        ValueError: there are more or fewer names than chunks.
    """
    if len(names) != sum(length > 0 for length in lengths):
        raise ValueError(f"{len(names)} names for the chunks of {len(lengths)} entries")
    pack, left = _ENTRY.pack, iter(names)
    return b"".join([pack(length, next(left)) if length > 0 else pack(_HOLE | -length, NO_NAME) for length in lengths])


@dataclass(frozen=True, slots=True)
class Page:
    """The pieces of a segment.

    Attributes:
        lengths: bytes of each piece in order, a hole's negative.
        names: the 32-byte names of the chunks alone, in order.
    """

    lengths: tuple[int, ...]
    names: tuple[bytes, ...]

    @property
    def covered(self) -> int:
        """Bytes of the segment."""
        return sum(map(abs, self.lengths))

    @property
    def occupied(self) -> int:
        """Bytes of the segment that lie in chunks, repeated ones each time."""
        return sum(length for length in self.lengths if length > 0)

    def encode(self) -> bytes:
        """The page's bytes, of which its name is made."""
        return encode_page(self.lengths, self.names)

    @classmethod
    def parse(cls, data: bytes | memoryview, rule: Rule) -> Page:
        """Read a page and check all that can be seen without its segment and chunks.

        Raises:
            PageInvalid: the encoding, a length or the order of entries is wrong.
        """
        count, rest = divmod(len(data), ENTRY)
        if rest or not 1 <= count <= rule.max_page_entries:
            allowed = f"a multiple of {ENTRY} from {ENTRY} to {ENTRY * rule.max_page_entries}"
            raise PageInvalid(None, None, "wrong size", "bytes", len(data), allowed)
        lengths: list[int] = []
        names: list[bytes] = []
        longest = rule.max_chunk
        for word, name in _ENTRY.iter_unpack(data):
            if 1 <= word <= longest:
                lengths.append(word)
                names.append(name)
            elif word & _HOLE:
                lengths.append(_checked_hole(word & _LENGTH, name, lengths, rule))
            else:
                raise PageInvalid(None, len(lengths), "wrong length", "bytes of the chunk", word, f"1 to {longest}")
        page = cls(tuple(lengths), tuple(names))
        _check_whole(page, rule)
        return page


def _checked_hole(length: int, name: bytes, before: Sequence[int], rule: Rule) -> int:
    entry = len(before)
    if not rule.hole_blocks <= rule.blocks(length) <= rule.blocks(rule.segment):
        allowed = f"{rule.hole_blocks} to {rule.blocks(rule.segment)}"
        raise PageInvalid(None, entry, "wrong length", "blocks of the hole", rule.blocks(length), allowed)
    if before and before[-1] < 0:
        raise PageInvalid(None, entry, "two holes in a row", "entry", "a hole", "a chunk after a hole")
    if name != NO_NAME:
        raise PageInvalid(None, entry, "a hole with a name", "name", "not zero", "zero")
    return -length


def _check_whole(page: Page, rule: Rule) -> None:
    if not page.names:
        raise PageInvalid(None, None, "no chunk", "chunks", 0, "at least 1: an empty segment has no page")
    for entry, length in enumerate(page.lengths[:-1]):
        if length % rule.block:
            allowed = f"a multiple of {rule.block} before the last entry"
            raise PageInvalid(None, entry, "wrong length", "bytes", abs(length), allowed)
    if page.covered > rule.segment:
        raise PageInvalid(None, None, "wrong total", "bytes", page.covered, f"at most {rule.segment}")


def check_page(
    page: Page,
    rule: Rule,
    segment_length: int,
    last: bool,  # noqa: FBT001 - or `last=` by name
    proofs: Sequence[tuple[int, int, int]],
) -> None:
    """Check that a parsed page is the one that the rule gives for its segment's bytes.

    Args:
        page: the page, as `Page.parse` gives it.
        rule: the rule of its layout.
        segment_length: bytes of the segment.
        last: the segment is the disk's last.
        proofs: of each chunk in order what was found when its bytes were checked: raw length in bytes, flags and
            zero counts (see `proof.prove`).

    Raises:
        PageInvalid: it is not.
        ValueError: there are more or fewer proofs than chunks.
    """
    _check_total(page, rule, segment_length, last=last)
    if len(proofs) != len(page.names):
        raise ValueError(f"{len(proofs)} proofs for {len(page.names)} chunks")
    most, block = rule.hole_blocks - 1, rule.block
    left = iter(proofs)
    # Zero blocks in a row up to here; whether a hole, or a chunk that does not end by rule, came just before.
    zeros, after_hole, open_end = 0, False, False
    for entry, length in enumerate(page.lengths):
        if length < 0:
            if zeros:
                raise PageInvalid(None, entry - 1, "zeros beside a hole", "zero blocks at the end", zeros, 0)
            after_hole, open_end = True, False
            continue
        raw_length, flags, counts = next(left)
        lead, trail = counts & 15, counts >> 4
        if raw_length != length:
            raise PageInvalid(None, entry, "not the chunk's length", "bytes", length, raw_length)
        if open_end:
            raise PageInvalid(None, entry - 1, "a cut that is not the rule's", "ends by rule", "no", "yes")
        if after_hole and lead:
            raise PageInvalid(None, entry, "zeros beside a hole", "zero blocks at the start", lead, 0)
        if zeros + lead > most:
            raise PageInvalid(None, entry, "a hole over several chunks", "zero blocks in a row", zeros + lead, most)
        zeros = zeros + lead if lead * block >= length else trail
        after_hole, open_end = False, not flags & 1


def _check_total(page: Page, rule: Rule, segment_length: int, *, last: bool) -> None:
    if page.covered != segment_length:
        raise PageInvalid(None, None, "wrong total", "bytes", page.covered, segment_length)
    if segment_length % rule.block and not last:
        allowed = f"a multiple of {rule.block} before the last segment"
        raise PageInvalid(None, len(page.lengths) - 1, "wrong length", "bytes of the segment", segment_length, allowed)
