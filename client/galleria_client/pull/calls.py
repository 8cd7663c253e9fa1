"""The ReadChunks method as a pull calls it."""

from __future__ import annotations

from typing import TypeAlias

import grpc

from galleria.v1 import contents_pb2 as pb
from galleria.v1.record_messages import ReadRecords, read_read_records

ReadChunksCall: TypeAlias = "grpc.StreamStreamMultiCallable[pb.ReadChunksRequest, ReadRecords]"


def read_chunks_call(channel: grpc.Channel) -> ReadChunksCall:
    """The method on a channel; records are views of the messages they came in."""
    return channel.stream_stream(
        "/galleria.v1.Contents/ReadChunks",
        request_serializer=pb.ReadChunksRequest.SerializeToString,
        response_deserializer=read_read_records,
    )
