"""Records, footer entries and their names as arrays: thousands at a time without a step of the interpreter for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import xxhash

from galleria_storage.compression import RAW, ZSTD
from galleria_storage.packs.format import ENTRY_SIZE
from galleria_storage.packs.format import HEADER_SIZE as PACK_HEADER
from galleria_storage.records import CHECKED_FROM, ENDS_BY_RULE, HEADER_SIZE, MAGIC, raw_lengths
from galleria_storage.rules import Rule

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
_HEADERS: Final = np.dtype(
    [
        ("magic", "V4"),
        ("check", "V16"),
        *((field, "u1") for field in ("kind", "codec", "flags", "zeros")),
        *((field, "<u4") for field in ("domain", "key_id", "raw_length", "stored_length")),
        ("name", NAME),
    ]
)
_STATED_TWICE: Final = ("codec", "flags", "zeros", "raw_length", "stored_length")
"""What a record's header says, and whatever says where the record lies."""
_MAGIC: Final = np.frombuffer(MAGIC, "V4")[0]
_HEADER: Final = np.dtype(f"V{HEADER_SIZE}")

assert ENTRIES.itemsize == ENTRY_SIZE  # noqa: S101 - two descriptions of one format
assert _HEADERS.itemsize == HEADER_SIZE  # noqa: S101


def good_records(data: memoryview, starts: Offsets, ends: Offsets, kind: int, names: Rows, rows: Rows) -> Truths:
    """Of records (header and payload) from `starts` to `ends` in `data`, which have their check and are those expected.

    Their headers must have the kind, the names, and the codec, flags, zero counts and lengths of `rows`. What lies
    outside of `data` is not good.
    """
    good = (starts >= 0) & (ends <= len(data)) & (ends - starts >= HEADER_SIZE)
    if not good.all():
        good[good] = good_records(data, starts[good], ends[good], kind, names[good], rows[good])
        return good
    if not len(starts):
        return good
    # As if a header began at every byte: taking those at the starts then copies nothing else.
    headers = np.ndarray((len(data) - HEADER_SIZE + 1,), _HEADER, data, strides=(1,))[starts].view(_HEADERS)
    digest = xxhash.xxh3_128_digest
    bounds = zip((starts + CHECKED_FROM).tolist(), ends.tolist(), strict=True)
    checks = [digest(data[start:end]) for start, end in bounds]
    return _as_expected(headers, checks, kind, names, rows)


class Stated:
    """Headers and checks of records that are read piece by piece, to be held against what is expected all at once."""

    def __init__(self) -> None:
        self._headers: list[memoryview] = []
        self._checks: list[bytes] = []

    def add(self, data: memoryview, base: int, starts: Sequence[int], ends: Sequence[int]) -> None:
        """Take those of records from `starts` to `ends`, all of which `data` has; its first byte is at `base`."""
        digest = xxhash.xxh3_128_digest
        begin, covered = -base, CHECKED_FROM - base
        self._headers += [data[start + begin : start + begin + HEADER_SIZE] for start in starts]
        self._checks += [digest(data[start + covered : end + begin]) for start, end in zip(starts, ends, strict=True)]

    def good(self, kind: int, names: Rows, rows: Rows) -> Truths:
        """Which of them, in the order they came, are good, as `good_records` says."""
        headers = np.frombuffer(b"".join(self._headers), _HEADERS)
        return _as_expected(headers, self._checks, kind, names, rows)


def _as_expected(headers: Rows, checks: Iterable[bytes], kind: int, names: Rows, rows: Rows) -> Truths:
    stated = np.frombuffer(b"".join(checks), "V16")
    found: Truths = (headers["magic"] == _MAGIC) & (headers["check"] == stated) & (headers["name"] == names)
    found &= (headers["kind"] == kind) & (headers["key_id"] == 0)
    for field in _STATED_TWICE:
        found &= headers[field] == rows[field]
    return found


def by_name(entries: Rows) -> Rows:
    """A footer's entries in the order in which an index has their names, nearly: it finds neighbours faster."""
    heads = np.ascontiguousarray(entries["name"]).view(">u8").reshape(-1, NAME.itemsize // 8)[:, 0]
    return entries[np.argsort(heads)]


def allowed(entries: Rows, kind: int, rule: Rule) -> bool:
    """Whether every entry of the footer of a pack of this kind is of a record that `records_in` would give."""
    least, most = raw_lengths(rule)[kind]
    raw, stored, codec = entries["raw_length"], entries["stored_length"], entries["codec"]
    fits = ((codec == RAW) & (stored == raw)) | ((codec == ZSTD) & (stored >= 1) & (stored < raw))
    known = (entries["kind"] == kind) & (entries["key_id"] == 0) & (entries["flags"] <= ENDS_BY_RULE)
    return bool((fits & known & (least <= raw) & (raw <= most)).all())


def gapless(entries: Rows, footer: int) -> bool:
    """Whether a footer's entries are those of records back to back from the pack's header to the footer's offset."""
    ends = np.cumsum(entries["stored_length"].astype(np.int64) + HEADER_SIZE) + PACK_HEADER
    borders = np.concatenate([[PACK_HEADER], ends])
    return bool(borders[-1] == footer and (entries["offset"] == borders[:-1]).all())
