"""The golden vectors are what the code gives, and what code that shares nothing with it gives."""

import json
import struct
from typing import Any
from uuid import UUID

import pytest
import xxhash
from blake3 import blake3

from galleria_storage import roots
from galleria_storage.compression import ZSTD, expand
from galleria_storage.errors import FrameRefused, StorageError
from galleria_storage.layout import Layout, Page
from galleria_storage.records import good_check, records_in
from galleria_storage.rules import BLOCK_CDC_1
from tests.support.oracle import oracle_cut, oracle_proof
from tests.support.pages import chunks_of
from tests.vectors.generate import FOLDER, rendered, vectors
from tests.vectors.inputs import build, length_of

FILES = ["chunking.json", "disks.json", "frames.json", "records.json", "roots.json"]
ROOT = struct.Struct("<4sHH16s16s16sIIIIQQII")


def stored(file_name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((FOLDER / file_name).read_text())


def test_the_files_hold_what_the_code_gives() -> None:
    given = vectors()
    assert sorted(given) == FILES == sorted(path.name for path in FOLDER.glob("*.json"))
    for file_name, value in given.items():
        assert (FOLDER / file_name).read_text() == rendered(value), file_name


@pytest.mark.parametrize("case", stored("chunking.json")["segments"], ids=lambda case: case["name"])
def test_segments_are_cut_as_the_oracle_cuts_them(case: dict[str, Any]) -> None:
    data = build(case["input"])
    assert len(data) == case["length"]
    assert oracle_cut(data, 4096) == case["pieces"]
    for raw, chunk in zip(chunks_of(data, case["pieces"]), case["chunks"], strict=True):
        assert oracle_proof(raw, 4096) == (int(chunk["ends_by_rule"]), chunk["lead"] | chunk["trail"] << 4)
        assert blake3(raw).hexdigest() == chunk["name"]


def test_hashes_of_blocks() -> None:
    for block in stored("chunking.json")["blocks"]:
        assert xxhash.xxh64_hexdigest(build(block["input"])) == block["xxh64"]


@pytest.mark.parametrize("case", stored("disks.json")["disks"], ids=lambda case: case["name"])
def test_disks_are_read_back_from_their_bytes(case: dict[str, Any]) -> None:
    encoded = bytes.fromhex(case["layout"])
    layout = Layout.parse(encoded)
    assert case["digest"] == f"block-cdc-1:{blake3(encoded).hexdigest()}"
    assert layout.size == case["size"] == sum(map(length_of, case["input"]))
    pages = {page["segment"]: bytes.fromhex(page["page"]) for page in case["pages"]}
    named = {i: name for i, name in enumerate(layout.pages) if name is not None}
    assert named == {i: blake3(page).digest() for i, page in pages.items()}
    assert case["occupied"] == sum(Page.parse(page, BLOCK_CDC_1).occupied for page in pages.values())
    for i, page in pages.items():
        assert Page.parse(page, BLOCK_CDC_1).covered == BLOCK_CDC_1.segment_length(layout.size, i)


@pytest.mark.parametrize("case", stored("frames.json")["accepted"], ids=lambda case: case["name"])
def test_good_frames_expand(case: dict[str, Any]) -> None:
    raw = build(case["raw"])
    assert expand(ZSTD, bytes.fromhex(case["frame"]), len(raw), BLOCK_CDC_1.max_chunk) == raw


@pytest.mark.parametrize("case", stored("frames.json")["refused"], ids=lambda case: case["name"])
def test_bad_frames_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(FrameRefused):
        expand(ZSTD, bytes.fromhex(case["frame"]), case["raw_length"], BLOCK_CDC_1.max_chunk)


@pytest.mark.parametrize("case", stored("records.json")["records"], ids=lambda case: case["name"])
def test_records_are_read_back_from_their_bytes(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["stored"])
    (record,) = records_in(data, BLOCK_CDC_1)
    assert (record.kind, record.codec, record.domain) == (case["kind"], case["codec"], case["domain"])
    assert (record.flags, record.zeros) == (case["flags"], case["lead"] | case["trail"] << 4)
    raw = expand(record.codec, record.payload, record.raw_length, BLOCK_CDC_1.max_chunk)
    assert record.name == blake3(raw).digest() == bytes.fromhex(case["digest"])
    assert data[4:20] == xxhash.xxh3_128_digest(data[20:])
    assert good_check(memoryview(data), 0, len(data))
    (sent,) = records_in(bytes.fromhex(case["sent_by_a_client"]), BLOCK_CDC_1)
    assert sent == record._replace(flags=0, zeros=0, domain=0)


@pytest.mark.parametrize("case", stored("roots.json")["accepted"], ids=lambda case: case["name"])
def test_roots_have_the_fields_of_the_format(case: dict[str, Any]) -> None:
    file, name, layout = bytes.fromhex(case["file"]), case["resource_name"].encode(), bytes.fromhex(case["layout"])
    uids = (bytes.fromhex(case[field]) for field in ("id", "scope", "resource"))
    numbers = (case[field] for field in ("domain", "key_id", "owner_epoch"))
    fields = (b"GROT", 1, 0, *uids, *numbers, 0, case["occupied"], case["pinned_ms"], len(name), len(layout))
    assert ROOT.unpack_from(file) == fields
    assert file[ROOT.size :] == name + layout + blake3(file[:-32]).digest()
    assert case["object"] == f"roots/{case['id']}"
    assert case["released_object"] == f"roots/{case['id']}.released"


@pytest.mark.parametrize("case", stored("roots.json")["accepted"], ids=lambda case: case["name"])
def test_roots_are_read_back_from_their_bytes(case: dict[str, Any]) -> None:
    root = roots.decode(UUID(case["id"]), bytes.fromhex(case["file"]))
    assert (root.holder.scope, root.holder.resource) == (UUID(case["scope"]), UUID(case["resource"]))
    assert root.holder.name == case["resource_name"]
    numbers = (root.domain, root.epoch, root.occupied, root.pinned_ms)
    assert numbers == (case["domain"], case["owner_epoch"], case["occupied"], case["pinned_ms"])
    (disk,) = [disk for disk in stored("disks.json")["disks"] if disk["layout"] == case["layout"]]
    assert (root.layout.text, root.occupied, case["input"]) == (disk["digest"], disk["occupied"], disk["input"])


@pytest.mark.parametrize("case", stored("roots.json")["refused"], ids=lambda case: case["name"])
def test_bad_roots_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(StorageError):
        roots.decode(UUID(case["id"]), bytes.fromhex(case["file"]))


def test_the_worked_bytes_of_the_specification_are_the_vectors() -> None:
    text = (FOLDER.parents[1] / "storage" / "FORMAT.md").read_text().partition("## 10. Worked bytes")[2]
    written = ["".join(block.split()) for block in text.split("```")[1::2]]
    disk = stored("disks.json")["disks"][0]
    record = stored("records.json")["records"][0]
    assert written == [disk["pages"][0]["page"], disk["layout"], record["stored"]]
    assert disk["digest"] in text
