"""Deployments: what runs from a version, and so keeps it from being deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from galleria_server.domain.names import DeploymentName
from galleria_server.domain.tags import Tags, check_tags
from galleria_server.domain.validation import Violations, check_required


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """What its owner says of a deployment; `version` has an exact number once it is registered."""

    version: str = ""
    region: str = ""
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment, in `group_uid`, of the version with `version_uid`, which may be gone."""

    uid: UUID
    group_uid: UUID
    name: DeploymentName
    version_uid: UUID
    spec: DeploymentSpec
    create_time: datetime
    update_time: datetime
    etag: str


def check(path: str, spec: DeploymentSpec) -> Violations:
    """What is wrong with a deployment, whatever else there is."""
    return [
        *check_required(f"{path}.version", spec.version),
        *check_required(f"{path}.region", spec.region),
        *check_tags(f"{path}.tags", spec.tags),
    ]
