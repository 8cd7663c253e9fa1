"""What every index does, run over all of them."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from galleria_storage.index import (
    Batch,
    Index,
    IndexClosed,
    IndexDamaged,
    IndexFailed,
    IndexLocked,
    MemoryIndex,
    RocksIndex,
    RocksShared,
    Table,
)

SHARED = RocksShared()


class Place(Protocol):
    """Where one index lives; opening closes the one opened before."""

    def open(self) -> Index: ...


class MemoryPlace:
    def __init__(self, path: Path) -> None:
        self._index = MemoryIndex()

    def open(self) -> Index:
        self._index.close()
        self._index = MemoryIndex(self._index.rows)
        return self._index


class RocksPlace:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._index = RocksIndex.create(path, SHARED)

    def open(self) -> Index:
        self._index.close()
        self._index = RocksIndex.open(self._path, SHARED)
        return self._index


PLACES: dict[str, Callable[[Path], Place]] = {"memory": MemoryPlace, "rocks": RocksPlace}


@pytest.fixture(params=list(PLACES.values()), ids=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    make: Callable[[Path], Place] = request.param
    place = make(tmp_path / "index")
    yield place
    place.open().close()


@pytest.fixture
def index(place: Place) -> Index:
    return place.open()


def put(index: Index, table: Table, rows: dict[bytes, bytes]) -> None:
    batch = Batch()
    for key, value in rows.items():
        batch.put(table, key, value)
    index.apply(batch)


def test_rows_are_read_back_in_the_order_asked_for(index: Index) -> None:
    put(index, Table.CHUNKS, {b"a": b"1", b"b": b"", b"\x00\xff": b"\x00"})
    assert index.get(Table.CHUNKS, [b"b", b"none", b"a", b"\x00\xff", b"b"]) == [b"", None, b"1", b"\x00", b""]
    assert index.get(Table.CHUNKS, []) == []


def test_tables_do_not_see_each_other(index: Index) -> None:
    for number, table in enumerate(Table):
        put(index, table, {b"key": bytes([number]), bytes([number]): b"own"})
    for number, table in enumerate(Table):
        assert index.get(table, [b"key"]) == [bytes([number])]
        assert list(index.scan(table)) == sorted([(b"key", bytes([number])), (bytes([number]), b"own")])


def test_later_changes_of_a_batch_win(index: Index) -> None:
    batch = Batch()
    batch.put(Table.ROOTS, b"kept", b"first")
    batch.put(Table.ROOTS, b"kept", b"second")
    batch.put(Table.ROOTS, b"gone", b"x")
    batch.delete(Table.ROOTS, b"gone")
    batch.delete(Table.ROOTS, b"back")
    batch.put(Table.ROOTS, b"back", b"again")
    batch.delete(Table.ROOTS, b"never there")
    assert len(batch) == 7
    index.apply(batch)
    assert list(index.scan(Table.ROOTS)) == [(b"back", b"again"), (b"kept", b"second")]


def test_an_empty_batch_changes_nothing(index: Index) -> None:
    assert len(Batch()) == 0
    index.apply(Batch())
    assert list(index.scan(Table.META)) == []


@pytest.mark.parametrize("table", list(Table))
def test_a_scan_is_in_byte_order_and_ends_with_its_prefix(index: Index, table: Table) -> None:
    keys = [
        b"",
        b"\x00",
        b"a",
        b"a\x00",
        b"a\xff",
        b"a\xff\xff",
        b"a\xff\xffz",
        b"b",
        b"\xff",
        b"\xff\x00",
        b"\xff\xff",
    ]
    keys += [b"\xff\xff\xff", b"\x7f", b"\x80", b"P", b"M"]
    for other in Table:
        put(index, other, {key: other.value.encode() for key in keys})
    for prefix in [b"", b"a", b"a\xff", b"a\xff\xff", b"\xff", b"\xff\xff", b"\xff\xff\xff\xff", b"zz", b"\x7f", b"P"]:
        expected = sorted((key, table.value.encode()) for key in keys if key.startswith(prefix))
        assert list(index.scan(table, prefix)) == expected, prefix


def test_a_scan_shows_the_rows_of_its_beginning(index: Index) -> None:
    put(index, Table.PACKS, {b"1": b"old", b"2": b"old", b"3": b"old"})
    scan = index.scan(Table.PACKS)
    batch = Batch()
    batch.put(Table.PACKS, b"0", b"new")
    batch.put(Table.PACKS, b"2", b"new")
    batch.delete(Table.PACKS, b"3")
    index.apply(batch)
    assert list(scan) == [(b"1", b"old"), (b"2", b"old"), (b"3", b"old")]
    assert list(index.scan(Table.PACKS)) == [(b"0", b"new"), (b"1", b"old"), (b"2", b"new")]


def test_a_scan_beside_writers_sees_whole_batches(index: Index) -> None:
    def write_on() -> None:
        for number in range(60):
            put(index, Table.SCOPES, {b"left": bytes([number]), b"right": bytes([number])})

    put(index, Table.SCOPES, {b"left": b"\x00", b"right": b"\x00"})
    writer = threading.Thread(target=write_on)
    writer.start()
    while writer.is_alive():
        left, right = index.scan(Table.SCOPES)
        assert left[1] == right[1]
    writer.join()
    assert index.get(Table.SCOPES, [b"left", b"right"]) == [b"\x3b", b"\x3b"]


def test_rows_outlive_closing(place: Place) -> None:
    index = place.open()
    for table in Table:
        put(index, table, {b"key": table.value.encode()})
    index = place.open()
    assert [index.get(table, [b"key"]) for table in Table] == [[table.value.encode()] for table in Table]


def test_clear_empties_every_table_for_good(place: Place) -> None:
    index = place.open()
    for table in Table:
        put(index, table, {bytes([number]): b"x" for number in range(256)})
    index.clear()
    assert [list(index.scan(table)) for table in Table] == [[]] * 6
    put(index, Table.META, {b"\xff\xff": b"after"})
    index = place.open()
    assert list(index.scan(Table.META)) == [(b"\xff\xff", b"after")]
    assert list(index.scan(Table.CHUNKS)) == []


def test_a_closed_index_refuses_everything(index: Index) -> None:
    put(index, Table.META, {b"a": b"1", b"b": b"2"})
    scan = index.scan(Table.META)
    assert next(scan) == (b"a", b"1")
    index.close()
    index.close()
    calls: list[Callable[[], object]] = [
        lambda: index.get(Table.META, [b"a"]),
        lambda: index.scan(Table.META),
        lambda: index.apply(Batch()),
        index.clear,
        lambda: index.load(Table.META, [(b"c", b"3")]),
        lambda: next(scan),
    ]
    for call in calls:
        with pytest.raises(IndexClosed):
            call()


def test_many_rows_in_one_batch(index: Index) -> None:
    rows = {number.to_bytes(36, "big"): number.to_bytes(24, "little") for number in range(5000)}
    put(index, Table.CHUNKS, rows)
    keys = [number.to_bytes(36, "big") for number in range(4000, 6000)]
    assert index.get(Table.CHUNKS, keys) == [rows.get(key) for key in keys]
    assert dict(index.scan(Table.CHUNKS)) == rows


@pytest.mark.parametrize("table", list(Table))
def test_loaded_rows_stand_beside_and_above_those_before_and_outlive_closing(place: Place, table: Table) -> None:
    index = place.open()
    for other in Table:
        put(index, other, {b"\x05": b"before", b"\x07": b"before", b"\xff": b"before"})
    scan = index.scan(table)
    index.load(table, ((bytes([number]), b"loaded") for number in range(3, 7)))
    expected = {bytes([number]): b"loaded" for number in range(3, 7)} | {b"\x07": b"before", b"\xff": b"before"}
    assert dict(scan) == {b"\x05": b"before", b"\x07": b"before", b"\xff": b"before"}
    assert list(index.scan(table)) == sorted(expected.items())
    put(index, table, {b"\x05": b"after"})
    index = place.open()
    assert list(index.scan(table)) == sorted((expected | {b"\x05": b"after"}).items())
    assert [len(list(index.scan(other))) for other in Table if other is not table] == [3] * 5


def test_a_load_reads_the_index_it_goes_into(index: Index) -> None:
    put(index, Table.CHUNKS, {b"a": b"1", b"b": b"2"})
    index.load(Table.CHUNKS, ((key + b"x", value) for key, value in index.scan(Table.CHUNKS)))
    assert index.get(Table.CHUNKS, [b"ax", b"bx"]) == [b"1", b"2"]


def test_other_tables_change_while_one_is_loaded(index: Index) -> None:
    def rows() -> Iterator[tuple[bytes, bytes]]:
        put(index, Table.META, {b"a": b"made", b"b": b"made"})
        yield from [(b"a", b"loaded"), (b"b", b"loaded")]

    index.load(Table.SCOPES, rows())
    found = [index.get(table, [b"a", b"b"]) for table in (Table.META, Table.SCOPES)]
    assert found == [[b"made"] * 2, [b"loaded"] * 2]


@pytest.mark.parametrize("keys", [[b"a", b"c", b"b"], [b"a", b"b", b"b"]])
def test_a_load_whose_keys_do_not_ascend_changes_nothing(index: Index, keys: list[bytes]) -> None:
    put(index, Table.META, {b"a": b"before"})
    with pytest.raises(ValueError, match="ascend"):
        index.load(Table.META, [(key, b"loaded") for key in keys])
    assert list(index.scan(Table.META)) == [(b"a", b"before")]


def test_a_load_whose_rows_break_off_changes_nothing(index: Index) -> None:
    def rows() -> Iterator[tuple[bytes, bytes]]:
        for number in range(70_000):
            yield number.to_bytes(4, "big"), b""
        raise LookupError("no more")

    with pytest.raises(LookupError):
        index.load(Table.SCOPES, rows())
    assert list(index.scan(Table.SCOPES)) == []
    index.load(Table.SCOPES, [])
    index.load(Table.SCOPES, [(b"a", b"")])
    assert list(index.scan(Table.SCOPES)) == [(b"a", b"")]


KEYS = st.binary(max_size=3) | st.sampled_from([b"\xff", b"\xff\xff", b"a\xff", b"", b"P", b"key"])
TABLES = st.sampled_from(Table)
CHANGES = st.lists(st.tuples(TABLES, KEYS, st.none() | st.binary(max_size=4)), max_size=12)


class IndexMachine(RuleBasedStateMachine):
    """An index beside a dictionary for each table."""

    place: Place

    @initialize()
    def start(self) -> None:
        self.model: dict[Table, dict[bytes, bytes]] = {table: {} for table in Table}
        self.index = self.place.open()
        self.index.clear()

    @rule(changes=CHANGES)
    def apply(self, changes: list[tuple[Table, bytes, bytes | None]]) -> None:
        batch = Batch()
        for table, key, value in changes:
            if value is None:
                batch.delete(table, key)
                self.model[table].pop(key, None)
            else:
                batch.put(table, key, value)
                self.model[table][key] = value
        assert len(batch) == len(changes)
        self.index.apply(batch)

    @rule(table=TABLES, rows=st.dictionaries(KEYS, st.binary(max_size=4), max_size=8))
    def load(self, table: Table, rows: dict[bytes, bytes]) -> None:
        self.index.load(table, iter(sorted(rows.items())))
        self.model[table].update(rows)

    @rule(table=TABLES, keys=st.lists(KEYS, max_size=8))
    def get(self, table: Table, keys: list[bytes]) -> None:
        assert self.index.get(table, keys) == [self.model[table].get(key) for key in keys]

    @rule(table=TABLES, prefix=KEYS)
    def scan(self, table: Table, prefix: bytes) -> None:
        expected = sorted(row for row in self.model[table].items() if row[0].startswith(prefix))
        assert list(self.index.scan(table, prefix)) == expected

    @rule()
    def reopen(self) -> None:
        self.index = self.place.open()

    @rule()
    def clear(self) -> None:
        self.index.clear()
        for rows in self.model.values():
            rows.clear()

    @invariant()
    def all_rows_agree(self) -> None:
        for table, rows in getattr(self, "model", {}).items():
            assert list(self.index.scan(table)) == sorted(rows.items())


def test_an_index_is_a_dictionary_with_order(place: Place) -> None:
    machine = type("Machine", (IndexMachine,), {"place": place})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )


def test_an_open_database_is_locked_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "index"
    index = RocksIndex.create(path, SHARED)
    put(index, Table.META, {b"a": b"1", b"b": b"2"})
    for refused in (RocksIndex.open, RocksIndex.create):
        with pytest.raises(IndexLocked) as locked:
            refused(path, SHARED)
        assert locked.value.path == path
    scan = index.scan(Table.META)
    next(scan)
    index.close()
    again = RocksIndex.open(path, SHARED)
    assert again.get(Table.META, [b"a"]) == [b"1"]
    again.close()
    with pytest.raises(IndexClosed):
        next(scan)


def test_create_makes_an_empty_index_of_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "index"
    index = RocksIndex.create(path, SHARED)
    put(index, Table.META, {b"a": b"1"})
    index.close()
    (path / "CURRENT").write_bytes(b"rubbish")
    (path / "foreign").write_bytes(b"rubbish")
    index = RocksIndex.create(path, SHARED)
    assert list(index.scan(Table.META)) == []
    index.close()


def test_a_place_that_cannot_be_written_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(IndexFailed):
        RocksIndex.create(tmp_path / "file" / "index", SHARED)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A database as a kill leaves it: chunks lie in a table file, roots in the log."""
    live, killed = tmp_path / "live", tmp_path / "index"
    index = RocksIndex.create(live, SHARED)
    put(index, Table.CHUNKS, {number.to_bytes(4, "big"): bytes(20) for number in range(20_000)})
    index.close()
    index = RocksIndex.open(live, SHARED)
    for number in range(20):
        put(index, Table.ROOTS, {b"%d" % number: b"root" * 50})
    shutil.copytree(live, killed)
    index.close()
    return killed


def test_a_killed_index_keeps_every_batch(filled: Path) -> None:
    index = RocksIndex.open(filled, SHARED)
    assert len(list(index.scan(Table.ROOTS))) == 20
    assert len(list(index.scan(Table.CHUNKS))) == 20_000
    index.close()


def test_a_missing_index_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(IndexDamaged) as damaged:
        RocksIndex.open(tmp_path / "index", SHARED)
    assert damaged.value.path == tmp_path / "index"
    assert "does not exist" in str(damaged.value)


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.sst"])
def test_an_index_that_lost_a_file_is_damaged(filled: Path, pattern: str) -> None:
    for file in filled.glob(pattern):
        file.unlink()
    with pytest.raises(IndexDamaged):
        RocksIndex.open(filled, SHARED)


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.log"])
def test_an_index_with_flipped_bytes_is_damaged(filled: Path, pattern: str) -> None:
    file = max(filled.glob(pattern), key=lambda found: found.stat().st_size)
    data = bytearray(file.read_bytes())
    for position in range(len(data) // 3, len(data) // 3 + 8):
        data[position] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(IndexDamaged):
        RocksIndex.open(filled, SHARED)


def test_rows_in_a_damaged_block_are_never_passed_over(filled: Path) -> None:
    file = max(filled.glob("*.sst"), key=lambda found: found.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    file.write_bytes(data)
    index = RocksIndex.open(filled, SHARED)
    with pytest.raises(IndexDamaged):
        list(index.scan(Table.CHUNKS))
    with pytest.raises(IndexDamaged):
        index.get(Table.CHUNKS, [number.to_bytes(4, "big") for number in range(20_000)])
    assert len(list(index.scan(Table.ROOTS))) == 20
    index.close()


def test_a_torn_end_of_the_log_loses_the_last_batch_only(filled: Path) -> None:
    log = max(filled.glob("*.log"), key=lambda found: found.stat().st_size)
    log.write_bytes(log.read_bytes()[:-10])
    index = RocksIndex.open(filled, SHARED)
    assert len(list(index.scan(Table.ROOTS))) == 19
    index.close()


def test_a_load_larger_than_a_table_file_is_still_all_or_nothing(tmp_path: Path) -> None:
    index = RocksIndex.create(tmp_path / "index", SHARED)
    # Those that are written at once fill a file.
    rows = [(number.to_bytes(4, "big"), bytes(2 << 10)) for number in range(66_000)]
    for again in (1 << 16) - 1, 100:
        with pytest.raises(ValueError, match="ascend"):
            index.load(Table.SCOPES, [*rows[: 1 << 16], rows[again], *rows[1 << 16 :]])
        assert list(index.scan(Table.SCOPES)) == []
    index.load(Table.SCOPES, iter(rows))
    assert len(list((tmp_path / "index").glob("*.sst"))) == 2
    assert list(index.scan(Table.SCOPES)) == rows
    index.close()


def test_what_a_killed_load_left_is_gone_after_the_next(tmp_path: Path) -> None:
    index = RocksIndex.create(tmp_path / "index", SHARED)
    left = tmp_path / "index" / "loading" / "7.sst"
    left.parent.mkdir()
    left.write_bytes(b"half a file")
    index.load(Table.META, [(b"a", b"1")])
    assert not left.parent.exists()
    assert index.get(Table.META, [b"a"]) == [b"1"]
    index.close()


def test_idle_indexes_hold_few_descriptors(tmp_path: Path) -> None:
    gc.collect()
    before = _descriptors()
    indexes = [RocksIndex.create(tmp_path / str(number), SHARED) for number in range(10)]
    assert _descriptors() - before <= 70
    for index in indexes:
        for table in Table:
            put(index, table, {b"key": b"value"})
        index.close()
    indexes = [RocksIndex.open(tmp_path / str(number), SHARED) for number in range(10)]
    for index in indexes:
        assert [index.get(table, [b"key"]) for table in Table] == [[b"value"]] * 6
    assert _descriptors() - before <= 100
    for index in indexes:
        index.close()
    assert _descriptors() == before


def test_an_idle_index_of_many_files_holds_hardly_more_descriptors(tmp_path: Path) -> None:
    index = RocksIndex.create(tmp_path / "index", SHARED)
    for number in range(12):
        index.load(Table.CHUNKS, [(bytes([number]), b""), (bytes([number, 1]), b"")])
    index.close()
    gc.collect()
    before = _descriptors()
    index = RocksIndex.open(tmp_path / "index", SHARED)
    assert len(list((tmp_path / "index").glob("*.sst"))) == 12
    assert _descriptors() - before <= 9
    index.close()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
