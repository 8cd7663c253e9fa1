"""The Regions service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc.aio

from galleria.v1 import installation_pb2 as pb
from galleria.v1.installation_pb2_grpc import RegionsServicer
from galleria_server.config import RegionConfig


class Regions(RegionsServicer):
    """The regions of the configuration."""

    def __init__(self, regions: Sequence[RegionConfig]) -> None:
        self._regions = regions

    async def ListRegions(
        self, request: pb.ListRegionsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ListRegionsResponse:
        """Return all regions by name."""
        return pb.ListRegionsResponse(
            regions=[
                pb.Region(name=region.name, display_name=region.display_name, zones=region.zones, tiers=region.tiers)
                for region in self._regions
            ]
        )
