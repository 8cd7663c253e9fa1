"""The Galleria client: the Python library and the command line.

    from galleria_client import Client

    with Client() as client:
        disk = "subscriptions/…/resourceGroups/images/disks/debian-1"
        report = client.disks.push("debian.raw", disk, location="eastus")

`aio.Client` has the same names for asyncio. All errors are in `galleria_client.errors` and stem from `GalleriaError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from galleria_client import aio as aio
    from galleria_client._sync.client import Client as Client
    from galleria_client.errors import GalleriaError as GalleriaError
    from galleria_client.pull.options import PullOptions as PullOptions
    from galleria_client.pull.options import PullReport as PullReport
    from galleria_client.pull.options import PullState as PullState
    from galleria_client.push.options import PushOptions as PushOptions
    from galleria_client.push.options import PushReport as PushReport
    from galleria_client.push.options import PushState as PushState
    from galleria_client.retry import RetryPolicy as RetryPolicy

__all__ = [
    "Client",
    "GalleriaError",
    "PullOptions",
    "PullReport",
    "PullState",
    "PushOptions",
    "PushReport",
    "PushState",
    "RetryPolicy",
    "aio",
]

_HOMES = {
    "Client": "_sync.client",
    "GalleriaError": "errors",
    "PullOptions": "pull.options",
    "PullReport": "pull.options",
    "PullState": "pull.options",
    "PushOptions": "push.options",
    "PushReport": "push.options",
    "PushState": "push.options",
    "RetryPolicy": "retry",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: `galleria --help` must not wait for gRPC."""
    from importlib import import_module  # noqa: PLC0415 - as above

    if name == "aio":
        return import_module("galleria_client.aio")
    if name in _HOMES:
        return getattr(import_module(f"galleria_client.{_HOMES[name]}"), name)
    raise AttributeError(name)
