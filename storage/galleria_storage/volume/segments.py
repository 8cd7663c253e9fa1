"""The durable segments of a push or copy: rows of its lease, until a root pins them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from galleria_storage.digest import name_of
from galleria_storage.errors import PageInvalid
from galleria_storage.index.store import Batch, Table
from galleria_storage.page import Page, check_page
from galleria_storage.records import CHUNK, PAGE
from galleria_storage.rules import Rule
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import SegmentOutside
from galleria_storage.volume.leases import Lease
from galleria_storage.volume.pages import chunk_names
from galleria_storage.volume.rows import SEGMENT, KnownPage, SegmentRow, chunk_key, lease_key, scope_prefix

Proof = tuple[int, int, int]
"""What was proved of a chunk: raw length in bytes, flags, zero counts."""
Proofs = Mapping[bytes, Proof]
"""By name."""


def check_segment(segment: int, rule: Rule) -> None:
    """Raises SegmentOutside for a number that no disk's segment has."""
    if not 0 <= segment < rule.max_segments:
        raise SegmentOutside("segment", segment, rule.max_segments)


class SegmentTable:
    """Segments of one lease, whose root has the rule. Safe for many threads."""

    def __init__(self, core: Core, lease: Lease, rule: Rule) -> None:
        self._core = core
        self.lease = lease
        self._rule = rule

    def settle(
        self, pages: Sequence[tuple[int, Page, bytes]], counts: bytes | None = None, proofs: Proofs | None = None
    ) -> None:
        """Check that each page is the rule's, all its chunks being visible, and make its row durable.

        `proofs` are those of chunks by name where the caller knows them. Raises PageInvalid, LeaseLapsed.
        """
        batch = Batch()
        for segment, page, encoded in pages:
            self._check(segment, page, proofs)
            row = SegmentRow(name_of(encoded), page.covered, page.occupied, len(page.names), encoded)
            batch.put(Table.LEASES, self._key(segment), row.encode())
        self.apply(batch, counts)

    def settle_known(self, offers: Sequence[tuple[int, bytes]], scope: UUID | None = None) -> list[bool]:
        """Which offered pages are durable in this push, or in a root of its scope; those become durable segments.

        `scope` is another one to ask instead, for copies on one volume. Raises SegmentOutside, LeaseLapsed.
        """
        for segment, _ in offers:
            check_segment(segment, self._rule)
        mine = self._done(offers)
        prefix = scope_prefix((scope or self.lease.scope).bytes, PAGE)
        names = [name for _, name in offers]
        shared = self._core.index.get(Table.SCOPES, [prefix + name for name in names])
        here = self._core.chunks.present(PAGE, self.lease.domain, names)
        with self._core.writing, self.lease.lock:
            self._core.leases.check(self.lease)
            trusted = self._core.damage.trusted([chunk_key(PAGE, self.lease.domain, name) for name in names])
            batch = Batch()
            answers = []
            for (segment, name), done, known, whole in zip(offers, mine, shared, trusted, strict=True):
                answers.append(done or (name in here and whole and self._take(batch, segment, name, known)))
            if len(batch):
                self._core.index.apply(batch)
        return answers

    def rows(self) -> Iterator[tuple[int, SegmentRow]]:
        """All durable segments in ascending order."""
        start = lease_key(self.lease.id.bytes, SEGMENT)
        for key, value in self._core.index.scan(Table.LEASES, start):
            yield int.from_bytes(key[len(start) :], "big"), SegmentRow.decode(value)

    def drop(self, lacking: Collection[bytes]) -> list[int]:
        """Let segments whose pages are among the keys be durable no more; their numbers. Raises LeaseLapsed."""
        lost = [i for i, row in self.rows() if chunk_key(PAGE, self.lease.domain, row.name) in lacking]
        batch = Batch()
        for segment in lost:
            batch.delete(Table.LEASES, self._key(segment))
        self.apply(batch)
        return lost

    def apply(self, batch: Batch, counts: bytes | None = None) -> None:
        """Apply a batch for as long as the lease lives. Raises LeaseLapsed."""
        with self.lease.lock:
            self._core.leases.check(self.lease)
            if counts is not None:
                batch.put(Table.LEASES, lease_key(self.lease.id.bytes, b"t"), counts)
            if len(batch):
                self._core.index.apply(batch)

    def _done(self, offers: Sequence[tuple[int, bytes]]) -> list[bool]:
        """Which offered pages are durable in this push, and nothing of them has come to be missing."""
        mine = self._core.index.get(Table.LEASES, [self._key(segment) for segment, _ in offers])
        rows = [None if value is None else SegmentRow.decode(value) for value in mine]
        trusted = self._core.damage.trusted([chunk_key(PAGE, self.lease.domain, name) for _, name in offers])
        return [
            row is not None and row.name == name and (self._has_chunks(row.page) if row.page else whole)
            for (_, name), row, whole in zip(offers, rows, trusted, strict=True)
        ]

    def _has_chunks(self, page: bytes) -> bool:
        if not self._core.damage.any:
            return True
        names = list(set(chunk_names(page).tolist()))
        return len(self._core.chunks.present(CHUNK, self.lease.domain, names)) == len(names)

    def _take(self, batch: Batch, segment: int, name: bytes, value: bytes | None) -> bool:
        if value is None:
            return False
        known = KnownPage.decode(value)
        root = self._core.pinned(known.root)
        # The chunks of a root in another domain are not in ours.
        if root is None or root.domain != self.lease.domain:
            return False
        self._core.leases.hold(batch, self.lease, roots=[UUID(bytes=known.root)])
        row = SegmentRow(name, known.covered, known.occupied, known.chunks, b"")
        batch.put(Table.LEASES, self._key(segment), row.encode())
        return True

    def _check(self, segment: int, page: Page, known: Proofs | None) -> None:
        whole = known is not None and known.keys() >= set(page.names)
        proofs = [known[name] for name in page.names] if known is not None and whole else self._proofs(page)
        if len(proofs) != len(page.names):
            missing = len(page.names) - len(proofs)
            raise PageInvalid(segment, None, "chunks are gone", "chunks missing", missing, 0)
        try:
            check_page(page, self._rule, page.covered, page.covered != self._rule.segment, proofs)
        except PageInvalid as error:
            error.segment = segment
            raise

    def _proofs(self, page: Page) -> list[tuple[int, int, int]]:
        rows = self._core.chunks.locate(CHUNK, self.lease.domain, page.names)
        return [(row.raw_length, row.flags, row.zeros) for row in rows if row is not None]

    def _key(self, segment: int) -> bytes:
        return lease_key(self.lease.id.bytes, SEGMENT, segment.to_bytes(4, "big"))
