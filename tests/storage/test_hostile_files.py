"""Files on a volume that no engine wrote are refused or passed over, whatever they say."""

from __future__ import annotations

from contextlib import nullcontext
from uuid import uuid4

import pytest

from galleria_storage import roots
from galleria_storage.errors import StorageError
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs import bad
from galleria_storage.packs.format import (
    CONDEMNED,
    DATA,
    ENTRY_SIZE,
    Entry,
    PackDamaged,
    PackId,
    encode_entries,
    encode_footer,
)
from galleria_storage.packs.reader import read_entries, salvage_entries
from galleria_storage.volume import CollectionStopped, identity
from galleria_storage.volume.errors import VolumeUnreadable
from tests.support.seals import sealed_bad, sealed_pack
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import content_of, memory_volume, pushed, read_range, sample

MIB = 1 << 20


class NotingStore(MemoryObjectStore):
    """Knows the most that was read at once, in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        data = super().read(name, offset, length)
        self.most = max(self.most, len(data or b""))
        return data


@pytest.mark.parametrize("offsets", [[48, 300, 200], [48, 48]])
def test_a_marker_whose_offsets_do_not_ascend_is_not_heeded(offsets: list[int]) -> None:
    marker = bytearray(bad.encode(range(len(offsets))))
    marker[12:-16] = b"".join(offset.to_bytes(4, "little") for offset in offsets)
    assert bad.decode(sealed_bad(bytes(marker))) == frozenset()


def test_a_pack_whose_records_do_not_fill_it_is_read_record_by_record() -> None:
    store = MemoryObjectStore()
    pushed(memory_volume(store), uuid4(), content_of(sample(0.5, 1)))
    name = next(info.name for info in store.list("packs/"))
    pack, size = PackId(1, int(name[-8:], 16)), len(store.read(name) or b"")
    entries = read_entries(store, DATA, pack, size)
    records = (store.read(name) or b"")[: size - len(entries) - 48]
    data = records + encode_footer(pack, entries[:-ENTRY_SIZE], len(records))
    store.replace(name, data)
    with pytest.raises(PackDamaged):
        read_entries(store, DATA, pack, len(data))
    assert salvage_entries(store, DATA, pack, SMALL_RULE) == entries


class EndOfObject(MemoryObjectStore):
    """Of one object, which would be too large, the bytes from `start` on; nothing before is ever read."""

    def __init__(self, start: int, data: bytes) -> None:
        super().__init__()
        self._start, self._data = start, data

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        assert length is not None
        return self._data[offset - self._start : offset - self._start + length]


@pytest.mark.parametrize("over", [0, 1])
def test_a_pack_of_128_mib_is_the_largest(over: int) -> None:
    pack, stored = PackId(1, 1), (128 << 20) + over - 48 - 72 - ENTRY_SIZE - 48
    entry = encode_entries([Entry(bytes(32), 0, 0, 48, stored, stored, 0, 0, 0, 1)])
    start = 48 + 72 + stored
    store = EndOfObject(start, encode_footer(pack, entry, start))
    with pytest.raises(PackDamaged) if over else nullcontext():
        assert read_entries(store, DATA, pack, (128 << 20) + over) == entry


@pytest.mark.parametrize("marker", [b"\xff" * 4, b"\xfe\xff\xff\xff", bytes(4), b"", b"\x01" * 9])
def test_whatever_a_marker_of_a_condemned_pack_says_the_pack_is_condemned(marker: bytes) -> None:
    store = MemoryObjectStore()
    volume = memory_volume(store)
    kept, given_up = content_of(sample(1, 1)), content_of(sample(1, 2))
    root, gone = pushed(volume, uuid4(), kept).id, pushed(volume, uuid4(), given_up).id
    volume.release(gone)
    volume.collect()
    volume.close()
    condemned = [info.name for info in store.list("packs/") if info.name.endswith(CONDEMNED)]
    assert condemned
    for name in condemned:
        store.replace(name, marker)
    again = memory_volume(store)
    assert again.usage().condemned > 0
    more = pushed(again, uuid4(), content_of(sample(1, 3))).id
    again.release(more)
    again.collect()
    again.close()
    assert read_range(memory_volume(store), root) == kept.data


@pytest.mark.parametrize("kind", ["root", "released", "bad", "condemned", "identity"])
def test_no_more_of_a_file_is_read_than_one_of_its_kind_may_have(kind: str) -> None:
    store = NotingStore()
    volume = memory_volume(store)
    content = content_of(sample(1, 1))
    root = pushed(volume, uuid4(), content).id
    volume.close()
    pack = next(info.name for info in store.list("packs/"))
    name = {
        "root": roots.object_name(root),
        "released": roots.released_name(uuid4()),
        "bad": pack + bad.BAD,
        "condemned": pack + CONDEMNED,
        "identity": identity.OBJECT,
    }[kind]
    store.replace(name, (store.read(name) or b"") + bytes(64 * MIB))
    store.most = 0
    try:
        again = memory_volume(store)
        again.scrub(lambda _: None)
        again.verify(lambda _: None)
        again.close()
    except VolumeUnreadable:
        assert kind == "identity"
    assert store.most <= 5 * MIB


@pytest.mark.parametrize("at", [20, 21, 22, 28, 32, 36])
@pytest.mark.parametrize("folder", ["packs/", "pages/"])
def test_a_record_of_another_header_with_its_check_is_put_aside(folder: str, at: int) -> None:
    store = MemoryObjectStore()
    content = content_of(sample(1, 1))
    kept = content_of(sample(1, 2))
    volume = memory_volume(store)
    root, other = pushed(volume, uuid4(), content).id, pushed(volume, uuid4(), kept).id
    volume.close()
    name = next(info.name for info in store.list(folder))
    data = bytearray(store.read(name) or b"")
    data[48 + at] ^= 0x82
    store.replace(name, sealed_pack(bytes(data)))
    again = memory_volume(store)
    with pytest.raises(StorageError):
        read_range(again, root)
    again.scrub(lambda _: None, names=True)
    with pytest.raises(CollectionStopped) if folder == "pages/" else nullcontext():
        again.collect()
    assert read_range(again, other) == kept.data


def test_a_footer_that_names_what_no_pack_may_have_is_not_trusted() -> None:
    store = MemoryObjectStore()
    content = content_of(sample(1, 1))
    volume = memory_volume(store)
    root = pushed(volume, uuid4(), content).id
    volume.close()
    for info in list(store.list("packs/")):
        data = bytearray(store.read(info.name) or b"")
        for at in range(len(data) - 48 - 56, int.from_bytes(data[-36:-32], "little") - 1, -56):
            data[at + 55] = 77
        store.replace(info.name, sealed_pack(bytes(data)))
    assert read_range(memory_volume(store), root) == content.data
