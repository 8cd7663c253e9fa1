"""How many image versions a second a real server creates, and how many of a small disk become READY on one copy.

16 asyncio clients of a process of its own, on the same cores, each create one version after the other; a version is
answered with its row, its ordered copy and its operation, in a synced transaction. Then every operation is waited for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import time
from contextlib import AsyncExitStack
from pathlib import Path

import grpc.aio
from google.longrunning.operations_pb2 import Operation, WaitOperationRequest
from google.longrunning.operations_pb2_grpc import OperationsStub

from benchmarks.server_process import ServerProcess
from benchmarks.targets import FOLDER, Target, alone, judge
from galleria.v1 import image_versions_pb2 as pb
from galleria.v1.galleries_pb2_grpc import GalleriesStub

_PLACE = FOLDER / "creates"
_CLIENTS = 16
_DISK = 64 * 1024
_IMAGE = "many/gallery/image"


def main() -> int:
    """Print the figures; 0 if the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=2000, help="how many (default: 2,000)")
    count = parser.parse_args().versions
    _PLACE.mkdir(parents=True, exist_ok=True)
    print(f"load before: {os.getloadavg()[0]:.2f}")
    try:
        with ServerProcess(_PLACE / "data", _PLACE / "server.log") as server:
            image = _prepare(server)
            created, ready = alone(_create, server.endpoint, image, count)
    finally:
        shutil.rmtree(_PLACE, ignore_errors=True)
    print(f"{count:,} versions: {count / created:.0f} created a second; {count / ready:.0f} READY a second")
    return judge(
        [
            Target("created", created / count * 1000, 10, "ms each", True),
            Target("READY", ready / count * 1000, 1000 / 30, "ms each", True),
        ]
    )


def _prepare(server: ServerProcess) -> str:
    disk = Path(_PLACE / "disk.raw")
    disk.write_bytes(os.urandom(_DISK))
    kind = ("--publisher", "p", "--offer", "o", "--sku", "s", "--os-type", "Linux", "--os-state", "Generalized")
    server.run("gallery", "create", "gallery", "-g", "many", "-l", "eastus")
    image: str = server.json("image-definition", "create", _IMAGE, *kind)["name"]
    server.run("disk", "push", str(disk), "many/disk", "-l", "eastus", "--progress", "none")
    return image


def _create(endpoint: str, image: str, count: int) -> tuple[float, float]:
    """Seconds until all were answered, and until all were READY."""
    return asyncio.run(_creating(endpoint, image, count))


async def _creating(endpoint: str, image: str, count: int) -> tuple[float, float]:
    disk = f"{image.partition('/galleries/')[0]}/disks/disk"
    numbers = iter(range(count))
    async with AsyncExitStack() as opened:
        # A pool of its own makes each a connection of its own.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [
            await opened.enter_async_context(grpc.aio.insecure_channel(endpoint, options=options))
            for _ in range(_CLIENTS)
        ]

        async def client(channel: grpc.aio.Channel) -> list[Operation]:
            stub = GalleriesStub(channel)
            return [await stub.CreateImageVersion(_request(image, disk, number)) for number in numbers]

        async def wait(channel: grpc.aio.Channel, operations: list[Operation]) -> None:
            for operation in operations:
                ended = await OperationsStub(channel).WaitOperation(WaitOperationRequest(name=operation.name))
                if not ended.done or ended.HasField("error"):
                    raise RuntimeError(ended)

        began = time.perf_counter()
        made = await asyncio.gather(*map(client, channels))
        created = time.perf_counter() - began
        await asyncio.gather(*map(wait, channels, made))
        return created, time.perf_counter() - began


def _request(image: str, disk: str, number: int) -> pb.CreateImageVersionRequest:
    version = pb.ImageVersion(os_disk=disk)
    return pb.CreateImageVersionRequest(parent=image, image_version_id=f"1.0.{number}", image_version=version)


if __name__ == "__main__":
    raise SystemExit(main())
