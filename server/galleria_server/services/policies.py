"""The Policies service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc.aio

from galleria.v1 import policies_pb2 as pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.policies_pb2_grpc import PoliciesServicer
from galleria_server.catalogue import policies
from galleria_server.catalogue.policies import Plan
from galleria_server.domain.fates import Fate
from galleria_server.domain.models import Operation
from galleria_server.domain.names import format_operation, parse_image
from galleria_server.services.codec import render
from galleria_server.services.shared import Catalogue

Context = grpc.aio.ServicerContext[Any, Any]
MOST_TOLD = 1000


class Policies(PoliciesServicer):
    """Retention and spread of image versions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def PreviewRetention(self, request: pb.PreviewRetentionRequest, context: Context) -> pb.PolicyOutcome:
        """Tell what the retention policy would do."""
        return await self._preview(request.name, policies.retention)

    async def ApplyRetention(self, request: pb.ApplyRetentionRequest, context: Context) -> pb.PolicyOutcome:
        """Do what the retention policy says."""
        return await self._apply(request.name, policies.retention)

    async def PreviewSpread(self, request: pb.PreviewSpreadRequest, context: Context) -> pb.PolicyOutcome:
        """Tell what the spread policy would do."""
        return await self._preview(request.name, policies.spread)

    async def ApplySpread(self, request: pb.ApplySpreadRequest, context: Context) -> pb.PolicyOutcome:
        """Do what the spread policy says."""
        return await self._apply(request.name, policies.spread)

    async def _preview(self, text: str, plan: Plan) -> pb.PolicyOutcome:
        name, now = parse_image("name", text), self._catalogue.clock()
        return _outcome(await self._catalogue.metadata.read(plan, name, now), ())

    async def _apply(self, text: str, plan: Plan) -> pb.PolicyOutcome:
        name, at = parse_image("name", text), self._catalogue
        done = await at.metadata.write(policies.apply, name, plan, at.content.volumes_of, at.clock())
        at.content.wake()
        at.bell.ring()
        return _outcome(done.fates, done.operations)


def _outcome(fates: Sequence[Fate], operations: Sequence[Operation]) -> pb.PolicyOutcome:
    changed = [fate for fate in fates if fate.changes]
    kept = [fate for fate in fates if not fate.changes]
    return pb.PolicyOutcome(
        changed=map(_fate, changed[:MOST_TOLD]),
        kept=map(_fate, kept[:MOST_TOLD]),
        changed_count=len(changed),
        kept_count=len(kept),
        saved_bytes=sum(fate.saved_bytes for fate in fates),
        added_bytes=sum(fate.added_bytes for fate in fates),
        operations=[format_operation(operation.uid) for operation in operations],
    )


def _fate(fate: Fate) -> pb.VersionFate:
    descriptor = publishing_pb.TargetRegion.DESCRIPTOR
    return pb.VersionFate(
        version=str(fate.version.name),
        deleted=fate.target_regions is None,
        target_regions=[
            publishing_pb.TargetRegion(**render(target, descriptor)) for target in fate.target_regions or ()
        ],
        reason=fate.reason,
        saved_bytes=fate.saved_bytes,
        added_bytes=fate.added_bytes,
    )
