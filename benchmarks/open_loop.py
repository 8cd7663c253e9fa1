"""Calls that are due at set times, whether those before them were answered or not.

A caller that waits for its answer before it calls again sends less while a server is slow, and so sees the slowness
once; here a late answer is as late as it is, and a late call counts from when it was due.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

Call = Callable[[int], Awaitable[object]]
"""A call through the channel of the client with that number."""


class Due(NamedTuple):
    """A call and what it is counted as."""

    kind: str
    call: Call


async def drive(calls: Sequence[Due], per_second: float, clients: int) -> dict[str, list[float]]:
    """Seconds from when each call was due to its answer, by kind. The clients have their turn one after another."""
    took: dict[str, list[float]] = defaultdict(list)
    begin = time.perf_counter()

    async def one(number: int, due: Due) -> None:
        at = begin + number / per_second
        await due.call(number % clients)
        took[due.kind].append(time.perf_counter() - at)

    async with asyncio.TaskGroup() as running:
        for number, due in enumerate(calls):
            await asyncio.sleep(max(0.0, begin + number / per_second - time.perf_counter()))
            running.create_task(one(number, due))
    return dict(took)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def told(took: dict[str, list[float]]) -> str:
    """Medians and high percentiles in milliseconds, a line for each kind."""
    lines = []
    for kind, values in sorted(took.items()):
        figures = ", ".join(f"p{percent:g} {percentile(values, percent) * 1000:.2f}" for percent in (50, 90, 99, 99.9))
        lines.append(f"  {kind}: {len(values)} calls, {figures} ms")
    return "\n".join(lines)
