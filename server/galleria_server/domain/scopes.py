"""Scopes: the resources that locks are put on, each within another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.names import (
    MAX_SHOWN,
    Artifact,
    DefinitionName,
    DeploymentName,
    DiskName,
    GalleryName,
    GroupName,
    SubscriptionName,
    VersionName,
    artifact_of,
    fold,
    parse_definition,
    parse_deployment,
    parse_disk,
    parse_gallery,
    parse_group,
    parse_subscription,
    parse_version,
)

Scope = SubscriptionName | GroupName | GalleryName | DefinitionName | VersionName | DiskName | DeploymentName
"""What a write is about, and what a lock is on. A version's name has a number."""

_PARSERS: Mapping[str, Callable[[str, str], Scope]] = {
    "subscriptions": parse_subscription,
    fold("resourceGroups"): parse_group,
    "galleries": parse_gallery,
    **{artifact.value: lambda field, text: parse_definition(field, text, artifact_of(text)) for artifact in Artifact},
    "versions": lambda field, text: parse_version(field, text, artifact_of(text)),
    "disks": parse_disk,
    "deployments": parse_deployment,
}
KINDS = (
    "subscription, resource group, gallery, image definition, image version, application, application version, disk, "
    "deployment"
)


def parse_scope(field: str, text: str) -> Scope:
    """The scope that `text` names. Raises InvalidRequest for `field`."""
    collection = fold(text).rpartition("/")[0].rpartition("/")[2]
    if collection not in _PARSERS:
        raise InvalidRequest((FieldViolation(field, f"{text[:MAX_SHOWN]!r} must be the name of one of: {KINDS}"),))
    return _PARSERS[collection](field, text)
