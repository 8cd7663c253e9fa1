"""Tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "gallery": {"Name": "name", "Location": "location", "State": "provisioningState", "Description": "description"},
    "image-definition": {
        "Name": "name",
        "Os": "osType",
        "OsState": "osState",
        "Publisher": "identifier.publisher",
        "Offer": "identifier.offer",
        "Sku": "identifier.sku",
        "State": "provisioningState",
    },
    "image-version": {
        "Name": "name",
        "State": "provisioningState",
        "Regions": "join(' ', replication[].join('=', [region, to_string(readyReplicas)]))",
        "SizeBytes": "sizeBytes",
        "OccupiedBytes": "occupiedBytes",
        "Digest": "digest",
    },
    "resolved": {"Version": "version", "Reason": "reason", "Skipped": "skippedCount"},
    "alias": {"Name": "name", "Version": "version", "Moved": "updateTime"},
    "alias-move": {"Version": "version", "Time": "moveTime"},
    "policy-outcome": {
        "Changed": "changedCount",
        "Kept": "keptCount",
        "SavedBytes": "savedBytes",
        "AddedBytes": "addedBytes",
    },
    "retention": {"KeepLast": "keepLast", "KeepDays": "keepDays", "KeepLabels": "join(' ', keepLabels)"},
    "spread": {"Newest": "newest", "Regions": "join(' ', targetRegions[].region)"},
    "soft-deleted-version": {
        "Name": "name",
        "SoftDeleteTime": "softDeleteTime",
        "ConsumptionEndTime": "consumptionEndTime",
        "HardDeletionTime": "hardDeletionTime",
        "OccupiedBytes": "occupiedBytes",
    },
    "deployment": {
        "Name": "name",
        "Version": "version",
        "Region": "region",
        "VersionDeleted": "versionDeleted",
        "Created": "createTime",
    },
    "application": {"Name": "name", "Os": "osType", "State": "provisioningState", "Description": "description"},
    "application-version": {
        "Name": "name",
        "State": "provisioningState",
        "Regions": "join(' ', replication[].join('=', [region, to_string(readyReplicas)]))",
        "PackageBytes": "packageFile.sizeBytes",
        "ConfigurationBytes": "configurationFile.sizeBytes",
        "Sha256": "packageFile.sha256",
    },
    "machine": {
        "Application": "application",
        "Version": "version",
        "Action": "action",
        "State": "state",
        "ExitCode": "exitCode",
        "Details": "details",
    },
    "disk": {
        "Name": "name",
        "Location": "location",
        "State": "state",
        "SizeBytes": "sizeBytes",
        "OccupiedBytes": "occupiedBytes",
        "Digest": "digest",
    },
    "operation": {"Name": "name", "Done": "done", "Verb": "metadata.verb", "Target": "metadata.target"},
    "region": {"Name": "name", "DisplayName": "displayName", "Zones": "join(' ', zones)", "Tiers": "join(' ', tiers)"},
    "region-access": {"Name": "name", "State": "state", "Justification": "justification", "Reason": "reason"},
    "region-status": {"Region": "region", "Restricted": "restricted", "Down": "down", "Reason": "reason"},
    "usage": {"Name": "displayName", "CurrentValue": "currentValue", "Limit": "limit"},
    "limit": {
        "Name": "name",
        "Value": "value",
        "Default": "defaultValue",
        "Unit": "unit",
        "Scope": "scope",
        "Source": "source",
    },
    "tenant": {"Name": "name", "DisplayName": "displayName"},
    "subscription": {"Name": "name", "DisplayName": "displayName", "Tenant": "tenant"},
    "resource-group": {"Name": "name"},
    "lock": {"Name": "name", "Level": "level", "Scope": "scope", "Notes": "notes"},
    "volume": {
        "Name": "name",
        "Zone": "zone",
        "State": "state",
        "LogicalBytes": "logicalBytes",
        "OccupiedBytes": "occupiedBytes",
        "StoredBytes": "storedBytes",
        "FreeBytes": "freeBytes",
    },
    "collection": {
        "Packs": "packs",
        "PacksBytes": "packsBytes",
        "GarbageBytes": "garbageBytes",
        "CondemnedBytes": "condemnedBytes",
        "RemovedBytes": "removedBytes",
        "HeldPacks": "heldPacks",
        "RewrittenBytes": "rewrittenBytes",
    },
    "root": {
        "Name": "name",
        "Resource": "resource",
        "Owner": "owner",
        "SizeBytes": "sizeBytes",
        "OccupiedBytes": "occupiedBytes",
        "Missing": "missing",
        "Problem": "problem",
    },
    "scrub": {
        "Packs": "packs",
        "ReadBytes": "readBytes",
        "BadRecords": "badRecords",
        "HealedRecords": "healedRecords",
        "DamagedPacks": "damagedPacks",
        "LostPacks": "lostPacks",
        "DamagedRoots": "length(damagedRoots)",
    },
    "verification": {
        "Roots": "roots",
        "Chunks": "chunks",
        "Missing": "missing",
        "DamagedRoots": "length(damagedRoots)",
        "LiveBytes": "account.liveBytes",
        "GarbageBytes": "account.garbageBytes",
        "StoredBytes": "account.storedBytes",
    },
}

_PREFIXES: Final = (
    "PROVISIONING_STATE_",
    "STATE_",
    "OS_TYPE_",
    "OS_STATE_",
    "COPY_STATE_",
    "ACCESS_STATE_",
    "LIMIT_UNIT_",
    "LIMIT_SCOPE_",
    "LOCK_LEVEL_",
)


def columns_of(kind: str) -> Mapping[str, str] | None:
    """Heading and JMESPath of each column of a kind of resource; None when it has no table of its own."""
    return _COLUMNS.get(kind)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns under headings and a rule; numbers to the right. Empty when there are no columns."""
    if not headings:
        return ""
    cells = [list(headings), *([short(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    right = [bool(rows) and all(row[column].isdigit() for row in cells[1:]) for column in range(len(headings))]
    lines = [_line(row, widths, right) for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def key_values(pairs: Mapping[str, str]) -> str:
    """A line for each pair."""
    width = max(map(len, pairs), default=0)
    return "\n".join(f"{key.ljust(width)}  {short(value)}".rstrip() for key, value in pairs.items())


def short(value: str) -> str:
    """A value as a table shows it: of an enum the part that says something, of a name its last part."""
    for prefix in _PREFIXES:
        if value.startswith(prefix):
            return value.removeprefix(prefix).capitalize()
    return value.rsplit("/", 1)[-1] if value.startswith(("subscriptions/", "regions/", "tenants/")) else value


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(row, widths, right, strict=True)
    )
    return "  ".join(cells).rstrip()
