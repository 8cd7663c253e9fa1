"""What the golden vectors are about: named inputs, and frames given as bytes."""

from dataclasses import dataclass
from uuid import UUID

from tests.vectors.inputs import Part, repeated, stream, text, zeros

BLOCK = 4096
SEGMENT = 64 << 20
MAX_DISK = 2 << 40

SEGMENTS: dict[str, list[Part]] = {
    "one byte": [text("g")],
    "one zero byte": [zeros(1)],
    "a block less a byte": [stream("short", BLOCK - 1)],
    "a mebibyte and a short block": [stream("galleria", (1 << 20) + 123)],
    "every chunk of 4 blocks": [repeated(18, BLOCK * 30)],
    "every chunk of 8 blocks": [repeated(4, BLOCK * 30)],
    "every chunk of 64 blocks": [repeated(1, BLOCK * 200)],
    "15 zero blocks are a chunk": [zeros(BLOCK * 15)],
    "16 zero blocks are a hole": [zeros(BLOCK * 16)],
    "16 zero blocks, the last short": [zeros(BLOCK * 15 + 1)],
    "15 zero blocks between data": [stream("a", BLOCK * 9), zeros(BLOCK * 15), stream("b", BLOCK * 9)],
    "16 zero blocks between data": [stream("a", BLOCK * 9), zeros(BLOCK * 16), stream("b", BLOCK * 9)],
    "zeros that are not blocks": [
        stream("a", 100), zeros(BLOCK * 17), stream("b", BLOCK * 40 - 100), zeros(BLOCK * 17), stream("c", 100)
    ],
    "zeros at both ends": [zeros(BLOCK * 7), stream("d", BLOCK * 64), zeros(BLOCK * 14)],
    "holes at both ends": [zeros(BLOCK * 100), stream("e", BLOCK * 64), zeros(BLOCK * 40 + 17)],
    "many holes": [part for i in range(12) for part in (stream(f"f{i}", BLOCK * (1 + 3 * i)), zeros(BLOCK * (10 + i)))],
}  # fmt: skip

DISKS: dict[str, list[Part]] = {
    "the worked example": [repeated(65, BLOCK), zeros(BLOCK * 16), text("galleria")],
    "one byte": [text("g")],
    "one zero byte": [zeros(1)],
    "one empty segment": [zeros(SEGMENT)],
    "a hole over the border of segments": [
        stream("front", BLOCK * 20), zeros(SEGMENT), stream("behind", BLOCK * 20), zeros(300_000)
    ],
    "15 blocks of zeros after an empty segment": [zeros(SEGMENT + BLOCK * 15)],
    "16 blocks of zeros after an empty segment": [zeros(SEGMENT + BLOCK * 15 + 1)],
    "data in the first and the fifth segment": [
        stream("first", 5000), zeros(SEGMENT * 4 - 5000), stream("fifth", 5000)
    ],
    "the largest disk, empty": [zeros(MAX_DISK)],
    "the largest disk, its last bytes in use": [zeros(MAX_DISK - 10_000), stream("end", 10_000)],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RootCase:
    """What pins a disk of `DISKS`: the fields of a root file that its layout does not give."""

    disk: str
    id: UUID
    scope: UUID
    resource: UUID
    resource_name: str
    domain: int = 0
    owner_epoch: int = 1
    pinned_ms: int = 0


SCOPE = UUID("0b6f2a54-8e0e-4f43-8a35-2b1c0d9e8f70")
RESOURCE = UUID("5f0c3ad2-7f7b-4c37-9d0a-6f1f1a2b3c4d")
MAX_U32 = (1 << 32) - 1
MAX_EXACT = (1 << 53) - 1
"""The largest number that every reader of JSON takes exactly."""
LONGEST_NAME = "n" * 2048

ROOTS: dict[str, RootCase] = {
    "the worked example": RootCase(
        "the worked example", UUID("00112233-4455-6677-8899-aabbccddeeff"), SCOPE, RESOURCE, "disks/first",
        owner_epoch=3, pinned_ms=1_767_225_600_000,
    ),
    "a name outside ASCII, a domain of its own": RootCase(
        "15 blocks of zeros after an empty segment", UUID(int=0x101), SCOPE, RESOURCE, "disks/größe",
        domain=7, owner_epoch=9, pinned_ms=1_700_000_000_123,
    ),
    "no name": RootCase("one zero byte", UUID(int=0), UUID(int=0), UUID(int=0), ""),
    "the largest numbers, the longest name": RootCase(
        "the largest disk, its last bytes in use", UUID(int=(1 << 128) - 1), UUID(int=1), UUID(int=2), LONGEST_NAME,
        domain=MAX_U32, owner_epoch=MAX_U32, pinned_ms=MAX_EXACT,
    ),
    "a layout of several entries": RootCase(
        "data in the first and the fifth segment", UUID(int=0x102), SCOPE, RESOURCE, "disks/data"
    ),
}  # fmt: skip

# In the first root the numbers end at 96, its name at 107.
REFUSED_ROOTS: dict[str, tuple[int, int, str]] = {
    "another magic": (0, 1, "58"),
    "version 2": (4, 6, "0200"),
    "the first zero is 1": (6, 8, "0100"),
    "the id of another root": (8, 9, "ff"),
    "a key id": (60, 64, "01000000"),
    "the second zero is 1": (68, 72, "01000000"),
    "a shorter name than there is": (88, 92, "0a000000"),
    "a name of 2,049 bytes": (88, 107, "01080000" + "47000000" + "6e" * 2049),
    "a layout past its bound": (92, 96, "ffffffff"),
    "a name that is not UTF-8": (96, 97, "ff"),
    "another magic in the layout": (107, 108, "58"),
    "a layout of more entries than there are": (123, 127, "02000000"),
}
"""A stretch of the first root, and what stands there instead; the digest at the end is made anew, so that it fits."""

FOX = "the quick brown fox jumps over the lazy dog; "
FOX_INPUT: list[Part] = [text(FOX * 40)]
FOX_FRAME = (
    "28b52ffd600806bd0100c40274686520717569636b2062726f776e20666f78206a756d7073206f766572"
    "20746865206c617a7920646f673b0200d442f501439865"
)
CHECKED_FOX_FRAME = (
    "28b52ffd640806bd0100c40274686520717569636b2062726f776e20666f78206a756d7073206f766572"
    "20746865206c617a7920646f673b0200d442f5014398650d2d3391"
)
RLE_FRAME = "28b52ffd2064230300" + "41"

GOOD_FRAMES: dict[str, tuple[str, list[Part]]] = {
    "a compressed block": (FOX_FRAME, FOX_INPUT),
    "a compressed block and a checksum": (CHECKED_FOX_FRAME, FOX_INPUT),
    "100 times one byte": (RLE_FRAME, [repeated(65, 100)]),
}

REFUSED_FRAMES: dict[str, tuple[str, int]] = {
    "another content size": (RLE_FRAME, 101),
    "a block past the content size": ("28b52ffd20642b030041", 100),
    "a block short of the content size": ("28b52ffd20641b030041", 100),
    "no last block": ("28b52ffd206422030041", 100),
    "cut off": (FOX_FRAME[:-2], 1800),
    "a byte behind it": (FOX_FRAME + "00", 1800),
    "a second frame": (RLE_FRAME + RLE_FRAME, 100),
    "a skippable frame behind it": (RLE_FRAME + "502a4d180400000061626364", 100),
    "a skippable frame before it": ("502a4d180400000061626364" + RLE_FRAME, 100),
    "a dictionary": ("28b52ffd2109" + RLE_FRAME[10:], 100),
    "a window of 16 MiB": ("28b52ffd8070" + "e8030000" + "431f0041", 1000),
    "no content size": ("28b52ffd0000" + "23030041", 100),
    "it does not shrink": ("28b52ffd200a53000041", 10),
    "a wrong checksum": (CHECKED_FOX_FRAME[:-2] + "92", 1800),
}
