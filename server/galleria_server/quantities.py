"""Sizes and durations as people write them."""

from __future__ import annotations

import math
import re

_SIZE_UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


class QuantityInvalid(ValueError):
    """The text is not a quantity of this kind."""

    def __init__(self, text: str, example: str) -> None:
        super().__init__(text, example)
        self.text = text
        self.example = example

    def __str__(self) -> str:
        return f"{self.text!r} is not understood, write for example {self.example}"


def parse_size(text: str | int) -> int:
    """Bytes of `64MiB`, `2TiB`, `4096`. Raises QuantityInvalid."""
    amount = _parse(text, _SIZE_UNITS, "64MiB")
    if amount != int(amount):
        raise QuantityInvalid(str(text), "64MiB")
    return int(amount)


def parse_duration(text: str | float) -> float:
    """Seconds of `30s`, `15m`, `500ms`, `2.5`. Raises QuantityInvalid."""
    return _parse(text, _DURATION_UNITS, "30s")


def _parse(text: str | float, units: dict[str, float] | dict[str, int], example: str) -> float:
    match = _QUANTITY.fullmatch(str(text))
    if match is None or match[2] not in units:
        raise QuantityInvalid(str(text), example)
    amount = float(match[1]) * units[match[2]]
    if math.isinf(amount):
        raise QuantityInvalid(str(text)[:40], example)
    return amount
