"""Sockets: where the server and its metrics listen, and how gRPC treats connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc.aio
from prometheus_client import CollectorRegistry, start_http_server

from galleria_server.config import Address, Limits


class ListenFailed(Exception):
    """The address could not be listened on."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.address = address

    def __str__(self) -> str:
        return f"cannot listen on {self.address}: it is in use or not an address of this machine"


def server_options(limits: Limits) -> list[tuple[str, int]]:
    """Options of the gRPC server."""
    return [
        ("grpc.max_receive_message_length", limits.max_message),
        # Two servers on one port would share its calls at random.
        ("grpc.so_reuseport", 0),
        # A quiet stream is no misuse: clients may ping every 10 seconds.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 60_000),
    ]


def listen(server: grpc.aio.Server, address: Address) -> int:
    """Bind a server that has not started; returns the real port. Raises ListenFailed."""
    try:
        port = server.add_insecure_port(str(address))
    except RuntimeError:
        port = 0
    if port == 0:
        raise ListenFailed(address)
    return int(port)


@contextmanager
def metrics_endpoint(address: Address | None, registry: CollectorRegistry) -> Iterator[int | None]:
    """Serve the registry over HTTP until the end; yields the real port, None without an address.

    Raises ListenFailed.
    """
    if address is None:
        yield None
        return
    try:
        server, thread = start_http_server(address.port, address.host, registry)
    except OSError as error:
        raise ListenFailed(address) from error
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
