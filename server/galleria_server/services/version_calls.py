"""What calls on versions of images and applications have in common."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import ClassVar, Protocol, TypeVar

from google.longrunning.operations_pb2 import Operation as WireOperation
from google.protobuf.message import Message

from galleria.v1 import image_versions_pb2 as pb
from galleria_server.catalogue import operations, resolving, versions
from galleria_server.catalogue.operations import OperationView
from galleria_server.catalogue.versions import VersionView
from galleria_server.catalogue.writes import Write, make_once
from galleria_server.domain.models import Operation
from galleria_server.domain.names import (
    Artifact,
    DefinitionName,
    VersionName,
    VersionNumber,
    parse_version,
    parse_version_or_latest,
)
from galleria_server.domain.pages import Position, Stretch
from galleria_server.domain.region_names import known_region
from galleria_server.domain.resolving import Resolved
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.domain.target_regions import Targets
from galleria_server.domain.version import AnyVersion
from galleria_server.metadata.engine import Transaction
from galleria_server.services import convert
from galleria_server.services.lists import Listing
from galleria_server.services.parsing import parse_write
from galleria_server.services.shared import Catalogue, PageRequest

M = TypeVar("M", bound=Message)

OF_COPIES = "replication"
"""The field that copies are looked up for."""


class NameInRegion(Protocol):
    """A request that names a version, perhaps `latest` in a region."""

    name: str
    region: str


class VersionCalls:
    """Versions of the `artifact` that a service is about."""

    artifact: ClassVar[Artifact] = Artifact.IMAGE

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def _get(self, request: NameInRegion, *, with_copies: bool = True) -> VersionView:
        read, now = self._catalogue.metadata.read, self._catalogue.clock()
        return await read(resolving.get, *self._name_in_region(request), now, with_copies=with_copies)

    async def _resolve(self, request: NameInRegion) -> tuple[VersionView, Resolved]:
        known_region("region", request.region, self._catalogue.regions)
        now = self._catalogue.clock()
        return await self._catalogue.metadata.read(_resolved, *self._name_in_region(request), now)

    async def _page(
        self,
        listing: Listing[VersionView, M],
        definition: DefinitionName,
        request: PageRequest,
        state: ImageState | None = None,
    ) -> tuple[list[M], str]:
        asked = listing.asked(request)
        copies = asked.needs(OF_COPIES)

        async def fetch(to: Stretch) -> list[VersionView]:
            after = VersionNumber(*map(int, to.after)) if to.after else None
            found = partial(versions.page, ascending=not to.descending, with_copies=copies)
            return await self._catalogue.metadata.read(found, definition, state, after, to.limit)

        return await asked.page(self._catalogue.tokens, str(definition), fetch, state.value if state else "")

    async def _change_regions(
        self,
        request: pb.AddTargetRegionsRequest | pb.RemoveTargetRegionsRequest | pb.SetReplicaCountRequest,
        apply: Callable[[AnyVersion], Targets],
    ) -> WireOperation:
        name, volumes = parse_version("name", request.name, self.artifact), self._catalogue.content.volumes_of
        method = type(request).__name__.removesuffix("Request")
        write, now = parse_write(method, request, name), self._catalogue.clock()
        change = partial(versions.change_regions, name=name, apply=apply, volumes=volumes, now=now)
        return await self._begin(write, change)

    def _name_in_region(self, request: NameInRegion) -> tuple[VersionName, str]:
        name = parse_version_or_latest("name", request.name, self.artifact)
        if (name.number or name.alias) and not request.region:
            return name, ""
        return name, known_region("region", request.region, self._catalogue.regions)

    async def _begin(self, write: Write, begin: Callable[[Transaction], Operation]) -> WireOperation:
        def begin_and_look(transaction: Transaction) -> OperationView:
            return operations.look(transaction, begin(transaction))

        now = self._catalogue.clock()
        view = await self._catalogue.metadata.write(make_once, write, now, begin_and_look, operations.get)
        if not write.validate_only:
            self._catalogue.content.wake()
            self._catalogue.bell.ring()
        return convert.operation(view, now)


def position(view: VersionView) -> Position:
    """Where a version stands in a list."""
    return list(view.version.number)


def _resolved(transaction: Transaction, name: VersionName, region: str, now: datetime) -> tuple[VersionView, Resolved]:
    found = resolving.resolve(transaction, name, region, now)
    return versions.view(transaction, found.version), found
