"""What a benchmark found beside what it must reach, and measuring in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

FOLDER = Path("benchmarks/.cache/engine")
"""Where the benchmarks of the engine work; each in a folder of its own, gone when it ends."""
MB = 1_000_000

_T = TypeVar("_T")
_P = ParamSpec("_P")


class Target(NamedTuple):
    """A figure that must stay below, or at most reach, a bound in the same unit."""

    what: str
    figure: float
    bound: float
    unit: str
    reached_is_met: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is as it must be."""
        return self.figure <= self.bound if self.reached_is_met else self.figure < self.bound


class Spent(NamedTuple):
    """What a piece of work took: seconds by the clock, CPU seconds of all threads, and bytes.

    `memory` is the most the process had meanwhile, `more` how much of that came on top of what it had before.
    """

    wall: float
    cpu: float
    memory: int
    more: int


def judge(targets: list[Target]) -> int:
    """Print each target, met or not; 0 if all are met."""
    for target in targets:
        sign = "<=" if target.reached_is_met else "<"
        verdict = "met" if target.met else "NOT MET"
        print(f"  {target.what}: {target.figure:.4g} {target.unit}, target {sign} {target.bound:g}: {verdict}")
    return int(not all(target.met for target in targets))


def alone(work: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs) -> _T:
    """The result of some work done in a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments, **options).result()


def spending(work: Callable[[], _T]) -> tuple[_T, Spent]:
    """Do some work; its result, and what it took."""
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start, cpu = time.perf_counter(), _cpu()
    result = work()
    wall, cpu = time.perf_counter() - start, _cpu() - cpu
    most = _memory("VmHWM")
    return result, Spent(wall, cpu, most, most - before)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024
