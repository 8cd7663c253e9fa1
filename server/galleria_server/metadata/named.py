"""Resources by their names: conditions with parameters, and the values of these.

Statements are made once with them: to put one together takes longer than to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import bindparam

from galleria_server.domain.names import (
    DefinitionName,
    DeploymentName,
    DiskName,
    GalleryName,
    GroupName,
    SubscriptionName,
    VersionName,
    VersionNumber,
    fold,
)
from galleria_server.domain.scopes import Scope
from galleria_server.metadata.tables import definitions, galleries, resource_groups, versions

OF_GROUP = (
    resource_groups.c.subscription == bindparam("subscription"),
    resource_groups.c.key == bindparam("group"),
)
OF_GALLERY = (*OF_GROUP, galleries.c.key == bindparam("gallery"))
OF_DEFINITION = (
    *OF_GALLERY,
    definitions.c.artifact == bindparam("artifact"),
    definitions.c.key == bindparam("definition"),
)
OF_VERSION = (*OF_DEFINITION, *(versions.c[part] == bindparam(part) for part in VersionNumber._fields))


def values_of(name: Scope) -> dict[str, object]:
    """The values for a name and for those that it lies in."""
    return _VALUES[type(name)](name)


def _version_values(name: VersionName) -> dict[str, object]:
    if name.number is None:
        raise ValueError(name)
    return {**values_of(name.definition), **name.number._asdict()}


def _definition_values(name: DefinitionName) -> dict[str, object]:
    return {**values_of(name.gallery), "artifact": name.artifact, "definition": fold(name.id)}


_VALUES: Mapping[type[Scope], Callable[[Any], dict[str, object]]] = {
    SubscriptionName: lambda name: {"subscription": name.subscription},
    GroupName: lambda name: {"subscription": name.subscription, "group": fold(name.group)},
    GalleryName: lambda name: {**values_of(name.group), "gallery": fold(name.gallery)},
    DefinitionName: _definition_values,
    VersionName: _version_values,
    DiskName: lambda name: {**values_of(name.group), "disk": fold(name.disk)},
    DeploymentName: lambda name: {**values_of(name.group), "deployment": fold(name.deployment)},
}
