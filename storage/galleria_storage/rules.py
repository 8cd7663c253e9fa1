"""The chunking rules by name: every bound that a cutter or parser of layouts needs."""

from __future__ import annotations

from dataclasses import dataclass

from galleria_storage.errors import UnknownRule


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that cuts disks into chunks (FORMAT.md section 1).

    Attributes:
        name: what layouts and digests call it, 1 to 64 ASCII characters.
        block: bytes of a block.
        segment: bytes of a segment, a multiple of `hole_blocks` blocks.
        hole_blocks: zero blocks in a row that make a hole; at most 16, as counts below it take 4 bits.
        min_blocks: blocks of the shortest chunk that a hash may end, where `early_mask` begins.
        mid_blocks: blocks from which on `late_mask` is used.
        max_blocks: blocks of the longest chunk.
        early_mask: bits of a block's hash that must be zero to end a chunk below `mid_blocks`.
        late_mask: the same from `mid_blocks` on.
        max_disk: bytes of the largest disk.
    """

    name: str
    block: int
    segment: int
    hole_blocks: int
    min_blocks: int
    mid_blocks: int
    max_blocks: int
    early_mask: int
    late_mask: int
    max_disk: int

    @property
    def max_chunk(self) -> int:
        """Bytes of the longest chunk."""
        return self.block * self.max_blocks

    @property
    def min_hole(self) -> int:
        """Bytes of the shortest hole of whole blocks."""
        return self.block * self.hole_blocks

    @property
    def max_page_entries(self) -> int:
        """Entries of the longest page: a full segment in shortest chunks; holes only make it shorter."""
        return self.segment // (self.block * self.min_blocks)

    @property
    def max_segments(self) -> int:
        """Segments of the largest disk."""
        return self.segments(self.max_disk)

    def blocks(self, length: int) -> int:
        """Blocks of `length` bytes; a short last one counts."""
        return -(-length // self.block)

    def segments(self, size: int) -> int:
        """Segments of a disk of `size` bytes; a short last one counts."""
        return -(-size // self.segment)

    def segment_length(self, size: int, i: int) -> int:
        """Bytes of segment `i` of a disk of `size` bytes.

        Raises:
            IndexError: the disk has no segment `i`.
        """
        if not 0 <= i < self.segments(size):
            raise IndexError(i)
        return min(self.segment, size - i * self.segment)


BLOCK_CDC_1 = Rule(
    name="block-cdc-1",
    block=4096,
    segment=64 << 20,
    hole_blocks=16,
    min_blocks=4,
    mid_blocks=8,
    max_blocks=64,
    early_mask=15,
    late_mask=3,
    max_disk=2 << 40,
)

_RULES = {BLOCK_CDC_1.name: BLOCK_CDC_1}


def rule_named(name: str) -> Rule:
    """The rule called `name`.

    Raises:
        UnknownRule: there is none.
    """
    try:
        return _RULES[name]
    except KeyError:
        raise UnknownRule(name) from None


def register(rule: Rule) -> None:
    """Make `rule` known by its name. Only tests do this: a name in use must never change its meaning.

    Raises:
        ValueError: another rule has the name.
    """
    if _RULES.setdefault(rule.name, rule) != rule:
        raise ValueError(rule.name)
