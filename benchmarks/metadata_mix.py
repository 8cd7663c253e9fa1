"""Gets, pages and resolving at a steady rate through a real server over 100,000 image versions.

200 calls a second are due, whatever became of those before them, through 16 channels of a process of its own on the
same cores: 90% get a version, 5% list a page of 100, 5% resolve `latest`. Then `latest` alone, among 10,000 versions.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack

import grpc.aio

from benchmarks.filled_catalogue import REGION, Counts, definition_name, fill, version_name
from benchmarks.open_loop import Due, drive, percentile, told
from benchmarks.server_process import ServerProcess
from benchmarks.targets import FOLDER, Target, alone, judge
from galleria.v1 import image_versions_pb2 as pb
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria_server.domain.models import CopyState

_PLACE = FOLDER / "mix"
_CLIENTS = 16
_PER_SECOND = 200
_PAGE = 100
_MANY = 10_000
_SEED = 7
Request = pb.GetImageVersionRequest | pb.ListImageVersionsRequest | pb.ResolveImageVersionRequest
_CALLS: Mapping[str, tuple[str, type[Request]]] = {
    "get": ("GetImageVersion", pb.GetImageVersionRequest),
    "list": ("ListImageVersions", pb.ListImageVersionsRequest),
    "resolve": ("ResolveImageVersion", pb.ResolveImageVersionRequest),
}
Asked = list[tuple[str, Request]]
Took = dict[str, list[float]]


def main() -> int:
    """Print the figures; 0 if the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long each part goes (default: 60)")
    parser.add_argument("--galleries", type=int, default=100, help="of 10 definitions of 100 versions (default: 100)")
    given = parser.parse_args()
    counts = Counts(given.galleries, 10, 100)
    print(f"load before: {os.getloadavg()[0]:.2f}")
    mixed = _run(counts, _mix(counts, given.seconds * _PER_SECOND), "mix")
    latest = _run(Counts(1, 1, _MANY), _latest(given.seconds * _PER_SECOND), "latest")
    return judge(
        [
            Target("p99 of Get", percentile(mixed["get"], 99) * 1000, 5, "ms"),
            Target("p99 of a page", percentile(mixed["list"], 99) * 1000, 20, "ms"),
            Target(f"p99 of latest among {_MANY:,}", percentile(latest["resolve"], 99) * 1000, 5, "ms"),
        ]
    )


def _mix(counts: Counts, calls: int) -> Asked:
    draw = random.Random(_SEED)
    asked: Asked = []
    for _ in range(calls):
        gallery, definition = draw.randrange(counts.galleries), draw.randrange(counts.definitions)
        image, kind = definition_name(gallery, definition), draw.random()
        if kind < 0.9:
            name = str(version_name(gallery, definition, draw.randrange(counts.versions)))
            asked.append(("get", pb.GetImageVersionRequest(name=name)))
        elif kind < 0.95:
            asked.append(("list", pb.ListImageVersionsRequest(parent=str(image), page_size=_PAGE)))
        else:
            asked.append(("resolve", pb.ResolveImageVersionRequest(name=f"{image}/versions/latest", region=REGION)))
    return asked


def _latest(calls: int) -> Asked:
    request = pb.ResolveImageVersionRequest(name=f"{definition_name(0, 0)}/versions/latest", region=REGION)
    return [("resolve", request)] * calls


def _run(counts: Counts, asked: Asked, part: str) -> Took:
    _PLACE.mkdir(parents=True, exist_ok=True)
    data = _PLACE / part
    try:
        written = fill(data, counts, CopyState.READY)
        with ServerProcess(data, _PLACE / "server.log") as server:
            took = alone(_ask, server.endpoint, [(kind, one.SerializeToString()) for kind, one in asked])
        print(f"{part}, {written:,} versions, {_PER_SECOND} calls a second:")
        print(told(took))
        return took
    finally:
        shutil.rmtree(_PLACE, ignore_errors=True)


def _ask(endpoint: str, asked: list[tuple[str, bytes]]) -> Took:
    return asyncio.run(_drive(endpoint, asked))


async def _drive(endpoint: str, asked: list[tuple[str, bytes]]) -> Took:
    async with AsyncExitStack() as opened:
        # A pool of its own makes each a connection of its own.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [
            await opened.enter_async_context(grpc.aio.insecure_channel(endpoint, options=options))
            for _ in range(_CLIENTS)
        ]
        stubs = [GalleriesStub(channel) for channel in channels]

        def due(kind: str, wire: bytes) -> Due:
            method, made = _CALLS[kind]
            request = made.FromString(wire)
            return Due(kind, lambda client: getattr(stubs[client], method)(request))

        everything = [due(kind, wire) for kind, wire in asked]
        # What comes first pays for connections and for statements that are put together once.
        await drive(everything[:_PER_SECOND], _PER_SECOND, _CLIENTS)
        return await drive(everything, _PER_SECOND, _CLIENTS)


if __name__ == "__main__":
    raise SystemExit(main())
