"""The largest disk there is, nearly all of it a hole: pushed, published and pulled in bounded memory."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.e2e import PLACE, make_definition
from tests.support.images import MIB, assert_same, extents, sparse_file
from tests.support.processes import Server

pytestmark = pytest.mark.xdist_group("two-tebibyte")

TIB = 1 << 40
PIECE = 100 * MIB
STRETCHES = {0: PIECE, TIB - 12_345: PIECE, 2 * TIB - PIECE: PIECE}
BOUND = 150 * 10**6


def test_two_tebibytes_come_back_in_bounded_memory(server: Server, tmp_path: Path) -> None:
    try:
        image = sparse_file(tmp_path / "large.raw", 2 * TIB, STRETCHES)
    except OSError as error:
        pytest.skip(f"no file of 2 TiB can be made here: {error}")
    galleria, out = server.galleria, tmp_path / "out.raw"
    make_definition(galleria)
    idle_client = galleria.measured(tmp_path, "region", "list")
    idle_server = server.memory("VmRSS")
    server.forget_peak()

    push = galleria.measured(tmp_path, "disk", "push", str(image), "large", "-g", "images", "-l", "eastus")
    assert push < idle_client + BOUND
    create = ("image-version", "create", *PLACE, "-e", "1.0.0", "--os-disk", "large", "--target-regions")
    version = galleria.json(*create, "eastus", "westus")
    assert version["sizeBytes"] == 2 * TIB
    assert 3 * PIECE <= version["occupiedBytes"] < 3 * PIECE + MIB
    pull = ("image-version", "pull", *PLACE, "-e", "latest", "--region", "westus", "--output", str(out))
    assert galleria.measured(tmp_path, *pull) < idle_client + BOUND
    assert server.memory("VmHWM") < idle_server + BOUND

    assert_same(image, out)
    assert sum(end - start for start, end in extents(out)) < 3 * PIECE + 64 * MIB


def test_one_byte_more_is_refused_with_both_numbers(server: Server, tmp_path: Path) -> None:
    try:
        image = sparse_file(tmp_path / "larger.raw", 2 * TIB + 1, {0: MIB})
    except OSError as error:
        pytest.skip(f"no file over 2 TiB can be made here: {error}")
    told = server.galleria.refused(1, "disk", "push", str(image), "larger", "-g", "images", "-l", "eastus")
    assert re.search(rf"has {2 * TIB + 1} bytes; a disk has at most {2 * TIB}\b", told)
    assert server.galleria.json("disk", "list", "-g", "images") == []
