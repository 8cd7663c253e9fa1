"""The Push method as a push calls it."""

from __future__ import annotations

from typing import TypeAlias

import grpc

from galleria.v1 import disks_pb2 as pb
from galleria.v1.record_messages import write_push_request
from galleria_client.outbox import Outbox

PushOutbox = Outbox[pb.PushRequest | bytes]
"""Messages of a Push stream; bytes are messages with records, written already."""
PushCall: TypeAlias = "grpc.StreamStreamMultiCallable[pb.PushRequest | bytes, pb.PushResponse]"


def push_call(channel: grpc.Channel) -> PushCall:
    """The method on a channel; it takes messages that are bytes already as they are."""
    return channel.stream_stream(
        "/galleria.v1.Disks/Push",
        request_serializer=write_push_request,
        response_deserializer=pb.PushResponse.FromString,
    )
