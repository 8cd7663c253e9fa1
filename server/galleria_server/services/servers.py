"""The Servers service."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import grpc.aio

from galleria.v1 import installation_pb2 as pb
from galleria.v1.installation_pb2_grpc import ServersServicer
from galleria_server.config import Limits
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_storage.rules import BLOCK_CDC_1, Rule
from galleria_storage.volume import MAX_SEGMENTS
from galleria_storage.volume.intake import MAX_RAW

CODECS = ("raw", "zstd")


def software_version() -> str:
    """The version of the installed distribution."""
    return metadata.version("galleria")


class Servers(ServersServicer):
    """What this server is able to do."""

    def __init__(self, limits: Limits) -> None:
        self._info = pb.ServerInfo(
            version=software_version(),
            rules=[_rule(BLOCK_CDC_1)],
            codecs=CODECS,
            max_disk_bytes=limits.max_disk,
            max_records_bytes=limits.max_records,
            max_records_raw_bytes=MAX_RAW,
            max_segments_in_flight=MAX_SEGMENTS,
            idle_timeout_seconds=int(limits.idle_timeout),
            default_subscription=str(DEFAULT_SUBSCRIPTION),
        )

    async def GetServerInfo(
        self, request: pb.GetServerInfoRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ServerInfo:
        """Return version, rules, codecs and limits."""
        return self._info


def _rule(rule: Rule) -> pb.ChunkingRule:
    return pb.ChunkingRule(
        name=rule.name,
        block_bytes=rule.block,
        segment_bytes=rule.segment,
        hole_blocks=rule.hole_blocks,
        min_blocks=rule.min_blocks,
        late_blocks=rule.mid_blocks,
        max_blocks=rule.max_blocks,
        early_mask=rule.early_mask,
        late_mask=rule.late_mask,
    )
