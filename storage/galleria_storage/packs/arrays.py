"""Records, footer entries and their names as arrays: thousands at a time without a step of the interpreter for each."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import xxhash

from galleria_storage.packs.format import ENTRY_SIZE
from galleria_storage.packs.format import HEADER_SIZE as PACK_HEADER
from galleria_storage.records import CHECKED_FROM, HEADER_SIZE, MAGIC

Rows: TypeAlias = "npt.NDArray[np.void]"
Offsets: TypeAlias = "npt.NDArray[np.int64]"
Truths: TypeAlias = "npt.NDArray[np.bool_]"

NAME: Final = np.dtype("V32")
ENTRIES: Final = np.dtype(
    [
        ("name", NAME),
        *((field, "<u4") for field in ("domain", "key_id", "offset", "raw_length", "stored_length")),
        *((field, "u1") for field in ("codec", "flags", "zeros", "kind")),
    ]
)
"""A footer's entries (FORMAT.md section 6), the same fields as those of `Entry`."""
_HEADERS: Final = np.dtype([("magic", "V4"), ("check", "V16"), ("rest", "V20"), ("name", NAME)])
_MAGIC: Final = np.frombuffer(MAGIC, "V4")[0]
_HEADER: Final = np.dtype(f"V{HEADER_SIZE}")

assert ENTRIES.itemsize == ENTRY_SIZE  # noqa: S101 - two descriptions of one format
assert _HEADERS.itemsize == HEADER_SIZE  # noqa: S101


def good_records(data: memoryview, starts: Offsets, ends: Offsets, names: Rows) -> Truths:
    """Of records (header and payload) from `starts` to `ends` in `data`, which have their check and these names.

    What lies outside of `data` is not good.
    """
    good = (starts >= 0) & (ends <= len(data)) & (ends - starts >= HEADER_SIZE)
    if not good.all():
        good[good] = good_records(data, starts[good], ends[good], names[good])
        return good
    if not len(starts):
        return good
    # As if a header began at every byte: taking those at the starts then copies nothing else.
    headers = np.ndarray((len(data) - HEADER_SIZE + 1,), _HEADER, data, strides=(1,))[starts].view(_HEADERS)
    digest = xxhash.xxh3_128_digest
    bounds = zip((starts + CHECKED_FROM).tolist(), ends.tolist(), strict=True)
    checks = np.frombuffer(b"".join([digest(data[start:end]) for start, end in bounds]), "V16")
    found: Truths = (headers["magic"] == _MAGIC) & (headers["check"] == checks) & (headers["name"] == names)
    return found


def gapless(entries: Rows, footer: int) -> bool:
    """Whether a footer's entries are those of records back to back from the pack's header to the footer's offset."""
    ends = np.cumsum(entries["stored_length"].astype(np.int64) + HEADER_SIZE) + PACK_HEADER
    borders = np.concatenate([[PACK_HEADER], ends])
    return bool(borders[-1] == footer and (entries["offset"] == borders[:-1]).all())
