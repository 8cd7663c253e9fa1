"""Counting what a push does; safe from several threads."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict


class Statistics:
    """Counters, and the seconds spent in each stage, summed over threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self.began = time.perf_counter()

    def count(self, **amounts: int) -> None:
        """Add to counters by name."""
        with self._lock:
            self._counts.update(amounts)

    def spend(self, **seconds: float) -> None:
        """Add seconds to stages by name."""
        with self._lock:
            for stage, amount in seconds.items():
                self._seconds[stage] += amount

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Seconds by stage so far."""
        with self._lock:
            return {stage: round(seconds, 6) for stage, seconds in self._seconds.items()}

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self.began
