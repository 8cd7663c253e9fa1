"""What moving bytes through an empty gRPC stream costs, as a stage of the floors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import grpc.aio

from galleria.v1 import disks_pb2, disks_pb2_grpc

_SAMPLE = 256 << 20
_MESSAGE = bytes(1 << 20)


async def _take(requests: AsyncIterator[disks_pb2.PushRequest], _: object) -> AsyncIterator[disks_pb2.PushResponse]:
    async for request in requests:
        del request
    yield disks_pb2.PushResponse()


def _sink() -> grpc.GenericRpcHandler:
    handler = grpc.stream_stream_rpc_method_handler(
        _take, disks_pb2.PushRequest.FromString, disks_pb2.PushResponse.SerializeToString
    )
    return grpc.method_handlers_generic_handler("galleria.v1.Disks", {"Push": handler})


def wire_seconds(size: int) -> float:
    """CPU seconds of sender and receiver together for `size` bytes in messages of 1 MiB."""
    return asyncio.run(_sample()) * size / _SAMPLE


async def _sample() -> float:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 8 << 20)])
    server.add_generic_rpc_handlers((_sink(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        start = time.process_time()
        async for _ in disks_pb2_grpc.DisksStub(channel).Push(_messages()):
            pass
        seconds = time.process_time() - start
    await server.stop(None)
    return seconds


async def _messages() -> AsyncIterator[disks_pb2.PushRequest]:
    for _ in range(_SAMPLE // len(_MESSAGE)):
        yield disks_pb2.PushRequest(records=disks_pb2.Records(records=_MESSAGE))
