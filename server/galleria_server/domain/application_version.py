"""Application versions: what may be said of one, and what may be changed later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from galleria_server.domain import limits, publishing
from galleria_server.domain.custom_actions import CustomAction, check_actions
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.publishing import PublishingSpec
from galleria_server.domain.validation import (
    Violations,
    check_count,
    check_distinct,
    check_length,
    check_range,
    check_required,
)

MAX_COMMAND = limits.number("application_command")
MAX_FILE_NAME = limits.number("application_file_name")
MAX_IN_REGION = limits.number("application_replicas_per_region")
MAX_SETTINGS = limits.number("advanced_settings")
MAX_SETTING_NAME = limits.number("advanced_setting_name")
MAX_SETTING_VALUE = limits.number("advanced_setting_value")

PACKAGE, CONFIGURATION = 0, 1
"""Positions of the contents of an application version."""
MAX_BYTES = {PACKAGE: limits.number("package_bytes"), CONFIGURATION: limits.number("configuration_bytes")}
FIELDS = {PACKAGE: "package", CONFIGURATION: "default_configuration"}


class RebootBehavior(Enum):
    """What becomes of a command that a reboot cut off."""

    NONE = "None"
    RERUN = "Rerun"


@dataclass(frozen=True, slots=True)
class ManageActions:
    """The commands that machines run; an empty update means to remove the old version and install the new one."""

    install: str = ""
    remove: str = ""
    update: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How machines name its files, empty after the application, and what they do after a reboot."""

    package_file_name: str = ""
    config_file_name: str = ""
    script_behavior_after_reboot: RebootBehavior = RebootBehavior.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationVersionSpec(PublishingSpec):
    """What its owner says of an application version; `package` and `default_configuration` name disks."""

    package: str = ""
    default_configuration: str = ""
    manage_actions: ManageActions = ManageActions()
    settings: Settings = Settings()
    custom_actions: tuple[CustomAction, ...] = ()
    advanced_settings: dict[str, str] = field(default_factory=dict)
    enable_health_check: bool = False


IMMUTABLE = (
    *publishing.IMMUTABLE,
    "package",
    "default_configuration",
    "manage_actions",
    "settings",
    "custom_actions",
    "advanced_settings",
    "enable_health_check",
)


def check(path: str, spec: ApplicationVersionSpec) -> Violations:
    """What is wrong with an application version, whatever else there is."""
    return [
        *publishing.check(path, spec),
        *_check_replicas(path, spec),
        *check_required(f"{path}.package", spec.package),
        *_check_commands(f"{path}.manage_actions", spec.manage_actions),
        *_check_settings(f"{path}.settings", spec.settings),
        *check_actions(f"{path}.custom_actions", spec.custom_actions),
        *_check_advanced(f"{path}.advanced_settings", spec.advanced_settings),
    ]


def check_size(path: str, position: int, size_bytes: int) -> Violations:
    """What is wrong with the length of a package or configuration."""
    most = MAX_BYTES[position]
    if size_bytes <= most:
        return []
    return [FieldViolation(f"{path}.{FIELDS[position]}", f"has {size_bytes} bytes, the limit is {most}")]


def _check_replicas(path: str, spec: ApplicationVersionSpec) -> Violations:
    """What all versions have a higher limit for, they are told already."""
    most = publishing.MAX_REPLICAS
    counts = [(f"{path}.replica_count", spec.replica_count)]
    counts += [(_count_path(path, i), target.replica_count) for i, target in enumerate(spec.target_regions)]
    return [wrong for at, count in counts if count <= most for wrong in check_range(at, count or 1, 1, MAX_IN_REGION)]


def _count_path(path: str, position: int) -> str:
    return f"{path}.target_regions[{position}].replica_count"


def _check_commands(path: str, actions: ManageActions) -> Violations:
    named = (("install", actions.install), ("remove", actions.remove), ("update", actions.update))
    return [
        *check_required(f"{path}.install", actions.install),
        *check_required(f"{path}.remove", actions.remove),
        *(wrong for name, text in named for wrong in check_length(f"{path}.{name}", text, MAX_COMMAND)),
    ]


def _check_settings(path: str, settings: Settings) -> Violations:
    named = (("package_file_name", settings.package_file_name), ("config_file_name", settings.config_file_name))
    violations = [wrong for name, text in named for wrong in _check_file_name(f"{path}.{name}", text)]
    if settings.package_file_name and settings.package_file_name.casefold() == settings.config_file_name.casefold():
        violations += check_distinct(path, [settings.package_file_name, settings.config_file_name])
    return violations


def _check_file_name(path: str, name: str) -> Violations:
    violations = check_length(path, name, MAX_FILE_NAME)
    if name in (".", "..") or any(character in "/\\" for character in name):
        violations.append(FieldViolation(path, f"{name[:100]!r} must be the name of a file, without a path"))
    return violations


def _check_advanced(path: str, settings: dict[str, str]) -> Violations:
    return [
        *check_count(path, tuple(settings), MAX_SETTINGS),
        *(wrong for name in settings for wrong in _check_setting(path, name, settings[name])),
    ]


def _check_setting(path: str, name: str, value: str) -> Violations:
    at = f"{path}.{name[:64]}"
    return [
        *([] if name else [FieldViolation(path, "has an empty name")]),
        *check_length(at, name, MAX_SETTING_NAME),
        *check_length(at, value, MAX_SETTING_VALUE),
    ]


def check_unencrypted(path: str, encrypted: Sequence[int]) -> Violations:
    """What is wrong with target regions, by their positions, that ask for encryption: applications have none."""
    return [FieldViolation(f"{path}[{i}].encryption", "is not for application versions") for i in encrypted]
