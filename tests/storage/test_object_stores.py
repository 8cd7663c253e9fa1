"""What every object store does, run over all of them."""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galleria_storage.objects import (
    InvalidObjectName,
    LocalObjectStore,
    MemoryObjectStore,
    ObjectExists,
    ObjectInfo,
    ObjectStore,
    StoreFailed,
    StoreFull,
    WriterClosed,
)
from galleria_storage.objects.faulty import FaultyObjectStore

STORES: dict[str, Callable[[Path], ObjectStore]] = {
    "memory": lambda _: MemoryObjectStore(),
    "local": LocalObjectStore,
    "local-one-descriptor": lambda path: LocalObjectStore(path, open_files=1),
    "faulty-memory": lambda _: FaultyObjectStore(MemoryObjectStore()),
    "faulty-local": lambda path: FaultyObjectStore(LocalObjectStore(path)),
}


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    make: Callable[[Path], ObjectStore] = request.param
    return make(tmp_path / "volume")


def put(store: ObjectStore, name: str, data: bytes) -> None:
    writer = store.create(name)
    writer.append(data)
    writer.commit()


def test_what_was_appended_is_read_back_once_committed(store: ObjectStore) -> None:
    writer = store.create("packs/1-1")
    assert writer.size == 0
    writer.append(b"head")
    writer.append(bytearray(b"-body"))
    assert writer.size == 9
    assert store.read("packs/1-1") is None
    assert list(store.list("")) == []
    writer.commit()
    assert store.read("packs/1-1") == b"head-body"
    assert list(store.list("packs/")) == [ObjectInfo("packs/1-1", 9)]


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.create("packs/empty").commit()
    put(store, "packs/nothing-appended", b"")
    assert store.read("packs/empty") == b""
    assert store.read("packs/nothing-appended", 5, 5) == b""
    assert store.delete("packs/empty")


def test_any_contiguous_buffer_may_be_appended_and_reused(store: ObjectStore) -> None:
    writer = store.create("packs/1-1")
    # numpy's types call an array a buffer from Python 3.12 on only.
    numbers: Any = np.arange(6, dtype="<u4").reshape(2, 3)
    writer.append(numbers)
    expected = numbers.tobytes()
    numbers[:] = 0
    writer.append(memoryview(b"abcdef")[2:4])
    nothing: Any = np.empty((0, 3), dtype="<u8")
    writer.append(nothing)
    assert writer.size == 26
    writer.commit()
    assert store.read("packs/1-1") == expected + b"cd"


def test_a_buffer_with_gaps_is_refused_and_the_writer_goes_on(store: ObjectStore) -> None:
    writer = store.create("packs/1-1")
    with pytest.raises(TypeError):
        writer.append(memoryview(b"abcdef")[::2])
    writer.append(b"ok")
    writer.commit()
    assert store.read("packs/1-1") == b"ok"


def test_a_big_append_is_read_back_whole(store: ObjectStore) -> None:
    data = np.random.default_rng(7).bytes(9 << 20)
    writer = store.create("packs/1-1")
    writer.append(data)
    writer.append(data)
    writer.commit()
    assert store.read("packs/1-1") == data + data
    assert store.read("packs/1-1", (9 << 20) - 3, 6) == data[-3:] + data[:3]


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (4, None, b"456789"),
        (10, None, b""),
        (99, None, b""),
        (0, 0, b""),
        (2, 3, b"234"),
        (8, 5, b"89"),
        (10, 1, b""),
        (1 << 62, 1 << 62, b""),
        (0, 1 << 62, b"0123456789"),
    ],
)
def test_ranges_are_short_only_at_the_end(store: ObjectStore, offset: int, length: int | None, expected: bytes) -> None:
    put(store, "packs/1-1", b"0123456789")
    assert store.read("packs/1-1", offset, length) == expected


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1), (-5, 5)])
def test_negative_ranges_are_refused(store: ObjectStore, offset: int, length: int | None) -> None:
    put(store, "packs/1-1", b"0123456789")
    with pytest.raises(ValueError, match="no range"):
        store.read("packs/1-1", offset, length)


def test_what_is_absent_is_none_and_cannot_be_deleted(store: ObjectStore) -> None:
    assert store.read("packs/none") is None
    assert store.delete("packs/none") is False
    assert list(store.list("packs/")) == []


def test_a_taken_name_is_refused_at_create(store: ObjectStore) -> None:
    put(store, "packs/1-1", b"first")
    with pytest.raises(ObjectExists) as refused:
        store.create("packs/1-1")
    assert refused.value.name == "packs/1-1"
    assert store.read("packs/1-1") == b"first"


def test_of_two_writers_of_one_name_the_first_to_commit_wins(store: ObjectStore) -> None:
    first, second = store.create("packs/1-1"), store.create("packs/1-1")
    first.append(b"first")
    second.append(b"second")
    second.commit()
    with pytest.raises(ObjectExists):
        first.commit()
    first.abort()
    assert store.read("packs/1-1") == b"second"
    assert list(store.list("")) == [ObjectInfo("packs/1-1", 6)]


def test_of_many_concurrent_writers_of_one_name_exactly_one_commits(store: ObjectStore) -> None:
    barrier = threading.Barrier(8)

    def contend(number: int) -> int | None:
        writer = store.create("packs/1-1")
        writer.append(bytes([number]) * 1000)
        barrier.wait()
        try:
            writer.commit()
        except ObjectExists:
            writer.abort()
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(contend, range(8)) if number is not None]
    assert len(winners) == 1
    assert store.read("packs/1-1") == bytes(winners) * 1000


def test_an_aborted_object_leaves_nothing(store: ObjectStore) -> None:
    free = store.space().free
    writer = store.create("packs/1-1")
    writer.append(b"lost")
    writer.abort()
    writer.abort()
    assert store.read("packs/1-1") is None
    if isinstance(store, MemoryObjectStore):
        assert store.space().free == free
    put(store, "packs/1-1", b"kept")
    assert store.read("packs/1-1") == b"kept"


def test_abort_after_commit_changes_nothing(store: ObjectStore) -> None:
    writer = store.create("packs/1-1")
    writer.append(b"kept")
    writer.commit()
    writer.abort()
    assert store.read("packs/1-1") == b"kept"


def test_a_closed_writer_takes_nothing(store: ObjectStore) -> None:
    committed, aborted = store.create("packs/1-1"), store.create("packs/1-2")
    committed.commit()
    aborted.abort()
    for writer in (committed, aborted):
        with pytest.raises(WriterClosed):
            writer.append(b"late")
        with pytest.raises(WriterClosed):
            writer.commit()
    assert store.read("packs/1-1") == b""


def test_a_deleted_name_is_absent_at_once_and_free_again(store: ObjectStore) -> None:
    put(store, "packs/1-1", b"old")
    assert store.read("packs/1-1") == b"old"
    assert store.delete("packs/1-1") is True
    assert store.read("packs/1-1") is None
    assert store.delete("packs/1-1") is False
    put(store, "packs/1-1", b"new")
    assert store.read("packs/1-1") == b"new"


def test_a_read_beside_a_delete_ends_with_all_bytes_or_none(store: ObjectStore) -> None:
    data = b"x" * 300_000
    put(store, "packs/0", data)
    deleted = threading.Event()
    beside: set[bytes | None] = set()
    afterwards: list[bytes | None] = []

    def read_on() -> None:
        while not deleted.is_set():
            beside.add(store.read("packs/0"))
        afterwards.append(store.read("packs/0"))

    readers = [threading.Thread(target=read_on) for _ in range(3)]
    for reader in readers:
        reader.start()
    store.delete("packs/0")
    deleted.set()
    for reader in readers:
        reader.join()
    assert beside <= {None, data}
    assert afterwards == [None] * 3


def test_replace_sets_the_whole_content(store: ObjectStore) -> None:
    store.replace("volume.json", b"a longer first content")
    assert store.read("volume.json") == b"a longer first content"
    store.replace("volume.json", b"short")
    assert store.read("volume.json") == b"short"
    assert list(store.list("")) == [ObjectInfo("volume.json", 5)]
    with pytest.raises(ObjectExists):
        store.create("volume.json")


def test_a_reader_beside_replaces_sees_whole_contents_only(store: ObjectStore) -> None:
    contents = [bytes([number]) * (1000 + number) for number in range(40)]
    store.replace("roots/r", contents[0])
    done = threading.Event()
    seen: set[bytes | None] = set()

    def read_on() -> None:
        while not done.is_set():
            seen.add(store.read("roots/r"))

    reader = threading.Thread(target=read_on)
    reader.start()
    for content in contents:
        store.replace("roots/r", content)
    done.set()
    reader.join()
    assert seen <= set(contents)
    assert store.read("roots/r") == contents[-1]


def test_list_is_sorted_and_takes_any_prefix(store: ObjectStore) -> None:
    names = ["packs/1-10", "packs/1-2", "packs/2-1", "packs-old/1", "pages/1-1", "volume.json", "a.json", "roots/R"]
    for name in names:
        put(store, name, name.encode())
    for prefix in ["", "p", "packs", "packs/", "packs/1-", "packs/1-10", "packs/1-100", "v", "zzz", "packs/x/y", "../"]:
        expected = sorted(ObjectInfo(name, len(name)) for name in names if name.startswith(prefix))
        assert list(store.list(prefix)) == expected, prefix


def test_list_beside_writing_shows_committed_objects_only(store: ObjectStore) -> None:
    put(store, "packs/0", b"there")

    def write_on() -> None:
        for number in range(1, 40):
            put(store, f"packs/{number}", b"12345")

    writer = threading.Thread(target=write_on)
    writer.start()
    while writer.is_alive():
        found = list(store.list("packs/"))
        assert ObjectInfo("packs/0", 5) in found
        assert {info.size for info in found} == {5}
    writer.join()
    assert len(list(store.list("packs/"))) == 40


def test_a_list_under_way_survives_deletes(store: ObjectStore) -> None:
    for number in range(5):
        put(store, f"packs/{number}", b"")
    listing = store.list("packs/")
    first = next(listing)
    for number in range(5):
        store.delete(f"packs/{number}")
    assert {first.name, *(info.name for info in listing)} <= {f"packs/{number}" for number in range(5)}


REFUSED = [
    "",
    "/",
    "packs",
    "packs/",
    "/packs",
    "packs//x",
    "packs/x/y",
    ".",
    "..",
    "../x",
    "packs/.",
    "packs/..",
    "packs/.hidden",
    ".hidden",
    "pa.cks/x",
    "tmp/x",
    "index/x",
    "packs/a b",
    "packs/ä",
    "packs/x\n",
    "packs\\x",
    "packs/x\x00",
    "packs/" + "x" * 121,
    "x" * 121 + "/x",
]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_name_is_refused_by_every_method(store: ObjectStore, name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.create(name),
        lambda: store.read(name),
        lambda: store.delete(name),
        lambda: store.replace(name, b""),
    ]
    for call in calls:
        with pytest.raises(InvalidObjectName) as refused:
            call()
        assert refused.value.name == name


@pytest.mark.parametrize("name", ["f/" + "x" * 120, "x" * 120 + "/y", "A-Z_0/9.a..b_", "volume.json"])
def test_names_at_the_limits_work(store: ObjectStore, name: str) -> None:
    put(store, name, b"here")
    store.replace(name, b"there")
    assert list(store.list(name)) == [ObjectInfo(name, 5)]


def test_space_is_told(store: ObjectStore) -> None:
    space = store.space()
    assert 0 < space.free <= space.total


def test_many_threads_read_many_objects(store: ObjectStore) -> None:
    names = [f"packs/{number}" for number in range(50)]
    for name in names:
        put(store, name, name.encode() * 100)
    with ThreadPoolExecutor(6) as pool:
        read = list(pool.map(store.read, itertools.chain(*[names] * 6)))
    assert read == [name.encode() * 100 for name in names] * 6


def test_memory_says_when_it_is_full() -> None:
    store = MemoryObjectStore(capacity=10)
    writer = store.create("packs/1-1")
    writer.append(b"12345678")
    with pytest.raises(StoreFull) as full:
        writer.append(b"xyz")
    assert full.value.needed == 3
    with pytest.raises(StoreFull):
        writer.commit()
    with pytest.raises(StoreFull):
        store.replace("volume.json", b"123")
    writer.abort()
    store.replace("volume.json", b"1234567890")
    assert store.space().free == 0
    store.delete("volume.json")
    assert store.space().free == 10


def test_local_removes_what_was_left_unfinished(tmp_path: Path) -> None:
    first = LocalObjectStore(tmp_path)
    put(first, "packs/1-1", b"kept")
    first.create("packs/1-2").append(b"unfinished")
    assert len(list((tmp_path / "tmp").iterdir())) == 1
    second = LocalObjectStore(tmp_path)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert second.read("packs/1-1") == b"kept"
    assert list(second.list("")) == [ObjectInfo("packs/1-1", 4)]


def test_local_passes_over_foreign_files(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    put(store, "packs/1-1", b"kept")
    for path in ("index/CURRENT", "packs/.nfs1", "packs/folder/x", "lost+found/x", "README", ".hidden.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"foreign")
    assert list(store.list("")) == [ObjectInfo("packs/1-1", 4)]


def test_local_keeps_few_descriptors_open(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path, open_files=4)
    for number in range(20):
        put(store, f"packs/{number}", b"x")
    before = _descriptors()
    for number in range(20):
        store.read(f"packs/{number}")
    assert _descriptors() - before == 4
    store.delete("packs/19")
    assert _descriptors() - before == 3
    store.close()
    assert _descriptors() == before


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_local_says_that_its_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFailed) as failed:
        LocalObjectStore(tmp_path / "file" / "volume")
    assert failed.value.errno == errno.ENOTDIR


def test_a_plan_fails_the_calls_it_names_and_no_others() -> None:
    store = FaultyObjectStore(MemoryObjectStore())
    store.plan("append").fail(OSError(errno.ENOSPC, "full")).after(3).times(1)
    writer = store.create("packs/1-1")
    for _ in range(3):
        writer.append(b"x")
    with pytest.raises(StoreFull):
        writer.append(b"x")
    with pytest.raises(StoreFull):
        writer.commit()
    writer.abort()
    put(store, "packs/1-1", b"kept")
    assert store.read("packs/1-1") == b"kept"
    assert store.calls == {"create": 2, "append": 5, "commit": 1, "abort": 1, "read": 1}


@pytest.mark.parametrize("operation", ["create", "read", "list", "delete", "replace", "space"])
def test_each_method_can_fail_and_heal(operation: str) -> None:
    store = FaultyObjectStore(MemoryObjectStore())
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: store.create("packs/1-1"),
        "read": lambda: store.read("packs/1-1"),
        "list": lambda: store.list("packs/"),
        "delete": lambda: store.delete("packs/1-1"),
        "replace": lambda: store.replace("packs/1-1", b""),
        "space": store.space,
    }
    store.plan(operation).fail(OSError(errno.EIO, "bad"))
    for _ in range(2):
        with pytest.raises(StoreFailed) as failed:
            calls[operation]()
        assert failed.value.operation == operation
    store.heal()
    calls[operation]()


def test_a_plan_for_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ValueError, match="no operation"):
        FaultyObjectStore(MemoryObjectStore()).plan("fsync")
