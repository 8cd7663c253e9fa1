"""The golden volume of format version 1 stays readable, byte for byte."""

import json

import pytest

from galleria_storage import roots
from galleria_storage.index.memory import MemoryIndex
from galleria_storage.objects.memory import MemoryObjectStore
from galleria_storage.packs.format import DATA, PAGES, PackId, decode_entries, parse_object_name
from galleria_storage.packs.reader import read_entries, salvage_entries
from galleria_storage.records import good_check
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume import PinnedRoot, Volume
from galleria_storage.volume.identity import OBJECT
from tests.support.volumes import content_of, holder, occupied_by, read_range, read_records, send, unknown_segments
from tests.vectors.inputs import build
from tests.vectors.volume import DISKS, FOLDER, PINNED_MS, RELEASED, SCOPE, VOLUME, golden

KEPT = [root for root in DISKS if root != RELEASED]


@pytest.fixture
def store() -> MemoryObjectStore:
    store = MemoryObjectStore()
    for path in FOLDER.rglob("*"):
        if path.is_file():
            store.replace(str(path.relative_to(FOLDER)), path.read_bytes())
    return store


def test_its_disks_are_read(store: MemoryObjectStore) -> None:
    volume = Volume(store, MemoryIndex())
    assert (volume.id, volume.owner_epoch) == (VOLUME, 4)
    assert json.loads(store.read(OBJECT) or b"")["database"]["high_water"] == 4711
    for root in KEPT:
        name, parts = DISKS[root]
        data = build(parts)
        assert read_range(volume, root) == data
        assert read_records(volume, root).layout == content_of(data, BLOCK_CDC_1).layout
        found = volume.root(root)
        assert found is not None
        assert (found.holder.name, found.holder.scope, found.pinned_ms, found.epoch) == (name, SCOPE, PINNED_MS, 3)
        listed = PinnedRoot(root, SCOPE, found.holder.resource, name, len(data), occupied_by(data, BLOCK_CDC_1))
        assert listed in volume.roots()
    assert volume.root(RELEASED) is None
    assert [info.name for info in store.list("roots/")] == [roots.object_name(root) for root in KEPT]


def test_it_is_gone_on_with(store: MemoryObjectStore) -> None:
    before = {info.name for info in store.list("")}
    volume = Volume(store, MemoryIndex())
    content = content_of(build(DISKS[KEPT[0]][1]), BLOCK_CDC_1)
    push = volume.begin_push(SCOPE, RELEASED, lease_id=RELEASED)
    assert unknown_segments(push, content) == []
    longer = content_of(content.data + b"more", BLOCK_CDC_1)
    told = send(push, longer, longer.pages)
    assert len(told.asked[0]) == 1
    assert read_range(volume, push.commit(longer.layout, holder(SCOPE)).id) == longer.data
    new = {info.name for info in store.list("packs/")} - before
    assert new == {"packs/00000004-00000007"}


def test_every_record_is_where_its_footer_says(store: MemoryObjectStore) -> None:
    kinds = set()
    for info in [*store.list("packs/"), *store.list("pages/")]:
        parsed = parse_object_name(info.name)
        assert parsed is not None
        kind, pack = parsed
        kinds.add(kind)
        entries = read_entries(store, kind, pack, info.size)
        assert entries == salvage_entries(store, kind, pack, BLOCK_CDC_1)
        data = memoryview(store.read(info.name) or b"")
        for entry in decode_entries(entries):
            assert good_check(data, entry.offset, 72 + entry.stored_length)
        assert PackId(3, pack.number) == pack
    assert kinds == {DATA, PAGES}


def test_what_is_not_compressed_is_still_written_so(store: MemoryObjectStore) -> None:
    # Packs hold what a compressor made, which another release of it may make otherwise.
    now = golden()
    for folder in ("pages/", "roots/"):
        names = [info.name for info in store.list(folder)]
        assert names == [info.name for info in now.list(folder)]
        for name in names:
            assert store.read(name) == now.read(name)
