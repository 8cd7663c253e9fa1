"""Features of image definitions: those that are known, and what they may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.names import VERSION_ID
from galleria_server.domain.validation import Violations, check_count, check_distinct, check_length

MAX_FEATURES = limits.number("features")
MAX_VALUE = limits.number("feature_value")
SECURITY_TYPE = "SecurityType"
_BOOLEAN = ("True", "False")
KNOWN = {
    SECURITY_TYPE: (
        "Standard",
        "TrustedLaunch",
        "TrustedLaunchSupported",
        "ConfidentialVM",
        "ConfidentialVmSupported",
        "TrustedLaunchAndConfidentialVmSupported",
    ),
    "IsAcceleratedNetworkSupported": _BOOLEAN,
    "IsHibernateSupported": _BOOLEAN,
    "IsSecureBootSupported": _BOOLEAN,
    "DiskControllerTypes": ("SCSI", "SCSI, NVMe"),
}
"""Values of features by name; other names, of letters and digits, may have any value."""
_SHAREABLE = {"TrustedLaunch": "TrustedLaunchSupported", "ConfidentialVM": "ConfidentialVmSupported"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,79}")


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature, and the first version of the definition that has it; empty: all have."""

    name: str
    value: str
    starts_at_version: str = ""

    @property
    def shareable(self) -> str:
        """The value to use where a gallery is shared, if this one is for private galleries only; else empty."""
        return _SHAREABLE.get(self.value, "") if self.name == SECURITY_TYPE else ""


def spelled(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """The features with known names and values as they are written here, however they were."""
    return tuple(_spelled(feature) for feature in features)


def check_features(path: str, features: Sequence[Feature], uefi: bool) -> Violations:  # noqa: FBT001 - of the firmware
    """What is wrong with features; security types need UEFI firmware."""
    violations = check_count(path, features, MAX_FEATURES) + check_distinct(path, [part.name for part in features])
    for i, feature in enumerate(spelled(features)):
        violations.extend(_check(f"{path}[{i}]", feature, uefi=uefi))
    return violations


def _spelled(feature: Feature) -> Feature:
    name = next((known for known in KNOWN if known.casefold() == feature.name.casefold()), feature.name)
    value = next(
        (known for known in KNOWN.get(name, ()) if known.casefold() == feature.value.casefold()), feature.value
    )
    return Feature(name, value, feature.starts_at_version)


def _check(path: str, feature: Feature, *, uefi: bool) -> Violations:
    if not _NAME.fullmatch(feature.name):
        rule = "must be 1 to 80 letters and digits, beginning with a letter"
        return [FieldViolation(f"{path}.name", f"{feature.name[:100]!r} {rule}")]
    violations = [*_check_value(path, feature), *_check_start(path, feature.starts_at_version)]
    if feature.name == SECURITY_TYPE and feature.value != "Standard" and not uefi:
        violations.append(FieldViolation(f"{path}.value", f"{feature.value[:100]!r} needs hyper_v_generation V2"))
    return violations


def _check_value(path: str, feature: Feature) -> Violations:
    choices = KNOWN.get(feature.name)
    if choices is None:
        return check_length(f"{path}.value", feature.value, MAX_VALUE)
    if feature.value in choices:
        return []
    return [FieldViolation(f"{path}.value", f"{feature.value[:100]!r} must be one of {'; '.join(choices)}")]


def _check_start(path: str, text: str) -> Violations:
    if not text or VERSION_ID.expression.fullmatch(text):
        return []
    return [FieldViolation(f"{path}.starts_at_version", f"{text[:100]!r} must be {VERSION_ID.rule}")]
