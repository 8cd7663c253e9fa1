"""Calls that delete galleries and image definitions with all that is in them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Any

import grpc.aio

from galleria.v1 import deletion_pb2 as pb
from galleria_server.catalogue import trees
from galleria_server.catalogue.writes import make_once
from galleria_server.domain.deletion_plan import MAX_NAMED, DeletionPlan
from galleria_server.domain.errors import DomainError
from galleria_server.domain.names import DefinitionName, GalleryName, parse_gallery, parse_image
from galleria_server.errors import rule_for
from galleria_server.services import convert
from galleria_server.services.parsing import parse_write
from galleria_server.services.shared import Catalogue

Context = grpc.aio.ServicerContext[Any, Any]


class TreeMethods:
    """The part of the Galleries service that deletes whole trees."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def DeleteGalleryTree(self, request: pb.DeleteGalleryTreeRequest, context: Context) -> pb.DeleteTreeResponse:
        """Begin to delete a gallery with all that is in it."""
        return await self._delete_tree("DeleteGalleryTree", request, parse_gallery("name", request.name))

    async def DeleteImageDefinitionTree(
        self, request: pb.DeleteImageDefinitionTreeRequest, context: Context
    ) -> pb.DeleteTreeResponse:
        """Begin to delete an image definition with all its versions."""
        return await self._delete_tree("DeleteImageDefinitionTree", request, parse_image("name", request.name))

    async def _delete_tree(
        self,
        method: str,
        request: pb.DeleteGalleryTreeRequest | pb.DeleteImageDefinitionTreeRequest,
        name: GalleryName | DefinitionName,
    ) -> pb.DeleteTreeResponse:
        # Locks are told among what forbids it, so nothing looks for them before.
        write, now = parse_write(method, request, None), self._catalogue.clock()
        dry_run = request.validate_only
        bypass, force = request.bypass_soft_delete, request.force
        remove = partial(
            trees.remove, name=name, etag=request.etag, now=now, bypass=bypass, force=force, dry_run=dry_run
        )
        made = await self._catalogue.metadata.write(make_once, write, now, remove, trees.recall)
        plan = None if made.plan is None else told(made.plan)
        if dry_run:
            return pb.DeleteTreeResponse(plan=plan)
        self._catalogue.content.wake()
        self._catalogue.bell.ring()
        return pb.DeleteTreeResponse(operation=convert.operation(made.view, now), plan=plan)


def told(plan: DeletionPlan) -> pb.DeletionPlan:
    """What would go, as far as names are told."""
    return pb.DeletionPlan(
        galleries=_named(plan.galleries),
        image_definitions=_named(plan.definitions),
        image_versions=_named(plan.versions),
        aliases=_named(plan.aliases),
        gallery_count=len(plan.galleries),
        image_definition_count=len(plan.definitions),
        image_version_count=len(plan.versions),
        alias_count=len(plan.aliases),
        replica_bytes=plan.replica_bytes,
        blockers=[_blocker(error) for error in plan.blockers[:MAX_NAMED]],
        blocker_count=len(plan.blockers),
    )


def _named(names: Iterable[object]) -> list[str]:
    return [str(name) for name in islice(names, MAX_NAMED)]


def _blocker(error: DomainError) -> pb.DeletionBlocker:
    rule = rule_for(error)
    return pb.DeletionBlocker(
        name=str(getattr(error, "name", "")), reason=rule.reason if rule else "", message=str(error)
    )
