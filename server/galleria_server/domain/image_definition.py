"""Image definitions: what may be said of one, and what may be changed later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from galleria_server.domain import limits
from galleria_server.domain.definition import Definition
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.gallery import MAX_DESCRIPTION, Permissions
from galleria_server.domain.image_features import SECURITY_TYPE, Feature, check_features, spelled
from galleria_server.domain.placement import Account
from galleria_server.domain.policies import RetentionPolicy, SpreadPolicy, check_retention, check_spread
from galleria_server.domain.tags import Tags, check_tags
from galleria_server.domain.validation import (
    Violations,
    check_count,
    check_distinct,
    check_identifier,
    check_length,
    check_range,
    check_uri,
)

MAX_PUBLISHER = limits.number("publisher")
MAX_OFFER = limits.number("offer")
MAX_SKU = limits.number("sku")
MAX_PLAN = limits.number("purchase_plan")
MAX_EULA = limits.number("eula")
VCPUS = (1, limits.number("recommended_vcpus"))
MEMORY_GIB = (1, limits.number("recommended_memory"))


class OsType(Enum):
    """Family of an operating system."""

    LINUX = "Linux"
    WINDOWS = "Windows"


class OsState(Enum):
    """Whether machine-specific data was removed."""

    GENERALIZED = "Generalized"
    SPECIALIZED = "Specialized"


class Generation(Enum):
    """Firmware generation."""

    V1 = "V1"
    V2 = "V2"


class Architecture(Enum):
    """Processor family."""

    X64 = "x64"
    ARM64 = "Arm64"


class EndOfLifePolicy(Enum):
    """What the end of life of a version means to who deploys it."""

    INFORM = "Inform"
    WARN = "Warn"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Identifier:
    """What the image is; unique in its gallery."""

    publisher: str
    offer: str
    sku: str

    def __str__(self) -> str:
        return f"{self.publisher}/{self.offer}/{self.sku}"


@dataclass(frozen=True, slots=True)
class Range:
    """A range of numbers, both ends included; None is open."""

    min: int | None = None
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Recommended:
    """The machines that the image is for: virtual processors, and GiB of memory."""

    vcpus: Range = Range()
    memory_gib: Range = Range()


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """The plan under which the image is sold."""

    name: str
    publisher: str
    product: str


@dataclass(frozen=True, slots=True)
class DefinitionSpec:
    """What its owner says of an image definition."""

    os_type: OsType
    os_state: OsState
    identifier: Identifier
    description: str = ""
    tags: Tags = field(default_factory=dict)
    hyper_v_generation: Generation = Generation.V2
    architecture: Architecture = Architecture.X64
    features: tuple[Feature, ...] = ()
    recommended: Recommended = Recommended()
    disallowed_disk_types: tuple[Account, ...] = ()
    purchase_plan: PurchasePlan | None = None
    eula: str = ""
    privacy_statement_uri: str = ""
    release_note_uri: str = ""
    end_of_life_time: datetime | None = None
    end_of_life_policy: EndOfLifePolicy = EndOfLifePolicy.INFORM
    retention_policy: RetentionPolicy | None = None
    spread_policy: SpreadPolicy | None = None


IMMUTABLE = (
    "os_type",
    "os_state",
    "identifier",
    "hyper_v_generation",
    "architecture",
    "purchase_plan",
    "eula",
    "privacy_statement_uri",
)
GUARDED = ("features",)
"""What may be changed only by a request that says so, as versions are tested against it."""


ImageDefinition = Definition[DefinitionSpec]


def check(path: str, spec: DefinitionSpec) -> Violations:
    """What is wrong with an image definition, whatever else there is."""
    return [
        *check_identifier(f"{path}.identifier.publisher", spec.identifier.publisher, MAX_PUBLISHER),
        *check_identifier(f"{path}.identifier.offer", spec.identifier.offer, MAX_OFFER),
        *check_identifier(f"{path}.identifier.sku", spec.identifier.sku, MAX_SKU),
        *check_length(f"{path}.description", spec.description, MAX_DESCRIPTION),
        *check_tags(f"{path}.tags", spec.tags),
        *check_features(f"{path}.features", spec.features, spec.hyper_v_generation is Generation.V2),
        *_check_range(f"{path}.recommended.vcpus", spec.recommended.vcpus, VCPUS),
        *_check_range(f"{path}.recommended.memory_gib", spec.recommended.memory_gib, MEMORY_GIB),
        *check_count(f"{path}.disallowed_disk_types", spec.disallowed_disk_types, len(Account)),
        *check_distinct(f"{path}.disallowed_disk_types", [kind.value for kind in spec.disallowed_disk_types]),
        *_check_plan(f"{path}.purchase_plan", spec.purchase_plan),
        *check_length(f"{path}.eula", spec.eula, MAX_EULA),
        *check_uri(f"{path}.privacy_statement_uri", spec.privacy_statement_uri),
        *check_uri(f"{path}.release_note_uri", spec.release_note_uri),
        *check_retention(f"{path}.retention_policy", spec.retention_policy),
        *check_spread(f"{path}.spread_policy", spec.spread_policy),
    ]


def settled(spec: DefinitionSpec) -> DefinitionSpec:
    """The spec with what follows from it: UEFI images without a security type support trusted launch.

    So it is in Azure's API from 2025-03-03 on; `Standard` opts out.
    """
    features = spelled(spec.features)
    if spec.hyper_v_generation is Generation.V2 and all(feature.name != SECURITY_TYPE for feature in features):
        features = (Feature(SECURITY_TYPE, "TrustedLaunchSupported"), *features)
    return replace(spec, features=features)


def check_in_gallery(path: str, spec: DefinitionSpec, permissions: Permissions) -> Violations:
    """Features that machines elsewhere cannot do without are for private galleries only."""
    if permissions is Permissions.PRIVATE:
        return []
    return [
        FieldViolation(
            f"{path}.features[{i}].value",
            f"{feature.value} is for private galleries only, this one is {permissions.value}; use {feature.shareable}",
        )
        for i, feature in enumerate(spelled(spec.features))
        if feature.shareable
    ]


def _check_range(path: str, given: Range, bounds: tuple[int, int]) -> Violations:
    ends = [(name, end) for name, end in (("min", given.min), ("max", given.max)) if end is not None]
    violations = [wrong for name, end in ends for wrong in check_range(f"{path}.{name}", end, *bounds)]
    if given.min is not None and given.max is not None and given.min > given.max:
        violations.append(FieldViolation(f"{path}.min", f"{given.min} must not exceed max, which is {given.max}"))
    return violations


def _check_plan(path: str, plan: PurchasePlan | None) -> Violations:
    if plan is None:
        return []
    parts = (("name", plan.name), ("publisher", plan.publisher), ("product", plan.product))
    return [wrong for name, text in parts for wrong in check_identifier(f"{path}.{name}", text, MAX_PLAN)]
