"""Copying a root from one volume to another, only what the target lacks, in the layout's order.

Records move as they lie, checked by their XXH3-128 where they are read. Segments become durable one by one under
the copy's lease, so that a copy that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from galleria_storage.index.store import Batch
from galleria_storage.page import Page
from galleria_storage.records import CHUNK
from galleria_storage.volume.core import Core
from galleria_storage.volume.errors import CopyCancelled, RecordsUnreadable
from galleria_storage.volume.leases import Lease
from galleria_storage.volume.loading import Loading
from galleria_storage.volume.pins import Holder, Pinning, Root
from galleria_storage.volume.segments import SegmentTable
from galleria_storage.volume.source import Source

_KNOWN_AT_ONCE: Final = 1024

Progress = Callable[[int], bool]


class Copy:
    """One copy into a volume. `run` and `commit` may be repeated after a failure; for one thread at a time."""

    def __init__(self, core: Core, pinning: Pinning, lease: Lease) -> None:
        self.id: UUID = lease.id
        self._core = core
        self._pinning = pinning
        self._lease = lease
        self._done: tuple[Root, SegmentTable] | None = None

    def run(self, source: Source, progress: Progress) -> None:
        """Bring every segment of the source's root. `progress` gets occupied bytes done; False from it cancels.

        What the source lacks is left out, and told at the end: a run with another source brings only that. Raises
        CopyCancelled, LeaseLapsed, RecordsUnreadable, StoreFull, StoreFailed, PageInvalid.
        """
        unreadable: RecordsUnreadable | None = None
        segments = SegmentTable(self._core, self._lease, source.root.layout.rule)
        self._take_known(source, segments)
        done = {segment: row.occupied for segment, row in segments.rows()}
        total = sum(done.values())
        _report(progress, total)
        with Loading(self._core, self._lease, segments) as loading:
            for segment in source.segments():
                if segment in done:
                    continue
                try:
                    total += self._bring(source, loading, segment)
                except RecordsUnreadable as error:
                    unreadable = unreadable or error
                _report(progress, total)
            loading.finish()
        if unreadable is not None:
            raise unreadable
        self._done = (source.root, segments)

    def commit(self, holder: Holder) -> Root:
        """Pin what `run` brought, and end the lease. Raises as `Push.commit`, RuntimeError before `run` is through."""
        if self._done is None:
            message = "nothing to commit: run has not come to its end"
            raise RuntimeError(message)
        root, segments = self._done
        return self._pinning.pin(self._lease, segments, root.layout, self._lease.root, holder)

    def abort(self) -> None:
        """Give the copy up."""
        self._core.leases.end(self._lease, Batch())

    def _take_known(self, source: Source, segments: SegmentTable) -> None:
        """Settle pages that a root of the scope holds here, or the source itself if it lies on this volume."""
        offers = [(i, name) for i, name in enumerate(source.root.layout.pages) if name is not None]
        scopes = {self._lease.scope}
        if source.lies_on(self._core):
            scopes.add(source.root.holder.scope)
        for scope in scopes:
            for first in range(0, len(offers), _KNOWN_AT_ONCE):
                segments.settle_known(offers[first : first + _KNOWN_AT_ONCE], scope)

    def _bring(self, source: Source, loading: Loading, segment: int) -> int:
        encoded = source.page(segment) or b""
        page = Page.parse(encoded, source.root.layout.rule)
        names = list(dict.fromkeys(page.names))
        self._core.leases.renew(self._lease)
        loading.open_segment(page)
        rows = self._core.hold_rows(self._lease, CHUNK, names)
        missing = loading.without(name for name in names if name not in rows)
        try:
            for loaded in source.load(missing) if missing else ():
                loading.add(loaded)
        except RecordsUnreadable:
            loading.leave_segment(names)
            raise
        loading.close_segment(segment, page, encoded, rows)
        return page.occupied


def _report(progress: Progress, total: int) -> None:
    if not progress(total):
        raise CopyCancelled
