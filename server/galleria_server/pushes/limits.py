"""Limits of a push stream, as GetServerInfo tells them."""

import os
from dataclasses import dataclass

from galleria_storage.volume import MAX_SEGMENTS


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Sizes in bytes, times in seconds.

    `frames_in_work` bounds what a stream has in the hands of a pool: enough for every core, and one to come. More of
    them only take the interpreter from one another.
    """

    max_records_bytes: int
    idle_timeout_seconds: float
    max_segments_in_flight: int = MAX_SEGMENTS
    max_raw_bytes: int = 4 << 20
    frames_in_work: int = min(6, (os.cpu_count() or 1) + 1)
