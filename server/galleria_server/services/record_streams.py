"""Registration of the two streams whose messages carry records, which are not read and written as the others are."""

from __future__ import annotations

import grpc
import grpc.aio

from galleria.v1 import contents_pb2, disks_pb2
from galleria.v1.record_messages import read_push_request, write_read_records
from galleria_server.services.contents import ContentsService
from galleria_server.services.disks import DisksService


def add_record_streams(disks: DisksService, contents: ContentsService, server: grpc.aio.Server) -> None:
    """Add Push and ReadChunks. To be called after the services are added: the last handler of a name counts."""
    push = grpc.stream_stream_rpc_method_handler(
        disks.Push, request_deserializer=read_push_request, response_serializer=disks_pb2.PushResponse.SerializeToString
    )
    read = grpc.stream_stream_rpc_method_handler(
        contents.ReadChunks,
        request_deserializer=contents_pb2.ReadChunksRequest.FromString,
        response_serializer=write_read_records,
    )
    server.add_registered_method_handlers("galleria.v1.Disks", {"Push": push})
    server.add_registered_method_handlers("galleria.v1.Contents", {"ReadChunks": read})
