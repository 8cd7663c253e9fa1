"""Every limit of the contract. Whoever needs one of these numbers takes it from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class Unit(Enum):
    """What a limit counts."""

    COUNT = "Count"
    BYTES = "Bytes"
    CHARACTERS = "Characters"
    DAYS = "Days"
    GIBIBYTES = "Gibibytes"


class Scope(Enum):
    """What a limit is counted in."""

    SUBSCRIPTION_REGION = "SubscriptionAndRegion"
    GALLERY = "Gallery"
    VERSION = "Version"
    VERSION_REGION = "VersionAndRegion"
    MACHINE = "Machine"
    RESOURCE = "Resource"
    REQUEST = "Request"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: at `number` it still works, one over is refused.

    Attributes:
        key: stable name.
        display_name: what it counts, for people.
        source: the document that the number is from.
        highest: what an operator may set it to for one subscription; None: it is the same for all.
    """

    key: str
    display_name: str
    number: int
    unit: Unit
    scope: Scope
    source: str
    highest: int | None = None


_AZURE = "Azure Compute Gallery, limits"
_SHARE = "Azure Compute Gallery, direct shared gallery, limitations"
_APPLICATIONS = "Azure VM Applications, limitations"
_VERSION = "Azure Compute Gallery API, image version"
_DEFINITION = "Azure Compute Gallery API, image definition"
_NAMES = "Azure resource names, rules and restrictions"
_TAGS = "Azure Resource Manager, limits of tags"
_OWN = "Galleria: Azure documents none"
# So many are counted in some 7 ms, with every creation.
_COUNTABLE: Final = 100_000
_TWO_TEBIBYTES, _GIBIBYTE = 2 << 40, 1 << 30
_COUNT, _BYTES, _CHARACTERS = Unit.COUNT, Unit.BYTES, Unit.CHARACTERS
_SUBSCRIPTION, _RESOURCE, _REQUEST = Scope.SUBSCRIPTION_REGION, Scope.RESOURCE, Scope.REQUEST

GALLERIES: Final = Limit("galleries", "Galleries", 100, _COUNT, _SUBSCRIPTION, _AZURE, _COUNTABLE)
IMAGE_DEFINITIONS: Final = Limit(
    "image_definitions", "Image definitions", 1_000, _COUNT, _SUBSCRIPTION, _AZURE, _COUNTABLE
)
IMAGE_VERSIONS: Final = Limit("image_versions", "Image versions", 10_000, _COUNT, _SUBSCRIPTION, _AZURE, _COUNTABLE)
IMAGE_REPLICAS: Final = Limit(
    "replicas_per_image_version", "Replicas of an image version", 100, _COUNT, Scope.VERSION, _AZURE, 100
)
APPLICATION_VERSIONS: Final = Limit(
    "application_versions", "VM application versions", 300, _COUNT, _SUBSCRIPTION, _APPLICATIONS, _COUNTABLE
)
COUNTED: Final = (GALLERIES, IMAGE_DEFINITIONS, IMAGE_VERSIONS, APPLICATION_VERSIONS)
"""What is counted per subscription and region, by the location of each resource."""

_OTHERS = (
    Limit(
        "application_replicas_per_region",
        "Replicas of an application version in a region",
        10,
        _COUNT,
        Scope.VERSION_REGION,
        _APPLICATIONS,
    ),
    Limit("applications_per_machine", "Applications of a machine", 25, _COUNT, Scope.MACHINE, _APPLICATIONS),
    Limit("package_bytes", "Package of an application", 2 * _GIBIBYTE, _BYTES, Scope.VERSION, _APPLICATIONS),
    Limit("configuration_bytes", "Default configuration", _GIBIBYTE, _BYTES, Scope.VERSION, _APPLICATIONS),
    Limit("application_command", "Command of an application", 4_096, _CHARACTERS, Scope.VERSION, _APPLICATIONS),
    Limit("application_file_name", "File name of a package", 4_096, _CHARACTERS, Scope.VERSION, _APPLICATIONS),
    Limit("custom_actions", "Custom actions, and parameters of one", 64, _COUNT, _RESOURCE, _OWN),
    Limit("custom_action_name", "Name of a custom action or parameter", 128, _CHARACTERS, _RESOURCE, _OWN),
    Limit("advanced_settings", "Advanced settings of an application version", 64, _COUNT, Scope.VERSION, _OWN),
    Limit("advanced_setting_name", "Name of an advanced setting", 128, _CHARACTERS, Scope.VERSION, _OWN),
    Limit("advanced_setting_value", "Value of an advanced setting", 1_024, _CHARACTERS, Scope.VERSION, _OWN),
    Limit("signature", "Signature of an image version", 65_536, _CHARACTERS, Scope.VERSION, _OWN),
    Limit("shared_subscriptions", "Subscriptions that a gallery is shared with", 30, _COUNT, Scope.GALLERY, _SHARE),
    Limit("shared_tenants", "Tenants that a gallery is shared with", 5, _COUNT, Scope.GALLERY, _SHARE),
    Limit("disk_bytes", "Disk", _TWO_TEBIBYTES, _BYTES, _RESOURCE, "Azure Compute Gallery, image versions, up to 2 TB"),
    Limit(
        "data_disks_per_image_version",
        "Data disks of an image version",
        64,
        _COUNT,
        Scope.VERSION,
        "Azure virtual machines, logical unit numbers 0 to 63",
    ),
    Limit("uefi_keys", "UEFI keys of a kind", 64, _COUNT, Scope.VERSION, _OWN),
    Limit("uefi_value", "Value of a UEFI key", 65_536, _CHARACTERS, Scope.VERSION, _OWN),
    Limit("version_number", "Each number of a version", 2_147_483_647, _COUNT, _RESOURCE, _VERSION),
    Limit("resource_group_name", "Name of a resource group", 90, _CHARACTERS, _RESOURCE, _NAMES),
    Limit("gallery_name", "Name of a gallery", 80, _CHARACTERS, _RESOURCE, _NAMES),
    Limit("image_definition_name", "Name of an image definition", 80, _CHARACTERS, _RESOURCE, _NAMES),
    Limit("application_name", "Name of an application", 117, _CHARACTERS, _RESOURCE, _APPLICATIONS),
    Limit("disk_name", "Name of a disk", 80, _CHARACTERS, _RESOURCE, _NAMES),
    Limit("display_name", "Display name", 64, _CHARACTERS, _RESOURCE, _OWN),
    Limit("description", "Description", 1_024, _CHARACTERS, _RESOURCE, _OWN),
    Limit("reason", "Reason or justification", 1_024, _CHARACTERS, _REQUEST, _OWN),
    Limit("contact", "E-mail address of a publisher", 254, _CHARACTERS, _RESOURCE, "RFC 5321, length of a path"),
    Limit("uri", "URI", 2_048, _CHARACTERS, _RESOURCE, _OWN),
    Limit("eula", "Licence agreement", 2_048, _CHARACTERS, _RESOURCE, _OWN),
    Limit("publisher", "Publisher of an image", 128, _CHARACTERS, _RESOURCE, _DEFINITION),
    Limit("offer", "Offer of an image", 64, _CHARACTERS, _RESOURCE, _DEFINITION),
    Limit("sku", "SKU of an image", 64, _CHARACTERS, _RESOURCE, _DEFINITION),
    Limit("purchase_plan", "Each part of a purchase plan", 128, _CHARACTERS, _RESOURCE, _OWN),
    Limit("recommended_vcpus", "Recommended virtual processors", 80, _COUNT, _RESOURCE, _DEFINITION),
    Limit("recommended_memory", "Recommended memory", 640, Unit.GIBIBYTES, _RESOURCE, _DEFINITION),
    Limit("features", "Features of an image definition", 32, _COUNT, _RESOURCE, _OWN),
    Limit("feature_value", "Value of a feature", 256, _CHARACTERS, _RESOURCE, _OWN),
    Limit("soft_delete_days", "Days of retention, or of grace", 365, Unit.DAYS, Scope.GALLERY, _OWN),
    Limit("tags", "Tags of a resource", 50, _COUNT, _RESOURCE, _TAGS),
    Limit("tag_name", "Name of a tag", 512, _CHARACTERS, _RESOURCE, _TAGS),
    Limit("tag_value", "Value of a tag", 256, _CHARACTERS, _RESOURCE, _TAGS),
    Limit("lock_notes", "Notes of a lock", 512, _CHARACTERS, _RESOURCE, "Azure Resource Manager, management locks"),
    Limit("alias_moves", "Remembered moves of an alias", 1_000, _COUNT, _RESOURCE, _OWN),
    Limit("retention_versions", "Versions that a policy keeps of a minor line", 1_000, _COUNT, _RESOURCE, _OWN),
    Limit("retention_days", "Days for which a policy keeps versions", 3_650, Unit.DAYS, _RESOURCE, _OWN),
    Limit("retention_labels", "Labels whose versions a policy keeps", 50, _COUNT, _RESOURCE, _OWN),
    Limit("spread_newest", "Newest versions that a policy spreads", 100, _COUNT, _RESOURCE, _OWN),
    Limit("spread_regions", "Regions that a policy spreads to", 100, _COUNT, _RESOURCE, _OWN),
    Limit("deletion_names", "Names of a kind that a deletion tells", 1_000, _COUNT, _REQUEST, _OWN),
    Limit("page_size", "Items of a page", 1_000, _COUNT, _REQUEST, _OWN),
    Limit("filter", "Filter of a list", 2_000, _CHARACTERS, _REQUEST, _OWN),
    Limit("filter_terms", "Comparisons of a filter", 50, _COUNT, _REQUEST, _OWN),
    Limit("filter_depth", "Parentheses around a comparison of a filter", 20, _COUNT, _REQUEST, _OWN),
)

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {limit.key: limit for limit in (*COUNTED, IMAGE_REPLICAS, *_OTHERS)},
)
"""All limits by key."""


def number(key: str) -> int:
    """The number of a limit that is the same for all."""
    return LIMITS[key].number
