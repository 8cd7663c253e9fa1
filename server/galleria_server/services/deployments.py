"""The Deployments service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from galleria.v1 import deployments_pb2 as pb
from galleria.v1.deployments_pb2_grpc import DeploymentsServicer
from galleria_server.catalogue import deployments
from galleria_server.catalogue.deployments import FIELD, DeploymentView
from galleria_server.catalogue.writes import Change, make_once, remove_once
from galleria_server.domain.deployment import Deployment, DeploymentSpec, check
from galleria_server.domain.names import (
    DISK_ID,
    DeploymentName,
    GroupName,
    VersionName,
    artifact_of,
    fold,
    parse_deployment,
    parse_group,
    parse_version,
    parse_version_or_latest,
)
from galleria_server.domain.pages import Position, Stretch
from galleria_server.domain.region_names import known_region
from galleria_server.domain.validation import Violations, check_id, refuse
from galleria_server.services.codec import parse, render
from galleria_server.services.convert_publishing import timestamp
from galleria_server.services.lists import Listing
from galleria_server.services.masks import changed
from galleria_server.services.parsing import optional_uid, parse_write
from galleria_server.services.projections import projection
from galleria_server.services.shared import Catalogue

Context = grpc.aio.ServicerContext[Any, Any]


class Deployments(DeploymentsServicer):
    """What runs from versions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._metadata = catalogue.metadata

    async def CreateDeployment(self, request: pb.CreateDeploymentRequest, context: Context) -> pb.Deployment:
        """Register a deployment."""
        name, spec = _new(request, self._catalogue.regions)
        write, now = parse_write("CreateDeployment", request, name), self._catalogue.clock()
        create = partial(deployments.create, name=name, spec=spec, now=now)
        return _message(await self._metadata.write(make_once, write, now, create, partial(deployments.recall, now=now)))

    async def GetDeployment(self, request: pb.GetDeploymentRequest, context: Context) -> pb.Deployment:
        """Return one deployment."""
        name, shown = parse_deployment("name", request.name), projection(request.read_mask, pb.Deployment)
        return shown.of(_message(await self._metadata.read(deployments.get, name, self._catalogue.clock())))

    async def ListDeployments(self, request: pb.ListDeploymentsRequest, context: Context) -> pb.ListDeploymentsResponse:
        """Return a page of the deployments of a resource group or of a version."""
        parent, now = _parent(request.parent), self._catalogue.clock()

        async def fetch(to: Stretch) -> list[DeploymentView]:
            found = partial(deployments.page, descending=to.descending)
            return await self._metadata.read(found, parent, to.after, to.limit, now)

        found, token = await _LISTING.asked(request).page(self._catalogue.tokens, str(parent), fetch)
        return pb.ListDeploymentsResponse(deployments=found, next_page_token=token)

    async def UpdateDeployment(self, request: pb.UpdateDeploymentRequest, context: Context) -> pb.Deployment:
        """Change a deployment."""
        name, change = _change(request, self._catalogue.regions)
        write, now = parse_write("UpdateDeployment", request, name), self._catalogue.clock()
        update = partial(deployments.update, name=name, change=change, now=now)
        return _message(await self._metadata.write(make_once, write, now, update, partial(deployments.recall, now=now)))

    async def DeleteDeployment(self, request: pb.DeleteDeploymentRequest, context: Context) -> Empty:
        """Take a deployment out of the register."""
        name = parse_deployment("name", request.name)
        write, now = parse_write("DeleteDeployment", request, name), self._catalogue.clock()
        await self._metadata.write(remove_once, write, now, partial(deployments.remove, name=name, etag=request.etag))
        return Empty()


def _new(request: pb.CreateDeploymentRequest, regions: Sequence[str]) -> tuple[DeploymentName, DeploymentSpec]:
    """Name and spec of what is asked for. Raises InvalidRequest with every field that is wrong, RegionUnknown."""
    group = parse_group("parent", request.parent)
    violations: Violations = []
    spec = parse(request.deployment, DeploymentSpec, FIELD, violations)
    refuse(violations, check_id("deployment_id", request.deployment_id, DISK_ID), check(FIELD, spec))
    return DeploymentName(group, request.deployment_id), _settled(spec, regions)


def _change(
    request: pb.UpdateDeploymentRequest, regions: Sequence[str]
) -> tuple[DeploymentName, Change[Deployment, DeploymentSpec]]:
    """Name of the deployment that is to be changed, and how."""
    asked = request.deployment
    name = parse_deployment(f"{FIELD}.name", asked.name)

    def apply(before: Deployment) -> DeploymentSpec:
        after = changed(before.spec, asked, request.update_mask, FIELD)
        refuse(check(FIELD, after))
        return _settled(after, regions)

    return name, Change(optional_uid(f"{FIELD}.uid", asked.uid), asked.etag, apply)


def _settled(spec: DeploymentSpec, regions: Sequence[str]) -> DeploymentSpec:
    """A spec with the short name of its region. Raises InvalidRequest for its version, RegionUnknown."""
    parse_version_or_latest(f"{FIELD}.version", spec.version, artifact_of(spec.version))
    return replace(spec, region=known_region(f"{FIELD}.region", spec.region, regions))


def _parent(text: str) -> GroupName | VersionName:
    if fold(text).rpartition("/")[0].endswith("/versions"):
        return parse_version("parent", text, artifact_of(text))
    return parse_group("parent", text)


def _position(view: DeploymentView) -> Position:
    return [fold(view.deployment.name.deployment), str(view.uid)]


def _message(view: DeploymentView) -> pb.Deployment:
    found = view.deployment
    return pb.Deployment(
        name=str(found.name),
        uid=str(found.uid),
        version_deleted=view.version_deleted,
        warnings=view.warnings,
        create_time=timestamp(found.create_time),
        update_time=timestamp(found.update_time),
        etag=found.etag,
        **render(found.spec, pb.Deployment.DESCRIPTOR),
    )


_LISTING = Listing("ListDeployments", pb.Deployment, _message, _position)
