"""Compressing chunks and pages, and expanding what a stranger sent (FORMAT.md section 5)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from zstandard import MAGIC_NUMBER, BufferSegment, ZstdCompressor, ZstdDecompressor, ZstdError, get_frame_parameters

from galleria_storage.errors import FrameRefused

RAW: Final = 0
"""Codec: the payload is the bytes themselves."""
ZSTD: Final = 1
"""Codec: the payload is one zstd frame."""

MAX_WINDOW: Final = 8 << 20
"""Bytes of the largest window that a frame may ask for."""

_MAGIC = MAGIC_NUMBER.to_bytes(4, "little")


class _Codecs(threading.local):
    """One thread's compressors by level and its decompressor: neither may be used by two threads at once."""

    def __init__(self) -> None:
        self.compressors: dict[int, ZstdCompressor] = {}
        self.decompressor = ZstdDecompressor()

    def compressor(self, level: int) -> ZstdCompressor:
        found = self.compressors.get(level)
        if found is None:
            found = self.compressors[level] = ZstdCompressor(level=level)
        return found


_codecs = _Codecs()


def compress(views: Sequence[bytes | memoryview], level: int) -> list[tuple[int, bytes | memoryview]]:
    """Compress pieces, each for itself; any number of threads may do so at once.

    Args:
        views: the pieces; 1 to 8 MiB of them at a time is best.
        level: zstd's, 1 to 22.

    Returns:
        For each piece its codec and payload: the very piece given where zstd does not make it smaller. The other
        payloads of a call share one buffer, which lives as long as any of them.
    """
    if not views:
        return []
    # One call a batch lets go of the interpreter once, not once a piece, so a busy thread beside it costs less.
    frames = _codecs.compressor(level).multi_compress_to_buffer(list(views), threads=0)
    return [_smaller(frames[i], view) for i, view in enumerate(views)]


def _smaller(frame: BufferSegment, view: bytes | memoryview) -> tuple[int, bytes | memoryview]:
    if len(frame) >= len(view):
        return RAW, view
    # The library's stubs leave out that a segment is a buffer.
    return ZSTD, memoryview(frame)  # type: ignore[arg-type]


def expand(codec: int, payload: bytes | memoryview, raw_length: int, out_limit: int) -> bytes:
    """The bytes of a payload, which may be hostile: no more than `raw_length` bytes are ever made of it.

    The library keeps a workspace for each thread, at most `out_limit` and 256 KiB, whatever frames ask for.

    Args:
        codec: RAW or ZSTD.
        payload: the stored bytes.
        raw_length: the length that the header declares, in bytes.
        out_limit: the largest that `raw_length` may be, in bytes.

    Raises:
        FrameRefused: the payload is not exactly what the format allows, or is damaged.
    """
    if not 1 <= raw_length <= out_limit:
        raise FrameRefused("wrong length", "raw length", raw_length, f"1 to {out_limit}")
    if codec == ZSTD:
        return _expand_frame(payload, raw_length)
    if codec != RAW:
        raise FrameRefused("unknown codec", "codec", codec, f"{RAW} or {ZSTD}")
    if len(payload) != raw_length:
        raise FrameRefused("wrong length", "stored length", len(payload), raw_length)
    return bytes(payload)


def _expand_frame(payload: bytes | memoryview, raw_length: int) -> bytes:
    # The library takes whatever memory a header asks for, its own limits notwithstanding: so the header comes first.
    _check_header(payload, raw_length)
    try:
        return _codecs.decompressor.decompress(payload, allow_extra_data=False)
    except ZstdError as error:
        raise FrameRefused("not one whole frame", "zstd", str(error), "a frame that expands") from None


def _check_header(payload: bytes | memoryview, raw_length: int) -> None:
    # A skippable frame has a header that reads like a frame's.
    if payload[:4] != _MAGIC:
        raise FrameRefused("not a zstd frame", "first bytes", bytes(payload[:4]).hex(), _MAGIC.hex())
    if len(payload) >= raw_length:
        raise FrameRefused("it does not shrink", "stored length", len(payload), f"less than {raw_length}")
    try:
        header = get_frame_parameters(payload)
    except ZstdError as error:
        raise FrameRefused("not a zstd frame", "header", str(error), "a frame header") from None
    if header.content_size != raw_length:
        raise FrameRefused("another content size", "content size", header.content_size, raw_length)
    if header.window_size > MAX_WINDOW:
        raise FrameRefused("window too large", "window", header.window_size, MAX_WINDOW)
    if header.dict_id:
        raise FrameRefused("a dictionary", "dictionary id", header.dict_id, 0)
