"""How a channel to a server is made."""

from __future__ import annotations

import os
from typing import Final

DEFAULT_ENDPOINT: Final = "127.0.0.1:8470"
VARIABLE: Final = "GALLERIA_ENDPOINT"
CALL_SECONDS: Final = 30.0
"""Deadline of a unary call when the caller names none."""

OPTIONS: Final = (
    ("grpc.enable_retries", 0),  # this library retries by itself: it knows which calls are safe to repeat
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 16 << 20),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # A transfer that waits for its server to come back should notice soon that it did.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


def endpoint(given: str | None = None) -> str:
    """The address to talk to: the given one, else GALLERIA_ENDPOINT, else 127.0.0.1:8470."""
    return given or os.environ.get(VARIABLE) or DEFAULT_ENDPOINT
