"""A volume that references far more than it stores: real pages, roots and footers, and chunks that are only names.

Pages, root files, and headers, footers and trailers of packs are those of a volume with so much content. Where the
records of chunks would lie is a hole in the pack's file: neither a mark nor a rebuild reads there.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galleria_storage import roots
from galleria_storage.digest import name_of
from galleria_storage.index import RocksShared
from galleria_storage.layout import Layout
from galleria_storage.objects.local import LocalObjectStore
from galleria_storage.packs.arrays import ENTRIES
from galleria_storage.packs.format import DATA, HEADER_SIZE, PAGES, TARGET_SIZES, PackId, encode_footer, encode_header
from galleria_storage.packs.writer import OpenPack
from galleria_storage.records import CHUNK, PAGE, Record
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.records import encode_header as record_header
from galleria_storage.rules import BLOCK_CDC_1 as RULE
from galleria_storage.volume import open_local_volume
from galleria_storage.volume.pages import PAGE_ENTRIES

TIB = 1 << 40
AVERAGE_CHUNK = 40 << 10
_ROOT_SIZE = 128 << 30
_SCOPES = 2
_CHUNKS = RULE.segment // AVERAGE_CHUNK

Entries = npt.NDArray[np.void]


class Referenced(NamedTuple):
    """What the roots of a volume reference: bytes of disks, and chunks."""

    bytes: int
    chunks: int


class _Builder:
    def __init__(self, store: LocalObjectStore, volume: bytes, folder: Path) -> None:
        self._store = store
        self._volume = volume
        self._folder = folder
        self._random = np.random.default_rng(int.from_bytes(volume[:8], "little"))
        self._number = 0
        self._chunks: list[Entries] = []
        self._size = HEADER_SIZE
        self._pages = self._open_pages()
        (folder / "packs").mkdir(exist_ok=True)

    def segment(self, *, data: bool) -> bytes:
        """Write a page of random names, and with `data` footer entries of its chunks; the page's name."""
        page = np.empty(_CHUNKS, PAGE_ENTRIES)
        page["length"] = self._lengths()
        page["name"] = np.frombuffer(self._random.bytes(32 * _CHUNKS), "V32")
        encoded = page.tobytes()
        name = name_of(encoded)
        record = Record(PAGE, 0, 0, 0, 0, 0, len(encoded), len(encoded), name, memoryview(encoded))
        self._pages.append([record], record_header(PAGE, 0, 0, 0, 0, len(encoded), name, encoded) + encoded)
        if self._pages.full:
            self._pages.seal()
            self._pages = self._open_pages()
        if data:
            self._add(page)
        return name

    def _lengths(self) -> npt.NDArray[np.int64]:
        # As much longer one chunk is than the average, as much shorter is the next; the last has what is left over.
        blocks = np.full(_CHUNKS, AVERAGE_CHUNK // RULE.block)
        more = self._random.integers(-6, 7, _CHUNKS // 2)
        blocks[: 2 * len(more) : 2] += more
        blocks[1 : 2 * len(more) : 2] -= more
        blocks[-1] += RULE.segment // RULE.block - int(blocks.sum())
        return blocks * RULE.block

    def finish(self) -> None:
        """Write what is open."""
        self._pages.seal()
        self._seal()

    def _open_pages(self) -> OpenPack:
        return OpenPack(self._store, self._volume, self._next(), PAGES)

    def _next(self) -> PackId:
        self._number += 1
        return PackId(1, self._number)

    def _add(self, page: Entries) -> None:
        entries = np.zeros(len(page), ENTRIES)
        entries["name"], entries["raw_length"], entries["kind"], entries["codec"] = (
            page["name"],
            page["length"],
            CHUNK,
            1,
        )
        entries["stored_length"] = page["length"] // 2
        lengths = entries["stored_length"].astype(np.int64) + RECORD_HEADER
        entries["offset"] = self._size + np.cumsum(lengths) - lengths
        self._size += int(lengths.sum())
        self._chunks.append(entries)
        if self._size >= TARGET_SIZES[DATA]:
            self._seal()

    def _seal(self) -> None:
        if self._chunks:
            pack = self._next()
            with (self._folder / pack.object_name(DATA)).open("wb") as file:
                file.write(encode_header(DATA, self._volume, pack))
                file.seek(self._size)
                file.write(encode_footer(pack, np.concatenate(self._chunks).tobytes(), self._size))
            self._chunks, self._size = [], HEADER_SIZE


def build(folder: Path, size: int, *, data: bool) -> Referenced:
    """Make a volume that references `size` bytes of disks in `folder`, in place of what is there; without an index.

    With `data` it has packs of their chunks, else their pages only.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with_identity = open_local_volume(folder, RocksShared())
    with_identity.close()
    store = LocalObjectStore(folder)
    builder = _Builder(store, with_identity.id.bytes, folder)
    segments = 0
    for number, root_size in enumerate(_root_sizes(size)):
        pages = tuple(builder.segment(data=data) for _ in range(RULE.segments(root_size)))
        segments += len(pages)
        holder = roots.Holder(uuid.UUID(int=1 + number % _SCOPES), uuid.uuid4(), f"disks/{number}")
        root = roots.Root(uuid.uuid4(), holder, Layout(RULE, root_size, pages), root_size, 0, 1, 0)
        store.replace(roots.object_name(root.id), roots.encode(root))
    builder.finish()
    store.close()
    shutil.rmtree(folder / "index")
    os.sync()
    return Referenced(size, segments * _CHUNKS)


def _root_sizes(size: int) -> Iterator[int]:
    for start in range(0, size, _ROOT_SIZE):
        yield min(_ROOT_SIZE, size - start)
