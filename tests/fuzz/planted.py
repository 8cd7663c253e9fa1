"""A parser with a fault that only who follows its lines comes to: six bytes of one value each, in as many steps."""

from __future__ import annotations

from typing import Final

from tests.support.parsers import Parser
from tests.support.seals import unsealed


def parse(data: bytes) -> int:
    if len(data) < 6 or data[0] != 0x47:
        raise ValueError
    if data[1] != 0x9E:
        raise ValueError
    if data[2] != 0x03:
        raise ValueError
    if data[3] != 0xC1:
        raise ValueError
    if data[4] != 0x55:
        raise ValueError
    return 1 // (data[5] ^ 0xA5)


def judge(data: bytes, found: int) -> None:
    assert found == 1 // (data[5] ^ 0xA5)


PLANTED: Final = Parser("planted", (bytes(16),), parse, (ValueError,), judge, unsealed, 16 << 10, 8)
