"""An index that is lost is made again from what lies on the volume, damaged or not."""

import errno
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from galleria_storage import roots
from galleria_storage.index import Batch, IndexFailed, MemoryIndex, RocksIndex, RocksShared, Table
from galleria_storage.index.memory import Rows
from galleria_storage.objects.errors import StoreFailed
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs import bad
from galleria_storage.packs.format import DATA, PAGES, PackId, decode_entries, encode_entries
from galleria_storage.packs.reader import read_entries
from galleria_storage.packs.writer import OpenPack
from galleria_storage.records import CHUNK
from galleria_storage.volume import Policy, RecordsUnreadable, Volume, open_local_volume
from galleria_storage.volume.rows import KnownPage, PackRow, chunk_prefix
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import (
    SMALL_PACKS,
    begin,
    content_of,
    holder,
    memory_volume,
    pushed,
    read_range,
    sample,
    send,
    unknown_segments,
)

FIRST = content_of(sample(2.5, 1))
SECOND = content_of(sample(1.5, 2) + bytes(30_000) + sample(0.3, 3))
SCOPES = [UUID(int=1), UUID(int=2)]
COMPARED = [Table.CHUNKS, Table.SCOPES, Table.ROOTS, Table.PACKS]


def rebuilt(store: MemoryObjectStore, dedup: str = "volume") -> tuple[Volume, MemoryIndex]:
    index = MemoryIndex()
    return memory_volume(store, index, dedup=dedup), index


def damage(store: MemoryObjectStore, name: str, offset: int) -> None:
    data = bytearray(store.read(name) or b"")
    data[offset] ^= 0x55
    store.replace(name, bytes(data))


def names(store: MemoryObjectStore, folder: str) -> list[str]:
    return [info.name for info in store.list(folder)]


@pytest.mark.parametrize("dedup", ["volume", "scope"])
def test_the_rows_are_those_that_were_lost(dedup: str) -> None:
    store, index = MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index, dedup=dedup)
    for scope, content in zip([*SCOPES, SCOPES[0]], [FIRST, SECOND, SECOND], strict=True):
        pushed(volume, scope, content)
    volume.close()
    volume, again = rebuilt(store, dedup)
    for table in COMPARED:
        assert again.rows[table] == index.rows[table], table
    assert again.rows[Table.LEASES] == {}
    before = {*names(store, "packs/"), *names(store, "pages/")}
    pushed(volume, SCOPES[0], content_of(sample(0.1, 9)))
    highest = max(int(name[-8:], 16) for name in before)
    new = {f"packs/00000002-{highest + 1:08x}", f"pages/00000002-{highest + 2:08x}"}
    assert {*names(store, "packs/"), *names(store, "pages/")} - before == new


@pytest.mark.parametrize("dedup", ["volume", "scope"])
def test_of_records_with_one_name_the_first_counts_again(dedup: str) -> None:
    store, index = MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index, dedup=dedup)
    pushed(volume, SCOPES[0], FIRST)
    pushed(volume, SCOPES[1], SECOND)
    volume.close()
    for number, name in enumerate(names(store, "packs/") * 2):
        repeat_pack(store, name, volume.id.bytes, PackId(1, 100 + number))
    # An index that is there takes packs in one by one.
    index = MemoryIndex(index.rows)
    memory_volume(store, index, dedup=dedup).close()
    packs = [PackRow.decode(row) for row in index.rows[Table.PACKS].values()]
    assert {row.hidden / row.records for row in packs} == {0, 1}
    _, again = rebuilt(store, dedup)
    for table in COMPARED:
        assert again.rows[table] == index.rows[table], table


def repeat_pack(store: MemoryObjectStore, name: str, volume: bytes, pack: PackId) -> None:
    """Write another pack that has all records of one, twice."""
    entries = decode_entries(read_entries(store, DATA, PackId(1, int(name[-8:], 16)), len(store.read(name) or b"")))
    length = entries[-1].offset + 72 + entries[-1].stored_length - 48
    records = store.read(name, 48, length) or b""
    writer = OpenPack(store, volume, pack, DATA)
    for start in (0, length):
        moved = [entry._replace(offset=entry.offset + start) for entry in entries]
        writer.append_entries(encode_entries(moved), records)
    writer.seal()


class BreakingIndex(MemoryIndex):
    """Fails in place of the change that comes after so many others."""

    def __init__(self, rows: Rows, changes: int) -> None:
        super().__init__(rows)
        self.left = changes

    def apply(self, batch: Batch) -> None:
        self._change()
        super().apply(batch)

    def load(self, table: Table, rows: Iterable[tuple[bytes, bytes]]) -> None:
        self._change()
        super().load(table, rows)

    def _change(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise IndexFailed(Path("index"), "broken")


def test_a_rebuild_that_breaks_off_anywhere_begins_again() -> None:
    store, index = MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index)
    for scope, content in zip(SCOPES, [FIRST, SECOND], strict=True):
        pushed(volume, scope, content)
    volume.close()
    steps = 0
    while True:
        broken = BreakingIndex({table: {} for table in Table}, steps)
        try:
            memory_volume(store, broken).close()
            break
        except IndexFailed:
            again = MemoryIndex(broken.rows)
            memory_volume(store, again).close()
            for table in COMPARED:
                assert again.rows[table] == index.rows[table], (steps, table)
        steps += 1
    assert steps >= 5


def test_an_index_on_disk_is_made_again_with_the_same_rows(tmp_path: Path) -> None:
    shared = RocksShared()
    volume = open_local_volume(tmp_path, shared, rules=[SMALL_RULE], policy=Policy("scope", SMALL_PACKS))
    pushed(volume, SCOPES[0], FIRST)
    pushed(volume, SCOPES[1], SECOND)
    root = pushed(volume, SCOPES[0], SECOND)
    volume.close()
    before = rows_on_disk(tmp_path / "index", shared)
    volume = open_local_volume(tmp_path, shared, rules=[SMALL_RULE], rebuild=True)
    assert read_range(volume, root.id) == SECOND.data
    volume.close()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert rows_on_disk(tmp_path / "index", shared) == before


def rows_on_disk(path: Path, shared: RocksShared) -> list[list[tuple[bytes, bytes]]]:
    index = RocksIndex.open(path, shared)
    rows = [list(index.scan(table)) for table in COMPARED]
    index.close()
    return rows


def test_what_no_root_holds_comes_back_as_nobodys() -> None:
    store, index = MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index)
    kept = pushed(volume, SCOPES[0], FIRST)
    dropped = pushed(volume, SCOPES[0], SECOND)
    volume.release(dropped.id)
    aborted = begin(volume, SCOPES[1])
    send(aborted, SECOND, SECOND.pages)
    volume.close()
    volume, again = rebuilt(store)
    assert [root.id for root in volume.roots()] == [kept.id]
    for table in (Table.CHUNKS, Table.PACKS):
        assert again.rows[table] == index.rows[table]
    assert again.rows[Table.SCOPES].items() <= index.rows[Table.SCOPES].items()
    push = begin(volume, SCOPES[1])
    told = send(push, SECOND, unknown_segments(push, SECOND))
    assert told.asked == SECOND.names
    assert read_range(volume, push.commit(SECOND.layout, holder(SCOPES[1])).id) == SECOND.data


def test_a_page_that_two_roots_have_is_known_by_one_that_lives() -> None:
    store, index = MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index)
    first, second = pushed(volume, SCOPES[0], FIRST), pushed(volume, SCOPES[0], FIRST)
    volume.release(second.id)
    volume.close()
    volume, again = rebuilt(store)
    pages = [KnownPage.decode(value).root for value in again.rows[Table.SCOPES].values() if value]
    assert pages == [first.id.bytes] * len(FIRST.pages)
    push = begin(volume, SCOPES[0])
    assert unknown_segments(push, FIRST) == []


def test_an_index_of_another_volume_is_not_used() -> None:
    index = MemoryIndex()
    memory_volume(MemoryObjectStore(), index).close()
    store = MemoryObjectStore()
    volume = memory_volume(store)
    root = pushed(volume, SCOPES[0], FIRST)
    volume.close()
    assert read_range(memory_volume(store, MemoryIndex(index.rows)), root.id) == FIRST.data


def test_an_index_that_was_not_the_last_one_is_not_used() -> None:
    store, index = MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index)
    dropped = pushed(volume, SCOPES[0], FIRST)
    volume.close()
    old = MemoryIndex({table: dict(rows) for table, rows in index.rows.items()})
    volume = memory_volume(store, MemoryIndex(index.rows))
    volume.release(dropped.id)
    kept = pushed(volume, SCOPES[0], SECOND)
    volume.close()
    volume = memory_volume(store, old)
    assert [root.id for root in volume.roots()] == [kept.id]
    for table in COMPARED:
        assert old.rows[table] == rebuilt(store)[1].rows[table], table


def test_a_pack_without_a_good_footer_is_read_record_by_record() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    root = pushed(volume, SCOPES[0], FIRST)
    volume.close()
    for name in names(store, "packs/") + names(store, "pages/"):
        data = store.read(name) or b""
        store.replace(name, data[:-10])
    volume, _ = rebuilt(store)
    assert read_range(volume, root.id) == FIRST.data


def test_records_that_are_lost_count_as_missing_and_the_next_push_heals_them() -> None:
    store, index = MemoryObjectStore(), MemoryIndex()
    volume = memory_volume(store, index)
    root = pushed(volume, SCOPES[0], FIRST)
    volume.close()
    (name, *_) = names(store, "packs/")
    damage(store, name, 48 + 72 + 5)
    damage(store, name, -1)
    volume, again = rebuilt(store)
    lost = index.rows[Table.CHUNKS].keys() - again.rows[Table.CHUNKS].keys()
    prefix = chunk_prefix(CHUNK, 0)
    assert [len(key) for key in lost] == [len(prefix) + 32]
    with pytest.raises(RecordsUnreadable) as unreadable:
        read_range(volume, root.id)
    assert {prefix + name for name in unreadable.value.names} == lost
    volume.assess()
    assert volume.lacking() == {root.id: 1}
    healing = pushed(volume, SCOPES[0], FIRST)
    assert read_range(volume, root.id) == read_range(volume, healing.id) == FIRST.data


def test_a_push_brings_what_lay_in_a_pack_that_is_gone() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    root = pushed(volume, SCOPES[0], FIRST)
    volume.close()
    store.delete(names(store, "packs/")[0])
    volume, _ = rebuilt(store)
    again = pushed(volume, SCOPES[0], FIRST)
    assert read_range(volume, root.id) == read_range(volume, again.id) == FIRST.data


@pytest.mark.parametrize(("folder", "segment"), [("packs/", 0), ("pages/", 0)])
def test_nobody_is_told_that_a_page_is_whole_of_which_something_is_lost(folder: str, segment: int) -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    root = pushed(volume, SCOPES[0], FIRST)
    volume.close()
    name = names(store, folder)[0]
    damage(store, name, 48 + 72 + 5)
    damage(store, name, -1)
    volume, _ = rebuilt(store)
    push = begin(volume, SCOPES[0])
    assert segment in unknown_segments(push, FIRST)
    volume.assess()
    assert volume.lacking() == {root.id: 1}
    assert unknown_segments(push, FIRST) == [segment]
    send(push, FIRST, [segment])
    again = push.commit(FIRST.layout, holder(SCOPES[0]))
    assert read_range(volume, again.id) == read_range(volume, root.id) == FIRST.data
    volume.assess()
    assert volume.lacking() == {}


@pytest.mark.parametrize("lost", [False, True])
def test_a_damaged_page_leaves_everything_else_readable(lost: bool) -> None:  # noqa: FBT001
    store = MemoryObjectStore()
    volume = memory_volume(store)
    broken, whole = pushed(volume, SCOPES[0], FIRST), pushed(volume, SCOPES[1], SECOND)
    volume.close()
    name = names(store, "pages/")[0]
    damage(store, name, 48 + 72 + 5)
    damage(store, name, -1 if lost else 10)
    volume, _ = rebuilt(store)
    volume.assess()
    assert volume.lacking() == ({broken.id: 1} if lost else {})
    assert {root.id for root in volume.roots()} == {broken.id, whole.id}
    assert read_range(volume, whole.id) == SECOND.data
    with pytest.raises(RecordsUnreadable):
        read_range(volume, broken.id)
    volume.assess()
    if lost:
        # The page is asked for again, and then the root that had lost it is whole again as well.
        volume.assess()
        push = begin(volume, SCOPES[0])
        unknown = unknown_segments(push, FIRST)
        assert len(unknown) == 1
        send(push, FIRST, unknown)
        push.commit(FIRST.layout, holder(SCOPES[0]))
        assert read_range(volume, broken.id) == FIRST.data


class RottenStore(MemoryObjectStore):
    """Fails to read one byte of one object."""

    rotten = ("", 0)

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        data = super().read(name, offset, length)
        at = self.rotten[1]
        if name == self.rotten[0] and offset <= at < offset + len(data or b""):
            raise StoreFailed(name, "read", errno.EIO)
        return data


def test_a_page_on_a_place_that_cannot_be_read_takes_no_other_page_with_it() -> None:
    store = RottenStore()
    volume = memory_volume(store, pack_sizes={DATA: 12 << 10, PAGES: 64 << 10})
    pushed(volume, SCOPES[0], FIRST)
    volume.close()
    (pack,) = names(store, "pages/")
    store.rotten = pack, 48 + 72 + 5
    volume, _ = rebuilt(store)
    push = begin(volume, SCOPES[0])
    assert len(FIRST.pages) == 3
    assert unknown_segments(push, FIRST) == [0]


def test_records_put_aside_are_counted_but_not_visible() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    pushed(volume, SCOPES[0], FIRST)
    volume.close()
    name = names(store, "packs/")[0]
    store.replace(name + bad.BAD, bad.encode([48]))
    _, index = rebuilt(store)
    rows = [PackRow.decode(row) for row in index.rows[Table.PACKS].values()]
    assert [row.hidden for row in rows] == [1, *[0] * (len(rows) - 1)]
    assert sum(row.records - row.hidden for row in rows) == len(index.rows[Table.CHUNKS])


def test_chunks_are_counted_also_where_a_page_was_lost_and_another_scope_brought_it() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    broken = pushed(volume, SCOPES[0], FIRST)
    volume.close()
    name = names(store, "pages/")[0]
    damage(store, name, 48 + 72 + 5)
    damage(store, name, -1)
    volume, _ = rebuilt(store)
    with pytest.raises(RecordsUnreadable):
        volume.chunk_count(broken)
    pushed(volume, SCOPES[1], FIRST)
    assert volume.chunk_count(broken) == sum(map(len, FIRST.names.values()))


def test_a_damaged_root_file_stays_where_it_is() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    broken, whole = pushed(volume, SCOPES[0], FIRST), pushed(volume, SCOPES[1], SECOND)
    volume.close()
    damage(store, roots.object_name(broken.id), 100)
    volume, _ = rebuilt(store)
    assert [root.id for root in volume.roots()] == [whole.id]
    assert roots.object_name(broken.id) in names(store, "roots/")


def test_a_marker_ends_a_root_that_a_rebuild_would_bring_back() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    root, kept = pushed(volume, SCOPES[0], FIRST), pushed(volume, SCOPES[0], SECOND)
    reader = volume.open_read(root.id)
    volume.release(root.id)
    assert len(names(store, "roots/")) == 3
    volume.close()
    volume, _ = rebuilt(store)
    assert [found.id for found in volume.roots()] == [kept.id]
    assert names(store, "roots/") == [roots.object_name(kept.id)]
    assert reader.root.id == root.id


def test_a_condemned_pack_counts_as_missing() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    root = pushed(volume, SCOPES[0], FIRST)
    volume.close()
    for name in names(store, "packs/"):
        store.replace(f"{name}.condemned", (1).to_bytes(4, "little"))
    volume, _ = rebuilt(store)
    with pytest.raises(RecordsUnreadable):
        read_range(volume, root.id)
    push = begin(volume, SCOPES[1])
    send(push, FIRST, FIRST.pages)
    assert read_range(volume, root.id) == FIRST.data


def test_the_domain_of_a_scope_is_never_given_to_another() -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store, dedup="scope")
    kept = pushed(volume, SCOPES[0], FIRST)
    aborted = begin(volume, SCOPES[1])
    send(aborted, SECOND, SECOND.pages)
    other = aborted.lease.domain
    aborted.abort()
    volume.close()
    volume, _ = rebuilt(store, "scope")
    assert kept.domain not in (0, other)
    assert pushed(volume, SCOPES[0], SECOND).domain == kept.domain
    assert pushed(volume, uuid4(), SECOND).domain not in (0, other, kept.domain)
