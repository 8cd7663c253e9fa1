"""Pages read as arrays: the names of the chunks in each, many pages at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from galleria_storage.compression import expand
from galleria_storage.digest import name_of
from galleria_storage.errors import StorageError
from galleria_storage.packs.arrays import NAME, Rows
from galleria_storage.records import Record, records_in
from galleria_storage.volume.core import Core
from galleria_storage.volume.places import LARGEST_READ, Places, read_together, spans

PAGE_ENTRIES: Final = np.dtype([("length", "<u4"), ("name", NAME)])
_HOLE: Final = 1 << 31


def chunk_names(page: bytes) -> Rows:
    """Names of the chunks of a page that is known to be good."""
    return chunk_entries(page)["name"]


def chunk_entries(page: bytes) -> Rows:
    """Length and name of each chunk of a page that is known to be good."""
    entries = np.frombuffer(page, PAGE_ENTRIES)
    return entries[entries["length"] < _HOLE]


def summary(page: bytes) -> tuple[int, int, int]:
    """Bytes covered, bytes occupied and number of chunks of a page that is known to be good."""
    lengths = np.frombuffer(page, PAGE_ENTRIES)["length"].astype(np.int64)
    chunks = lengths < _HOLE
    return int((lengths & _HOLE - 1).sum()), int(lengths[chunks].sum()), int(chunks.sum())


def read_pages(
    core: Core, pages: Places, going: Callable[[], None], lost: Callable[[bytes], None]
) -> Iterator[tuple[bytes, bytes]]:
    """Name and bytes of each page; `lost` gets the names of those that cannot be read, and may raise.

    `going` is called all the time and may raise.
    """
    for span in spans(pages, LARGEST_READ):
        going()
        try:
            loaded, bad = read_together(core.store, pages[span])
        except StorageError:
            loaded, bad = [], pages[span].names.tolist()
        for name in bad:
            lost(name)
        for run in loaded:
            for record in records_in(run.data, core.rule):
                page = expanded(record)
                if page is None:
                    lost(record.name)
                else:
                    yield record.name, page


def expanded(record: Record) -> bytes | None:
    """The raw bytes of a stored record; None if they do not have its name."""
    try:
        raw = expand(record.codec, record.payload, record.raw_length, record.raw_length)
    except StorageError:
        return None
    return bytes(raw) if name_of(raw) == record.name else None
