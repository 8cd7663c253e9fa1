"""Encryption at rest as it may be asked for: all of its rules, though nothing is encrypted yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.names import parse_encryption_set
from galleria_server.domain.validation import Violations, check_distinct, check_required


@dataclass(frozen=True, slots=True)
class DiskEncryption:
    """The encryption set of a disk; a `lun` of None is the operating system disk."""

    lun: int | None = None
    disk_encryption_set: str = ""


@dataclass(frozen=True, slots=True)
class RegionEncryption:
    """What would be encrypted in a region, and with what."""

    os_disk: DiskEncryption | None = None
    data_disks: tuple[DiskEncryption, ...] = ()

    @property
    def luns(self) -> set[int | None]:
        """Disks that would be encrypted."""
        data = {disk.lun for disk in self.data_disks}
        return data if self.os_disk is None else {None, *data}


Wanted = tuple[str, str, RegionEncryption]
"""Path of the field, region, and what would be encrypted in it."""


def check(wanted: Sequence[Wanted], luns: Sequence[int], subscription: UUID) -> Violations:
    """What is wrong with what is asked for in all regions of a version that has data disks at those LUNs.

    A disk is encrypted in every region or in none, each set is of the gallery's subscription.
    """
    return [
        *(wrong for path, _, encryption in wanted for wrong in _check_region(path, encryption, luns, subscription)),
        *_check_all_or_none(wanted),
    ]


def _check_region(path: str, encryption: RegionEncryption, luns: Sequence[int], subscription: UUID) -> Violations:
    data = [(f"{path}.data_disks[{i}]", disk) for i, disk in enumerate(encryption.data_disks)]
    os_disk = [(f"{path}.os_disk", encryption.os_disk)] if encryption.os_disk else []
    return [
        *(wrong for at, disk in (*os_disk, *data) for wrong in _check_set(at, disk, subscription)),
        *(wrong for at, disk in data for wrong in _check_lun(at, disk.lun, luns)),
        *check_distinct(f"{path}.data_disks", [str(disk.lun) for _, disk in data if disk.lun is not None]),
        *(FieldViolation(f"{at}.lun", "is for data disks") for at, disk in os_disk if disk.lun is not None),
    ]


def _check_set(path: str, disk: DiskEncryption, subscription: UUID) -> Violations:
    path = f"{path}.disk_encryption_set"
    if not disk.disk_encryption_set:
        return check_required(path, disk.disk_encryption_set)
    try:
        owner = parse_encryption_set(path, disk.disk_encryption_set)
    except InvalidRequest as error:
        return list(error.violations)
    if owner == subscription:
        return []
    return [FieldViolation(path, f"is of subscription {owner}, it must be of the gallery's, {subscription}")]


def _check_lun(path: str, lun: int | None, luns: Sequence[int]) -> Violations:
    if lun is None:
        return [FieldViolation(f"{path}.lun", "is required")]
    if lun in luns:
        return []
    allowed = ", ".join(map(str, luns)) or "none, it has no data disks"
    return [FieldViolation(f"{path}.lun", f"{lun} is not among the data disks of the version: {allowed}"[:240])]


def _check_all_or_none(wanted: Sequence[Wanted]) -> Violations:
    used = {lun: region for _, region, encryption in wanted for lun in encryption.luns}
    return [
        FieldViolation(path, f"needs a disk encryption set for {_shown(lun)} since it is used in region {used[lun]}")
        for path, _, encryption in wanted
        for lun in sorted(used.keys() - encryption.luns, key=lambda lun: -1 if lun is None else lun)
    ]


def _shown(lun: int | None) -> str:
    return "the operating system disk" if lun is None else f"LUN {lun}"
