"""Resource names (AIP-122): what they look like, and how they compare.

Names are shown as given and compare without case. Collection words may be written in any case too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation, InvalidRequest

LATEST = "latest"
MAX_NUMBER = limits.number("version_number")
MAX_SHOWN = 200


class Pattern(NamedTuple):
    """What one part of a name may be: `rule` says it to people."""

    expression: re.Pattern[str]
    rule: str


GROUP_ID = Pattern(
    re.compile(r"[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]"),
    "1 to 90 letters, digits, '_', '-', '.', '(' and ')', not ending in '.'",
)
GALLERY_ID = Pattern(
    re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.]{0,78}[A-Za-z0-9])?"),
    "1 to 80 letters, digits, '_' and '.', beginning and ending with a letter or digit",
)
IMAGE_ID = Pattern(
    re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9])?"),
    "1 to 80 letters, digits, '_', '.' and '-', beginning and ending with a letter or digit",
)
APPLICATION_ID = Pattern(
    re.compile(r"[A-Za-z0-9_.-]{0,116}[A-Za-z0-9_-]"),
    "1 to 117 letters, digits, '_', '-' and '.', not ending in '.'",
)
DISK_ID = Pattern(
    re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?"),
    "1 to 80 letters, digits, '_', '.' and '-', beginning with a letter or digit and not ending in '.' or '-'",
)
ALIAS_ID = Pattern(
    re.compile(r"(?!(?:latest|recent)$)[a-z][a-z0-9-]{0,62}", re.IGNORECASE | re.ASCII),
    "1 to 63 letters, digits and '-', beginning with a letter, and not latest or recent",
)
VERSION_ID = Pattern(
    re.compile(r"(?:0|[1-9][0-9]{0,9})(?:\.(?:0|[1-9][0-9]{0,9})){2}"),
    "three numbers of 0 to 2147483647 without leading zeros and with dots between, as in 1.0.0",
)


def fold(text: str) -> str:
    """What names are compared by."""
    return text.casefold()


def region_key(text: str) -> str:
    """The short name of a region as people write it: `East US` and `eastus` are one."""
    return "".join(text.split()).casefold()


class VersionNumber(NamedTuple):
    """A version's number; ordered as numbers."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class TenantName:
    """tenants/{t}."""

    tenant: UUID

    def __str__(self) -> str:
        return f"tenants/{self.tenant}"


@dataclass(frozen=True, slots=True)
class SubscriptionName:
    """subscriptions/{s}."""

    subscription: UUID

    def __str__(self) -> str:
        return f"subscriptions/{self.subscription}"


@dataclass(frozen=True, slots=True)
class AccessName:
    """subscriptions/{s}/regionAccess/{region}."""

    subscription: UUID
    region: str

    def __str__(self) -> str:
        return f"subscriptions/{self.subscription}/regionAccess/{self.region}"


@dataclass(frozen=True, slots=True)
class LimitName:
    """subscriptions/{s}/limits/{key}."""

    subscription: UUID
    key: str

    def __str__(self) -> str:
        return f"subscriptions/{self.subscription}/limits/{self.key}"


@dataclass(frozen=True, slots=True)
class GroupName:
    """subscriptions/{s}/resourceGroups/{rg}."""

    subscription: UUID
    group: str

    def __str__(self) -> str:
        return f"subscriptions/{self.subscription}/resourceGroups/{self.group}"


@dataclass(frozen=True, slots=True)
class GalleryName:
    """{group}/galleries/{gallery}."""

    group: GroupName
    gallery: str

    def __str__(self) -> str:
        return f"{self.group}/galleries/{self.gallery}"


class Artifact(Enum):
    """What a gallery holds, by the word that names have for it."""

    IMAGE = "images"
    APPLICATION = "applications"

    @property
    def version_kind(self) -> str:
        """What a version of it is, to people."""
        return "image version" if self is Artifact.IMAGE else "application version"


@dataclass(frozen=True, slots=True)
class DefinitionName:
    """{gallery}/images/{image} or {gallery}/applications/{application}."""

    gallery: GalleryName
    id: str
    artifact: Artifact = Artifact.IMAGE

    def __str__(self) -> str:
        return f"{self.gallery}/{self.artifact.value}/{self.id}"


@dataclass(frozen=True, slots=True)
class VersionName:
    """{definition}/versions/{version}; without a number it is an alias, or `latest` when that is empty."""

    definition: DefinitionName
    number: VersionNumber | None
    alias: str = ""

    def __str__(self) -> str:
        return f"{self.definition}/versions/{self.number or self.alias or LATEST}"


@dataclass(frozen=True, slots=True)
class AliasName:
    """{definition}/aliases/{alias}."""

    definition: DefinitionName
    alias: str

    def __str__(self) -> str:
        return f"{self.definition}/aliases/{self.alias}"


@dataclass(frozen=True, slots=True)
class DiskName:
    """{group}/disks/{disk}."""

    group: GroupName
    disk: str

    def __str__(self) -> str:
        return f"{self.group}/disks/{self.disk}"


@dataclass(frozen=True, slots=True)
class DeploymentName:
    """{group}/deployments/{deployment}."""

    group: GroupName
    deployment: str

    def __str__(self) -> str:
        return f"{self.group}/deployments/{self.deployment}"


_GROUP_WORDS = ("subscriptions", "resourceGroups")
_GALLERY_WORDS = (*_GROUP_WORDS, "galleries")
_DEFINITION_WORDS = {artifact: (*_GALLERY_WORDS, artifact.value) for artifact in Artifact}
_DEFINITION_IDS = {Artifact.IMAGE: IMAGE_ID, Artifact.APPLICATION: APPLICATION_ID}
_DISK_WORDS = (*_GROUP_WORDS, "disks")


def parse_tenant(field: str, text: str) -> TenantName:
    """The tenant that `text` names. Raises InvalidRequest for `field`, as all parsers here."""
    (part,) = _split(field, text, ("tenants",))
    return TenantName(parse_uuid(field, part))


def parse_subscription(field: str, text: str) -> SubscriptionName:
    """The subscription that `text` names."""
    (part,) = _split(field, text, ("subscriptions",))
    return SubscriptionName(parse_uuid(field, part))


def parse_access(field: str, text: str) -> AccessName:
    """The access to a region that `text` names."""
    subscription, region = _split(field, text, ("subscriptions", "regionAccess"))
    return AccessName(parse_uuid(field, subscription), region_key(region))


def parse_limit(field: str, text: str) -> LimitName:
    """The limit of a subscription that `text` names."""
    subscription, key = _split(field, text, ("subscriptions", "limits"))
    return LimitName(parse_uuid(field, subscription), fold(key))


def parse_group(field: str, text: str) -> GroupName:
    """The resource group that `text` names."""
    return _group(field, _split(field, text, _GROUP_WORDS))


def parse_gallery(field: str, text: str) -> GalleryName:
    """The gallery that `text` names."""
    return _gallery(field, _split(field, text, _GALLERY_WORDS))


def parse_image(field: str, text: str) -> DefinitionName:
    """The image definition that `text` names."""
    return parse_definition(field, text, Artifact.IMAGE)


def parse_application(field: str, text: str) -> DefinitionName:
    """The application that `text` names."""
    return parse_definition(field, text, Artifact.APPLICATION)


def parse_definition(field: str, text: str, artifact: Artifact) -> DefinitionName:
    """The image definition or application that `text` names."""
    return _definition(field, _split(field, text, _DEFINITION_WORDS[artifact]), artifact)


def parse_version(field: str, text: str, artifact: Artifact = Artifact.IMAGE) -> VersionName:
    """The version that `text` names; its last part must be a number."""
    parts = _split(field, text, (*_DEFINITION_WORDS[artifact], "versions"))
    return VersionName(_definition(field, parts, artifact), parse_number(field, parts[4]))


def parse_version_or_latest(field: str, text: str, artifact: Artifact = Artifact.IMAGE) -> VersionName:
    """The version that `text` names; its last part may be `latest` or an alias."""
    parts = _split(field, text, (*_DEFINITION_WORDS[artifact], "versions"))
    definition, last = _definition(field, parts, artifact), parts[4]
    if fold(last) == LATEST:
        return VersionName(definition, None)
    if ALIAS_ID.expression.fullmatch(last):
        return VersionName(definition, None, last)
    return VersionName(definition, parse_number(field, last))


def parse_alias(field: str, text: str, artifact: Artifact = Artifact.IMAGE) -> AliasName:
    """The alias that `text` names."""
    parts = _split(field, text, (*_DEFINITION_WORDS[artifact], "aliases"))
    return AliasName(_definition(field, parts, artifact), parse_id(field, parts[4], ALIAS_ID))


def artifact_of(text: str) -> Artifact:
    """Whether a name is of an application or below one, or else of an image."""
    words = [fold(word) for word in text.split("/")[::2]]
    return Artifact.APPLICATION if Artifact.APPLICATION.value in words else Artifact.IMAGE


def parse_disk(field: str, text: str) -> DiskName:
    """The disk that `text` names."""
    parts = _split(field, text, _DISK_WORDS)
    return DiskName(_group(field, parts), parse_id(field, parts[2], DISK_ID))


def parse_deployment(field: str, text: str) -> DeploymentName:
    """The deployment that `text` names."""
    parts = _split(field, text, (*_GROUP_WORDS, "deployments"))
    return DeploymentName(_group(field, parts), parse_id(field, parts[2], DISK_ID))


def parse_encryption_set(field: str, text: str) -> UUID:
    """The subscription of the disk encryption set that `text` names."""
    parts = _split(field, text, (*_GROUP_WORDS, "diskEncryptionSets"))
    parse_id(field, parts[2], DISK_ID)
    return _group(field, parts).subscription


def parse_operation(field: str, text: str) -> UUID:
    """The uid of the operation that `operations/{uuid}` names."""
    (part,) = _split(field, text, ("operations",))
    return parse_uuid(field, part)


def format_operation(uid: UUID) -> str:
    """The name of an operation."""
    return f"operations/{uid}"


def parse_id(field: str, text: str, pattern: Pattern) -> str:
    """`text` when it is what `pattern` allows. Raises InvalidRequest for `field`."""
    if pattern.expression.fullmatch(text) is None:
        raise InvalidRequest((FieldViolation(field, f"{_shown(text)} must be {pattern.rule}"),))
    return text


def parse_number(field: str, text: str) -> VersionNumber:
    """The number in `1.2.3`. Raises InvalidRequest for `field`."""
    major, minor, patch = (int(part) for part in parse_id(field, text, VERSION_ID).split("."))
    if max(major, minor, patch) > MAX_NUMBER:
        raise InvalidRequest((FieldViolation(field, f"{text!r} must be {VERSION_ID.rule}"),))
    return VersionNumber(major, minor, patch)


def parse_uuid(field: str, text: str) -> UUID:
    """The UUID in `text`, 36 characters. Raises InvalidRequest for `field`."""
    try:
        uid = UUID(text)
    except ValueError:
        uid = None
    if uid is None or str(uid) != text.lower():
        raise InvalidRequest((FieldViolation(field, f"{_shown(text)} must be a UUID"),))
    return uid


def _split(field: str, text: str, words: tuple[str, ...]) -> list[str]:
    parts = text.split("/")
    if [fold(word) for word in parts[::2]] != [fold(word) for word in words] or len(parts) % 2:
        shape = "/".join(f"{word}/{{}}" for word in words)
        raise InvalidRequest((FieldViolation(field, f"{_shown(text)} must have the form {shape}"),))
    return parts[1::2]


def _group(field: str, parts: list[str]) -> GroupName:
    return GroupName(parse_uuid(field, parts[0]), parse_id(field, parts[1], GROUP_ID))


def _gallery(field: str, parts: list[str]) -> GalleryName:
    return GalleryName(_group(field, parts), parse_id(field, parts[2], GALLERY_ID))


def _definition(field: str, parts: list[str], artifact: Artifact) -> DefinitionName:
    return DefinitionName(_gallery(field, parts), parse_id(field, parts[3], _DEFINITION_IDS[artifact]), artifact)


def _shown(text: str) -> str:
    # A name may be as long as a message; an error is a few kilobytes at most.
    return repr(text) if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]!r}…"
