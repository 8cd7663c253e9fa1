"""The specification is enough: a reader written from it alone reads what the engine writes, bit for bit."""

import ast
import random
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from galleria_storage.index.rocks_options import RocksShared
from galleria_storage.rules import BLOCK_CDC_1
from galleria_storage.volume import Policy, Volume, open_local_volume
from tests.support import page_reader
from tests.support.page_reader import open_folder, rebuild
from tests.support.rot import rot_packs
from tests.support.volumes import Content, content_of, holder, send, unknown_segments
from tests.vectors.inputs import build
from tests.vectors.volume import DISKS, FOLDER, RELEASED

CHANCE = random.Random(5)
NOISE = CHANCE.randbytes(3 << 20)
TEXT = b"galleria, block by block. " * 60_000
CONTENTS = [
    content_of(NOISE + bytes(70 << 20) + TEXT + b"short", BLOCK_CDC_1),
    content_of(NOISE[: 1 << 20] + b"changed" + NOISE[1 << 20 :] + bytes(200_000), BLOCK_CDC_1),
    content_of(bytes(65 << 20) + b"x", BLOCK_CDC_1),
    content_of(bytes(1 << 20), BLOCK_CDC_1),
    content_of(TEXT, BLOCK_CDC_1),
]
SCOPES = [UUID(int=1), UUID(int=2)]


def opened(folder: Path, dedup: str = "volume") -> Volume:
    policy = Policy(dedup, {1: 1 << 20, 2: 4096}, condemned_seconds=0)
    return open_local_volume(folder, RocksShared(), policy=policy)


def pushed(volume: Volume, content: Content, scope: UUID) -> UUID:
    push = volume.begin_push(scope, uuid4(), lease_id=uuid4())
    send(push, content, unknown_segments(push, content), 64)
    return push.commit(content.layout, holder(scope)).id


@pytest.mark.parametrize("dedup", ["volume", "scope"])
def test_it_rebuilds_what_was_pushed_deleted_collected_and_rewritten(tmp_path: Path, dedup: str) -> None:
    volume = opened(tmp_path, dedup)
    roots = {pushed(volume, content, scope): content for content in CONTENTS for scope in SCOPES}
    volume.collect()
    given_up = [root for root, content in roots.items() if content is CONTENTS[0]]
    for root in given_up:
        volume.release(root)
        del roots[root]
    assert volume.collect().rewritten > 0
    volume.collect()
    volume.close()
    reader = open_folder(tmp_path)
    assert set(reader.roots()) == {root.hex for root in roots}
    for root, content in roots.items():
        rebuild(tmp_path, root.hex, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == content.data


def test_it_reads_the_golden_volume() -> None:
    reader = open_folder(FOLDER)
    assert set(reader.roots()) == {root.hex for root in DISKS if root != RELEASED}
    for root in reader.roots():
        found = b"".join(bytes(piece) if isinstance(piece, int) else piece for piece in reader.pieces(root))
        assert found == build(DISKS[UUID(hex=root)][1])


def test_it_leaves_out_what_was_put_aside(tmp_path: Path) -> None:
    volume = opened(tmp_path)
    root = pushed(volume, CONTENTS[1], SCOPES[0])
    pack = min((tmp_path / "packs").iterdir())
    data = bytearray(pack.read_bytes())
    data[200] ^= 1
    pack.write_bytes(data)
    with pytest.raises(AssertionError):
        open_folder(tmp_path)
    assert volume.scrub(lambda _: None).bad == 1
    volume.close()
    reader = open_folder(tmp_path)
    with pytest.raises(KeyError):
        list(reader.pieces(root.hex))


def test_it_notices_rot(tmp_path: Path) -> None:
    volume = opened(tmp_path)
    pushed(volume, CONTENTS[1], SCOPES[0])
    volume.close()
    open_folder(tmp_path)
    rot_packs(tmp_path)
    with pytest.raises(AssertionError):
        open_folder(tmp_path)


def test_it_runs_alone_and_imports_nothing_of_ours(tmp_path: Path) -> None:
    source = Path(page_reader.__file__)
    found = ast.walk(ast.parse(source.read_text()))
    modules = {node.module for node in found if isinstance(node, ast.ImportFrom)}
    assert not {module for module in modules if module and module.startswith(("galleria", "tests"))}
    volume = opened(tmp_path / "volume")
    root = pushed(volume, CONTENTS[4], SCOPES[0])
    volume.close()
    command = [sys.executable, "-I", str(source), str(tmp_path / "volume"), str(root), str(tmp_path / "out")]
    subprocess.run(command, check=True, env={})
    assert (tmp_path / "out").read_bytes() == TEXT


def test_a_push_under_way_is_not_there(tmp_path: Path) -> None:
    volume = opened(tmp_path)
    push = volume.begin_push(SCOPES[0], uuid4(), lease_id=uuid4())
    send(push, CONTENTS[1], unknown_segments(push, CONTENTS[1]), 64)
    volume.close()
    reader = open_folder(tmp_path)
    assert reader.roots() == []
    assert len(reader.records) == len(CONTENTS[1].chunks)
