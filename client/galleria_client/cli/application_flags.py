"""Flags that say what an application and its versions are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from galleria_client.cli import definition_flags, version_flags
from galleria_client.cli.field_flags import FieldFlag, number_of
from galleria_client.cli.flags import tags_of

if TYPE_CHECKING:
    from galleria.v1.applications_pb2 import CustomAction

_ALIKE = {
    "description",
    "tags",
    "release_note_uri",
    "end_of_life_time",
    "end_of_life_policy",
    "eula",
    "privacy_statement_uri",
}


def _actions(path: str) -> list[CustomAction]:
    """The custom actions in a JSON file, as proto JSON has them. Raises ValueError."""
    from google.protobuf.json_format import ParseDict, ParseError

    from galleria.v1.applications_pb2 import CustomAction

    try:
        found: Any = json.loads(Path(path).read_text())
        return [ParseDict(one, CustomAction()) for one in found]
    except (OSError, TypeError, ParseError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no list of custom actions: {error}") from None


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    return tags_of(texts)


_ACTIONS = FieldFlag(
    "--custom-actions", "custom_actions", _actions, {"metavar": "FILE", "help": "JSON file with a list of actions."}
)
CHANGING = (
    *(flag for flag in (*definition_flags.CHANGING, *definition_flags.FIXED) if flag.path in _ALIKE),
    _ACTIONS,
)
VERSION_CHANGING = version_flags.CHANGING
VERSION_FIXED = (
    *version_flags.PUBLISHED,
    FieldFlag("--install-command", "manage_actions.install", options={"help": "What installs it; required."}),
    FieldFlag("--remove-command", "manage_actions.remove", options={"help": "What removes it; required."}),
    FieldFlag("--update-command", "manage_actions.update", options={"help": "Default: remove, then install."}),
    FieldFlag(
        "--package-file-name", "settings.package_file_name", options={"help": "Default: the application's name."}
    ),
    FieldFlag("--config-file-name", "settings.config_file_name", options={"help": "Default: its name and -config."}),
    FieldFlag(
        "--script-behavior-after-reboot",
        "settings.script_behavior_after_reboot",
        number_of("RebootBehavior"),
        {
            "type": click.Choice(("None", "Rerun"), case_sensitive=False),
            "help": "What becomes of a command that a reboot cut off; default: None.",
        },
    ),
    FieldFlag(
        "--advanced-settings",
        "advanced_settings",
        _pairs,
        {"multiple": True, "metavar": "KEY=VALUE ...", "help": "For what runs it on machines."},
    ),
    FieldFlag("--enable-health-check", "enable_health_check", options={"is_flag": True, "default": None}),
    _ACTIONS,
)
