"""Pinning: how durable segments become a root, and how a root is given up.

The order is the promise: chunks are durable, then page packs, then the root file, then the row. A crash after
the root file completes forward when the volume is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from galleria_storage import roots
from galleria_storage.errors import LayoutInvalid
from galleria_storage.index.store import Batch, Table
from galleria_storage.layout import Layout
from galleria_storage.objects.errors import ObjectExists
from galleria_storage.packs.format import PAGES, decode_entries
from galleria_storage.packs.writer import OpenPack
from galleria_storage.records import PAGE, Record, encode_header
from galleria_storage.roots import Holder, Root
from galleria_storage.volume.assessing import lacking_pages
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import LayoutIncomplete, RecordsUnreadable, RootTaken
from galleria_storage.volume.leases import GARBAGE, Lease
from galleria_storage.volume.pages import chunk_names, read_pages
from galleria_storage.volume.rows import KnownPage, RootRow, SegmentRow, scope_prefix
from galleria_storage.volume.segments import SegmentTable

__all__ = ["Holder", "Pinning", "Root"]

_PAGES_AT_ONCE: Final = 1024


class Pinning:
    """Pins and releases roots. Safe for many threads."""

    def __init__(self, core: Core) -> None:
        self._core = core
        # What is released and still there; opening fills it from the markers.
        self._released: set[UUID] = set()

    def pin(self, lease: Lease, segments: SegmentTable, layout: Layout, root_id: UUID, holder: Holder) -> Root:
        """Pin a layout whose segments are all durable under the lease, and end the lease. Idempotent once pinned.

        Raises LeaseLapsed, LayoutIncomplete, LayoutInvalid, RootTaken, StoreFull, StoreFailed.
        """
        done = self._pinned_before(root_id, layout)
        if done is not None:
            return done
        self._core.leases.renew(lease)
        occupied = _check(layout, segments)
        self._store_pages(lease, layout, segments)
        core = self._core
        root = Root(root_id, holder, layout, occupied, lease.domain, core.identity.owner_epoch, core.now_ms())
        changes = self._refuse_holes(lease, layout, segments)
        with core.writing:
            # A second commit may have waited here for the first.
            done = self._pinned_before(root_id, layout)
            if done is not None:
                return done
            # Nothing comes to be missing from here on; what has since it was looked at is rare.
            self._refuse_holes(lease, layout, segments, changes)
            with lease.lock:
                core.leases.check(lease)
                self._write_file(root)
                self._finish(root, lease, segments)
        return root

    def chunks(self, root: Root) -> int:
        """Chunks of a pinned root, one at several positions counted at each. Raises RecordsUnreadable."""
        names = [name for name in root.layout.pages if name is not None]
        prefix = scope_prefix(root.holder.scope.bytes, PAGE)
        total = 0
        for first in range(0, len(names), _PAGES_AT_ONCE):
            asked = names[first : first + _PAGES_AT_ONCE]
            rows = self._core.index.get(Table.SCOPES, [prefix + name for name in asked])
            total += sum(KnownPage.decode(row).chunks for row in rows if row is not None)
            total += self._counted(root.domain, [name for name, row in zip(asked, rows, strict=True) if row is None])
        return total

    def complete(self, root: Root, pages: Iterator[tuple[bytes, KnownPage]]) -> None:
        """Make the rows of a root whose file is there; for opening and rebuilding."""
        batch = Batch()
        self._note_pages(root, batch, pages)
        batch.put(Table.ROOTS, root.id.bytes, _row(root).encode())
        self._core.index.apply(batch)

    def release(self, root_id: UUID) -> bool:
        """The root's resource gives it up. Its file goes as soon as no lease holds it. False if it is not there."""
        with self._core.writing:
            value = self._core.index.get(Table.ROOTS, [root_id.bytes])[0]
            if value is None:
                return False
            row = RootRow.decode(value)
            if not row.released:
                self._core.store.replace(roots.released_name(root_id), root_id.bytes)
                batch = Batch()
                batch.put(Table.ROOTS, root_id.bytes, row._replace(released=True).encode())
                self._core.index.apply(batch)
            self._released.add(root_id)
            self.drop_released()
            return True

    def drop_released(self) -> None:
        """Remove the files of released roots that no lease holds."""
        if not self._released:
            return
        with self._core.writing:
            for root_id in self._released - self._core.leases.held_roots():
                self._drop(root_id)

    def heed_markers(self) -> None:
        """Go on with every release whose marker is there and whose root is not yet gone; for opening."""
        with self._core.writing:
            parsed = [roots.parse_object_name(info.name) for info in self._core.store.list(f"{roots.FOLDER}/")]
            for root_id in [root for root, marker in filter(None, parsed) if marker]:
                value = self._core.index.get(Table.ROOTS, [root_id.bytes])[0]
                if value is None:
                    self._drop(root_id)
                else:
                    batch = Batch()
                    batch.put(Table.ROOTS, root_id.bytes, RootRow.decode(value)._replace(released=True).encode())
                    self._core.index.apply(batch)
                    self._released.add(root_id)
            self.drop_released()

    def _drop(self, root_id: UUID) -> None:
        # The marker goes last: as long as it is there, the root cannot come back to life.
        batch = Batch()
        value = self._core.index.get(Table.ROOTS, [root_id.bytes])[0]
        if value is not None:
            batch.put(Table.META, GARBAGE + root_id.bytes, RootRow.decode(value).scope.bytes)
        batch.delete(Table.ROOTS, root_id.bytes)
        self._core.store.delete(roots.object_name(root_id))
        self._core.index.apply(batch)
        self._core.store.delete(roots.released_name(root_id))
        self._core.forget_root(root_id)
        self._core.damage.outdate()
        self._released.discard(root_id)

    def _refuse_holes(self, lease: Lease, layout: Layout, segments: SegmentTable, changes: int = -1) -> int:
        """See that nothing is known to be missing that the layout needs, unless that was seen at these `changes`.

        Returns the count of changes by which that holds. Segments that lack something are no longer durable. Raises
        LayoutIncomplete, LeaseLapsed, RecordsUnreadable.
        """
        core = self._core
        with core.alone():
            seen = core.damage.see()
        if seen.missing and seen.changes != changes:
            names = {name for name in layout.pages if name is not None}
            missing, renew = seen.missing.keys(), lambda: core.leases.renew(lease)
            lacking, unread = lacking_pages(core, lease.domain, names, missing, renew)
            if unread:
                raise RecordsUnreadable(unread)
            lost = segments.drop(lacking)
            if lost:
                raise LayoutIncomplete(min(lost), len(lost))
        return seen.changes

    def _pinned_before(self, root_id: UUID, layout: Layout) -> Root | None:
        if self._core.index.get(Table.ROOTS, [root_id.bytes])[0] is None:
            return None
        root = self._core.read_root(root_id)
        if root is None or root.layout != layout:
            raise RootTaken(root_id)
        return root

    def _write_file(self, root: Root) -> None:
        data = roots.encode(root)
        try:
            writer = self._core.store.create(roots.object_name(root.id))
        except ObjectExists:
            # An earlier try got this far, but not to its row: nobody was told of that root.
            self._core.store.delete(roots.object_name(root.id))
            writer = self._core.store.create(roots.object_name(root.id))
        try:
            writer.append(data)
            writer.commit()
        finally:
            writer.abort()

    def _finish(self, root: Root, lease: Lease, segments: SegmentTable) -> None:
        batch = Batch()
        # A push may have segments that its layout leaves out: no root keeps those.
        left_out: set[bytes] = set()
        self._note_pages(root, batch, _known_pages(root, segments, left_out))
        batch.put(Table.ROOTS, root.id.bytes, _row(root).encode())
        self._core.leases.end(lease, batch, wasted=bool(left_out))

    def _counted(self, domain: int, names: Sequence[bytes]) -> int:
        """Chunks of pages by what they say themselves: one that could not be read when the index was made has no row.

        Raises RecordsUnreadable.
        """
        places = self._core.chunks.places(PAGE, domain, list(set(names)))
        pages = read_pages(self._core, places, lambda: None, lambda _: None)
        chunks = {name: len(chunk_names(page)) for name, page in pages}
        lost = [name for name in names if name not in chunks]
        if lost:
            raise RecordsUnreadable(lost)
        return sum(chunks[name] for name in names)

    def _note_pages(self, root: Root, batch: Batch, pages: Iterator[tuple[bytes, KnownPage]]) -> None:
        prefix = scope_prefix(root.holder.scope.bytes, PAGE)
        for name, known in pages:
            batch.put(Table.SCOPES, prefix + name, known.encode())

    def _store_pages(self, lease: Lease, layout: Layout, segments: SegmentTable) -> None:
        """Write the pages that the volume lacks into page packs, in the layout's order.

        Raises RecordsUnreadable for one that a root held has, but the volume has not.
        """
        wanted = set(layout.pages)
        written: set[bytes] = set()
        pack: OpenPack | None = None
        try:
            for rows in _grouped(segments):
                present = self._core.hold_present(lease, PAGE, [row.name for row in rows])
                for row in rows:
                    if row.name in present or row.name in written or row.name not in wanted:
                        continue
                    if not row.page:
                        raise RecordsUnreadable([row.name])
                    written.add(row.name)
                    pack = pack or self._core.open_pack(PAGES)
                    _append(pack, row, lease.domain)
                    if pack.full:
                        full, pack = pack, None
                        self._seal(full, lease)
            last, pack = pack, None
            if last is not None:
                self._seal(last, lease)
        finally:
            if pack is not None:
                pack.abort()

    def _seal(self, pack: OpenPack, lease: Lease) -> None:
        size = pack.seal()
        self._core.publish(pack, size, [(lease, [entry.name for entry in decode_entries(pack.entries)])])


def _check(layout: Layout, segments: SegmentTable) -> int:
    """See that every page of the layout is durable where it stands; the bytes that they occupy.

    Raises LayoutIncomplete, LayoutInvalid.
    """
    missing = {i: name for i, name in enumerate(layout.pages) if name is not None}
    occupied = 0
    for segment, row in segments.rows():
        if missing.get(segment) != row.name:
            continue
        expected = layout.rule.segment_length(layout.size, segment)
        if row.covered != expected:
            raise LayoutInvalid("wrong total", f"bytes of the page of segment {segment}", row.covered, expected)
        del missing[segment]
        occupied += row.occupied
    if missing:
        raise LayoutIncomplete(min(missing), len(missing))
    return occupied


def _known_pages(root: Root, segments: SegmentTable, left_out: set[bytes]) -> Iterator[tuple[bytes, KnownPage]]:
    """The durable pages that are in the root; the names of the others are added to `left_out`."""
    pinned = set(root.layout.pages)
    for _, row in segments.rows():
        if row.name in pinned:
            yield row.name, KnownPage(root.id.bytes, row.covered, row.occupied, row.chunks)
        else:
            left_out.add(row.name)


def _grouped(segments: SegmentTable) -> Iterator[list[SegmentRow]]:
    group: list[SegmentRow] = []
    for _, row in segments.rows():
        group.append(row)
        if len(group) == 64:  # noqa: PLR2004 - about 2 MiB of pages
            yield group
            group = []
    if group:
        yield group


def _append(pack: OpenPack, row: SegmentRow, domain: int) -> None:
    payload = memoryview(row.page)
    header = encode_header(PAGE, 0, 0, 0, domain, len(payload), row.name, payload)
    record = Record(PAGE, 0, 0, 0, domain, 0, len(payload), len(payload), row.name, payload)
    pack.append([record], header + row.page)


def _row(root: Root) -> RootRow:
    holder = root.holder
    return RootRow(False, root.domain, root.layout.size, root.occupied, holder.scope, holder.resource, holder.name)
