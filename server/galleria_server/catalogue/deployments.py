"""Deployments: register, get, list, change, take out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from galleria_server.catalogue import groups
from galleria_server.catalogue.resolving import resolve, warnings_of
from galleria_server.catalogue.versions import require as require_version
from galleria_server.catalogue.writes import Change, check_etag, check_uid, new_etag
from galleria_server.domain.deployment import Deployment, DeploymentSpec
from galleria_server.domain.errors import AlreadyExists, NotFound
from galleria_server.domain.names import DeploymentName, GroupName, VersionName, artifact_of, parse_version_or_latest
from galleria_server.domain.pages import Position
from galleria_server.domain.version import AnyVersion, VersionState
from galleria_server.metadata import deployments, versions
from galleria_server.metadata.engine import Transaction

KIND = "deployment"
FIELD = "deployment"


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment, whether its version is deleted, and what who runs it should know."""

    deployment: Deployment
    version_deleted: bool
    warnings: tuple[str, ...]

    @property
    def uid(self) -> UUID:
        """The deployment's uid."""
        return self.deployment.uid


def create(transaction: Transaction, name: DeploymentName, spec: DeploymentSpec, now: datetime) -> DeploymentView:
    """Register a deployment of the version that its spec means in its region.

    Raises AlreadyExists, and as `resolving.resolve`.
    """
    group = groups.ensure(transaction, name.group, now)
    taken = deployments.find(transaction, name)
    if taken is not None:
        raise AlreadyExists(KIND, str(taken.name))
    version, settled = _resolved(transaction, spec, now)
    full = DeploymentName(group.name, name.deployment)
    deployment = Deployment(uuid4(), group.uid, full, version.uid, settled, now, now, new_etag())
    deployments.add(transaction, deployment)
    return view(transaction, deployment, now)


def find(transaction: Transaction, name: DeploymentName) -> Deployment:
    """The deployment of that name. Raises NotFound."""
    deployment = deployments.find(transaction, name)
    if deployment is None:
        raise NotFound(KIND, str(name))
    return deployment


def get(transaction: Transaction, name: DeploymentName, now: datetime) -> DeploymentView:
    """The deployment of that name. Raises NotFound."""
    return view(transaction, find(transaction, name), now)


def recall(transaction: Transaction, uid: UUID, now: datetime) -> DeploymentView:
    """The deployment that an earlier request made. Raises NotFound."""
    deployment = deployments.find_by_uid(transaction, uid)
    if deployment is None:
        raise NotFound(KIND, str(uid))
    return view(transaction, deployment, now)


def page(
    transaction: Transaction,
    parent: GroupName | VersionName,
    after: Position | None,
    limit: int,
    now: datetime,
    *,
    descending: bool,
) -> list[DeploymentView]:
    """Up to `limit` deployments of a resource group or of a version, by name, beyond `after`. Raises NotFound."""
    if isinstance(parent, GroupName):
        of: GroupName | UUID = groups.require(transaction, parent).name
    else:
        of = require_version(transaction, parent).uid
    found = deployments.page(transaction, of, after, limit, descending=descending)
    return [view(transaction, deployment, now) for deployment in found]


def update(
    transaction: Transaction, name: DeploymentName, change: Change[Deployment, DeploymentSpec], now: datetime
) -> DeploymentView:
    """Change a deployment; another version or region is resolved anew.

    Raises NotFound, MoveNotSupported, EtagMismatch, what `change` refuses, and as `resolving.resolve`.
    """
    before = find(transaction, name)
    check_uid(KIND, str(before.name), before.uid, change.uid)
    check_etag(str(before.name), change.etag, before.etag)
    spec = change.apply(before)
    after = replace(before, spec=spec, update_time=now, etag=new_etag())
    if (spec.version, spec.region) != (before.spec.version, before.spec.region):
        version, settled = _resolved(transaction, spec, now)
        after = replace(after, version_uid=version.uid, spec=settled)
    deployments.change(transaction, after)
    return view(transaction, after, now)


def remove(transaction: Transaction, name: DeploymentName, etag: str) -> None:
    """Take a deployment out of the register. Raises NotFound, EtagMismatch."""
    deployment = find(transaction, name)
    check_etag(str(deployment.name), etag, deployment.etag)
    deployments.drop(transaction, deployment.uid)


def view(transaction: Transaction, deployment: Deployment, now: datetime) -> DeploymentView:
    """A deployment with what there is to say of its version at `now`."""
    version = versions.find_by_uid(transaction, deployment.version_uid)
    if version is None or version.state is VersionState.DELETING:
        return DeploymentView(deployment, True, ())
    return DeploymentView(deployment, False, warnings_of(transaction, version, now))


def _resolved(transaction: Transaction, spec: DeploymentSpec, now: datetime) -> tuple[AnyVersion, DeploymentSpec]:
    """The version that a spec means, and the spec that names it by its number."""
    name = parse_version_or_latest(f"{FIELD}.version", spec.version, artifact_of(spec.version))
    version = resolve(transaction, name, spec.region, now).version
    return version, replace(spec, version=str(version.name))
