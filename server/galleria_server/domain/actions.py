"""What each call does, by the names that roles and the activity log use.

Actions on what Azure has are spelled as there; what only who runs the installation may do begins with `Galleria/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OPERATORS = "Galleria/"
_AUTHORIZATION = "Microsoft.Authorization"
_COMPUTE = "Microsoft.Compute"
_RESOURCES = "Microsoft.Resources"

_GALLERIES = {
    "CreateGallery": f"{_COMPUTE}/galleries/write",
    "GetGallery": f"{_COMPUTE}/galleries/read",
    "ListGalleries": f"{_COMPUTE}/galleries/read",
    "UpdateGallery": f"{_COMPUTE}/galleries/write",
    "DeleteGallery": f"{_COMPUTE}/galleries/delete",
    "DeleteGalleryTree": f"{_COMPUTE}/galleries/delete",
    "CreateImageDefinition": f"{_COMPUTE}/galleries/images/write",
    "GetImageDefinition": f"{_COMPUTE}/galleries/images/read",
    "ListImageDefinitions": f"{_COMPUTE}/galleries/images/read",
    "UpdateImageDefinition": f"{_COMPUTE}/galleries/images/write",
    "DeleteImageDefinition": f"{_COMPUTE}/galleries/images/delete",
    "DeleteImageDefinitionTree": f"{_COMPUTE}/galleries/images/delete",
    "CreateImageVersion": f"{_COMPUTE}/galleries/images/versions/write",
    "GetImageVersion": f"{_COMPUTE}/galleries/images/versions/read",
    "ListImageVersions": f"{_COMPUTE}/galleries/images/versions/read",
    "UpdateImageVersion": f"{_COMPUTE}/galleries/images/versions/write",
    "AddTargetRegions": f"{_COMPUTE}/galleries/images/versions/write",
    "RemoveTargetRegions": f"{_COMPUTE}/galleries/images/versions/write",
    "SetReplicaCount": f"{_COMPUTE}/galleries/images/versions/write",
    "DeleteImageVersion": f"{_COMPUTE}/galleries/images/versions/delete",
    "RestoreImageVersion": f"{_COMPUTE}/galleries/images/versions/write",
    "PurgeImageVersion": f"{_COMPUTE}/galleries/images/versions/delete",
    "ListSoftDeletedImageVersions": f"{_COMPUTE}/galleries/softDeletedArtifactTypes/artifacts/versions/read",
    "ResolveImageVersion": f"{_COMPUTE}/galleries/images/versions/read",
}
_APPLICATIONS = {
    "CreateApplication": f"{_COMPUTE}/galleries/applications/write",
    "GetApplication": f"{_COMPUTE}/galleries/applications/read",
    "ListApplications": f"{_COMPUTE}/galleries/applications/read",
    "UpdateApplication": f"{_COMPUTE}/galleries/applications/write",
    "DeleteApplication": f"{_COMPUTE}/galleries/applications/delete",
    "CreateApplicationVersion": f"{_COMPUTE}/galleries/applications/versions/write",
    "GetApplicationVersion": f"{_COMPUTE}/galleries/applications/versions/read",
    "ListApplicationVersions": f"{_COMPUTE}/galleries/applications/versions/read",
    "UpdateApplicationVersion": f"{_COMPUTE}/galleries/applications/versions/write",
    "AddApplicationTargetRegions": f"{_COMPUTE}/galleries/applications/versions/write",
    "RemoveApplicationTargetRegions": f"{_COMPUTE}/galleries/applications/versions/write",
    "SetApplicationReplicaCount": f"{_COMPUTE}/galleries/applications/versions/write",
    "DeleteApplicationVersion": f"{_COMPUTE}/galleries/applications/versions/delete",
    "ResolveApplicationVersion": f"{_COMPUTE}/galleries/applications/versions/read",
}
_DISKS = {
    "CreateDisk": f"{_COMPUTE}/disks/write",
    "GetDisk": f"{_COMPUTE}/disks/read",
    "ListDisks": f"{_COMPUTE}/disks/read",
    "DeleteDisk": f"{_COMPUTE}/disks/delete",
    "BeginPush": f"{_COMPUTE}/disks/upload/action",
    "GetPush": f"{_COMPUTE}/disks/upload/action",
    "Push": f"{_COMPUTE}/disks/upload/action",
    "PushRaw": f"{_COMPUTE}/disks/upload/action",
    "CommitPush": f"{_COMPUTE}/disks/upload/action",
    "AbortPush": f"{_COMPUTE}/disks/upload/action",
}
_TENANCY = {
    "CreateTenant": f"{OPERATORS}tenants/write",
    "GetTenant": f"{OPERATORS}tenants/read",
    "ListTenants": f"{OPERATORS}tenants/read",
    "DeleteTenant": f"{OPERATORS}tenants/delete",
    "CreateSubscription": f"{OPERATORS}subscriptions/write",
    "GetSubscription": f"{_RESOURCES}/subscriptions/read",
    "ListSubscriptions": f"{_RESOURCES}/subscriptions/read",
    "UpdateSubscription": f"{OPERATORS}subscriptions/write",
    "DeleteSubscription": f"{OPERATORS}subscriptions/delete",
    "CreateResourceGroup": f"{_RESOURCES}/subscriptions/resourceGroups/write",
    "GetResourceGroup": f"{_RESOURCES}/subscriptions/resourceGroups/read",
    "ListResourceGroups": f"{_RESOURCES}/subscriptions/resourceGroups/read",
    "UpdateResourceGroup": f"{_RESOURCES}/subscriptions/resourceGroups/write",
    "DeleteResourceGroup": f"{_RESOURCES}/subscriptions/resourceGroups/delete",
}
_ALIASES = {
    "SetAlias": f"{_COMPUTE}/galleries/aliases/write",
    "GetAlias": f"{_COMPUTE}/galleries/aliases/read",
    "ListAliases": f"{_COMPUTE}/galleries/aliases/read",
    "ListAliasMoves": f"{_COMPUTE}/galleries/aliases/read",
    "DeleteAlias": f"{_COMPUTE}/galleries/aliases/delete",
}
_CONTENTS = {
    "GetLayout": f"{_COMPUTE}/galleries/images/versions/download/action",
    "ReadPages": f"{_COMPUTE}/galleries/images/versions/download/action",
    "ReadChunks": f"{_COMPUTE}/galleries/images/versions/download/action",
    "ReadRange": f"{_COMPUTE}/galleries/images/versions/download/action",
    "Pull": f"{_COMPUTE}/galleries/images/versions/download/action",
}
_POLICIES = {
    "PreviewRetention": f"{_COMPUTE}/galleries/images/read",
    "ApplyRetention": f"{_COMPUTE}/galleries/images/applyRetention/action",
    "PreviewSpread": f"{_COMPUTE}/galleries/images/read",
    "ApplySpread": f"{_COMPUTE}/galleries/images/applySpread/action",
}
_DEPLOYMENTS = {
    "CreateDeployment": f"{_COMPUTE}/deployments/write",
    "GetDeployment": f"{_COMPUTE}/deployments/read",
    "ListDeployments": f"{_COMPUTE}/deployments/read",
    "UpdateDeployment": f"{_COMPUTE}/deployments/write",
    "DeleteDeployment": f"{_COMPUTE}/deployments/delete",
}
_WATCHES = {"WatchOperation": f"{_COMPUTE}/locations/capsOperations/read"}
_OPERATIONS = {
    "ListOperations": f"{_COMPUTE}/locations/capsOperations/read",
    "GetOperation": f"{_COMPUTE}/locations/capsOperations/read",
    "WaitOperation": f"{_COMPUTE}/locations/capsOperations/read",
    "CancelOperation": f"{_COMPUTE}/locations/capsOperations/cancel/action",
    "DeleteOperation": f"{_COMPUTE}/locations/capsOperations/delete",
}
_OPERATORS = {
    "ListVolumes": f"{OPERATORS}volumes/read",
    "GetVolume": f"{OPERATORS}volumes/read",
    "CollectVolume": f"{OPERATORS}volumes/collect/action",
    "ScrubVolume": f"{OPERATORS}volumes/scrub/action",
    "VerifyVolume": f"{OPERATORS}volumes/verify/action",
    "RebuildVolume": f"{OPERATORS}volumes/rebuild/action",
    "ListVolumeRoots": f"{OPERATORS}volumes/roots/read",
    "AdoptVolume": f"{OPERATORS}volumes/adopt/action",
    "AdoptVolumeRoot": f"{OPERATORS}volumes/roots/adopt/action",
    "ReleaseVolumeRoot": f"{OPERATORS}volumes/roots/release/action",
    "AbandonVolumeRoot": f"{OPERATORS}volumes/roots/abandon/action",
}
_REGIONS = {
    "RequestRegionAccess": f"{_RESOURCES}/subscriptions/regionAccess/request/action",
    "GetRegionAccess": f"{_RESOURCES}/subscriptions/regionAccess/read",
    "ListRegionAccess": f"{_RESOURCES}/subscriptions/regionAccess/read",
    "DecideRegionAccess": f"{OPERATORS}regionAccess/decide/action",
    "MarkRegion": f"{OPERATORS}regions/mark/action",
    "GetRegionStatus": f"{_RESOURCES}/subscriptions/locations/read",
}
_LOCKS = {
    "CreateLock": f"{_AUTHORIZATION}/locks/write",
    "GetLock": f"{_AUTHORIZATION}/locks/read",
    "ListLocks": f"{_AUTHORIZATION}/locks/read",
    "DeleteLock": f"{_AUTHORIZATION}/locks/delete",
}
_USAGES = {
    "ListUsages": f"{_COMPUTE}/locations/usages/read",
    "ListLimits": f"{_COMPUTE}/locations/usages/read",
    "SetLimit": f"{OPERATORS}limits/set/action",
    "ClearLimit": f"{OPERATORS}limits/clear/action",
}
_INSTALLATION = {
    "galleria.v1.Regions/ListRegions": f"{_RESOURCES}/subscriptions/locations/read",
    "galleria.v1.Servers/GetServerInfo": f"{OPERATORS}servers/info/read",
}
_SERVICES = {
    "galleria.v1.Galleries": _GALLERIES,
    "galleria.v1.Aliases": _ALIASES,
    "galleria.v1.Policies": _POLICIES,
    "galleria.v1.Deployments": _DEPLOYMENTS,
    "galleria.v1.OperationWatches": _WATCHES,
    "galleria.v1.Applications": _APPLICATIONS,
    "galleria.v1.Disks": _DISKS,
    "galleria.v1.Tenancy": _TENANCY,
    "galleria.v1.Contents": _CONTENTS,
    "galleria.v1.RegionControl": _REGIONS,
    "galleria.v1.Locks": _LOCKS,
    "galleria.v1.Usages": _USAGES,
    "galleria.v1.Operators": _OPERATORS,
    "google.longrunning.Operations": _OPERATIONS,
}

ACTIONS: Mapping[str, str] = MappingProxyType(
    {f"{service}/{method}": action for service, methods in _SERVICES.items() for method, action in methods.items()}
    | _INSTALLATION
)
"""Actions by service and method."""

CONTRACT = ("galleria.v1.", "google.longrunning.")
"""Packages whose calls have actions; the others, such as health and reflection, are about the server itself."""


_DELETIONS = frozenset(method.rpartition("/")[2] for method, action in ACTIONS.items() if action.endswith("/delete"))


def is_deletion(method: str) -> bool:
    """Whether a call, its method without the service, deletes what it is about."""
    return method in _DELETIONS


def action_of(method: str) -> str | None:
    """The action of a call, its method as gRPC spells it; None outside of the contract.

    Raises KeyError for a method of the contract that is bound to none.
    """
    path = method.removeprefix("/")
    return ACTIONS[path] if path.startswith(CONTRACT) else None
