"""What the library promises to have."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import galleria_client
from galleria_client import Client, aio

UNASYNC = Path(__file__).resolve().parents[2] / "client" / "unasync.py"
NAMESPACES = (
    "disks",
    "contents",
    "galleries",
    "operations",
    "regions",
    "operators",
    "tenants",
    "subscriptions",
    "resource_groups",
    "region_access",
    "aliases",
    "locks",
    "policies",
    "usages",
)


def test_every_public_name_is_there() -> None:
    assert galleria_client.__all__ == sorted(galleria_client.__all__)
    assert all(getattr(galleria_client, name) is not None for name in galleria_client.__all__)


def test_both_clients_have_the_same_names() -> None:
    def names(kind: type) -> dict[str, list[str]]:
        return {name: list(inspect.signature(member).parameters) for name, member in public(kind)}

    assert {name.replace("__a", "__") for name in names(aio.Client)} == set(names(Client))
    with Client("127.0.0.1:1") as client:
        for namespace in NAMESPACES:
            kind = type(getattr(client, namespace))
            twin = getattr(sys.modules[kind.__module__.replace("_sync", "_async")], kind.__name__)
            assert names(kind) == names(twin)


def public(kind: type) -> list[tuple[str, Callable[..., object]]]:
    return [(name, member) for name, member in inspect.getmembers(kind, callable) if not name.startswith("_")]


def test_the_synchronous_client_is_the_asynchronous_one_without_async() -> None:
    done = subprocess.run([sys.executable, UNASYNC, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_help_does_not_wait_for_grpc() -> None:
    program = (
        "import sys; from galleria_client.cli.running import run; run(['--help']); run(['disk', 'push', '--help']);"
        "print(sorted({'grpc', 'google.protobuf', 'numpy', 'galleria_server'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
