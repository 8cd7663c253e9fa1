"""Image versions: what may be said of one, and what may be changed later."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from galleria_server.domain import limits, publishing
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.image_definition import DefinitionSpec, Generation
from galleria_server.domain.publishing import PublishingSpec
from galleria_server.domain.signature import check_signature, check_subjects
from galleria_server.domain.validation import Violations, check_count, check_distinct, check_range, check_required

MAX_DATA_DISKS = limits.number("data_disks_per_image_version")
"""Data disks of a version, and with it the LUNs: what the largest machines take."""
MAX_UEFI_KEYS = limits.number("uefi_keys")
MAX_UEFI_VALUE = limits.number("uefi_value")
"""Characters of one value of a key: an X.509 certificate in base64, generously."""


class HostCaching(Enum):
    """How the host of a machine caches a disk."""

    NONE = "None"
    READ_ONLY = "ReadOnly"
    READ_WRITE = "ReadWrite"


class UefiKeyType(Enum):
    """What the values of a key are."""

    SHA256 = "sha256"
    X509 = "x509"


class SignatureTemplate(Enum):
    """A set of keys that firmware comes with."""

    NO_SIGNATURE = "NoSignatureTemplate"
    MICROSOFT_UEFI_CERTIFICATE_AUTHORITY = "MicrosoftUefiCertificateAuthorityTemplate"
    MICROSOFT_WINDOWS = "MicrosoftWindowsTemplate"


@dataclass(frozen=True, slots=True)
class DataDisk:
    """A data disk and the name of the disk that it is made from; an empty one means the source version's."""

    lun: int
    source: str = ""
    host_caching: HostCaching = HostCaching.NONE


@dataclass(frozen=True, slots=True)
class UefiKey:
    """A key of the firmware's signature database, its values in base64."""

    type: UefiKeyType
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UefiSignatures:
    """Keys beside those of the templates."""

    pk: UefiKey | None = None
    kek: tuple[UefiKey, ...] = ()
    db: tuple[UefiKey, ...] = ()
    dbx: tuple[UefiKey, ...] = ()


@dataclass(frozen=True, slots=True)
class UefiSettings:
    """What firmware trusts."""

    signature_templates: tuple[SignatureTemplate, ...] = ()
    additional_signatures: UefiSignatures = UefiSignatures()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVersionSpec(PublishingSpec):
    """What its owner says of an image version."""

    os_disk: str = ""
    source_version: str = ""
    os_disk_caching: HostCaching = HostCaching.NONE
    data_disks: tuple[DataDisk, ...] = ()
    uefi_settings: UefiSettings | None = None
    signature: str = ""


IMMUTABLE = (
    *publishing.IMMUTABLE,
    "os_disk",
    "source_version",
    "os_disk_caching",
    "data_disks",
    "uefi_settings",
)


def check(path: str, spec: ImageVersionSpec) -> Violations:
    """What is wrong with an image version, whatever else there is."""
    return [
        *publishing.check(path, spec),
        *_check_source(path, spec),
        *_check_data_disks(f"{path}.data_disks", spec),
        *_check_uefi(f"{path}.uefi_settings", spec.uefi_settings),
        *check_signature(f"{path}.signature", spec.signature),
    ]


def check_digests(path: str, spec: ImageVersionSpec, digests: Mapping[str, str]) -> Violations:
    """What is wrong with what is said of the disks of a version, which have these digests."""
    return check_subjects(f"{path}.signature", spec.signature, digests)


def check_in_definition(path: str, spec: ImageVersionSpec, definition: DefinitionSpec) -> Violations:
    """What a version may not have in a definition of that kind."""
    if spec.uefi_settings is None or definition.hyper_v_generation is Generation.V2:
        return []
    told = f"are for UEFI images, this definition has generation {definition.hyper_v_generation.value}"
    return [FieldViolation(f"{path}.uefi_settings", told)]


def with_source(spec: ImageVersionSpec, source: ImageVersionSpec) -> ImageVersionSpec:
    """The spec of a version made from another: disks, caching and firmware settings are those of the source.

    So is the signature unless another is given, as the disks that it is about are the same.
    """
    disks = tuple(replace(disk, source="") for disk in source.data_disks)
    uefi = spec.uefi_settings or source.uefi_settings
    signature = spec.signature or source.signature
    caching = source.os_disk_caching
    return replace(spec, os_disk_caching=caching, data_disks=disks, uefi_settings=uefi, signature=signature)


def _check_source(path: str, spec: ImageVersionSpec) -> Violations:
    if bool(spec.os_disk) == bool(spec.source_version):
        told = (
            "cannot be given with source_version; give one of them" if spec.os_disk else "or source_version is required"
        )
        return [FieldViolation(f"{path}.os_disk", told)]
    if spec.source_version and any(disk.source for disk in spec.data_disks):
        return [FieldViolation(f"{path}.data_disks", "come with source_version and cannot be given beside it")]
    return []


def _check_data_disks(path: str, spec: ImageVersionSpec) -> Violations:
    disks = () if spec.source_version else spec.data_disks
    sources = [spec.os_disk, *(disk.source for disk in disks if disk.source)]
    last = MAX_DATA_DISKS - 1
    return [
        *check_count(path, disks, MAX_DATA_DISKS),
        *check_distinct(f"{path}.lun", [str(disk.lun) for disk in disks]),
        *check_distinct(f"{path}.source", sources),
        *(wrong for i, disk in enumerate(disks) for wrong in check_range(f"{path}[{i}].lun", disk.lun, 0, last)),
        *(wrong for i, disk in enumerate(disks) for wrong in check_required(f"{path}[{i}].source", disk.source)),
    ]


def _check_uefi(path: str, settings: UefiSettings | None) -> Violations:
    if settings is None:
        return []
    added = settings.additional_signatures
    named = (("kek", added.kek), ("db", added.db), ("dbx", added.dbx))
    at = f"{path}.additional_signatures"
    keys = [(f"{at}.{name}[{i}].values", key) for name, several in named for i, key in enumerate(several)]
    if added.pk is not None:
        keys.append((f"{at}.pk.values", added.pk))
    return [
        *check_distinct(f"{path}.signature_templates", [template.value for template in settings.signature_templates]),
        *check_count(at, keys, MAX_UEFI_KEYS),
        *(wrong for name, key in keys for wrong in _check_key(name, key.values)),
    ]


def _check_key(path: str, values: Sequence[str]) -> Violations:
    if not values:
        return [FieldViolation(path, "is required")]
    return [
        *check_count(path, values, MAX_UEFI_KEYS),
        *(
            FieldViolation(f"{path}[{i}]", f"{value[:60]!r} must be base64, at most {MAX_UEFI_VALUE} characters")
            for i, value in enumerate(values)
            if not _is_base64(value)
        ),
    ]


def _is_base64(value: str) -> bool:
    if not value or len(value) > MAX_UEFI_VALUE:
        return False
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
