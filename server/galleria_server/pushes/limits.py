"""Limits of a push stream, as GetServerInfo tells them."""

from dataclasses import dataclass

from galleria_storage.volume import MAX_SEGMENTS


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Sizes in bytes, times in seconds; `frames_in_work` bounds what a stream has in the hands of a pool."""

    max_records_bytes: int
    idle_timeout_seconds: float
    max_segments_in_flight: int = MAX_SEGMENTS
    max_raw_bytes: int = 4 << 20
    frames_in_work: int = 6
