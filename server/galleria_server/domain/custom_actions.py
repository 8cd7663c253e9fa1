"""Custom actions: scripts that can be run of an application beside its install, update and remove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.gallery import MAX_DESCRIPTION
from galleria_server.domain.validation import Violations, check_count, check_distinct, check_length, check_required

MAX_ACTIONS = limits.number("custom_actions")
MAX_NAME = limits.number("custom_action_name")
MAX_SCRIPT = limits.number("application_command")


class ParameterType(Enum):
    """What the value of a parameter is."""

    STRING = "String"
    CONFIGURATION_DATA_BLOB = "ConfigurationDataBlob"
    LOG_OUTPUT_BLOB = "LogOutputBlob"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something that a custom action is told."""

    name: str
    required: bool = False
    type: ParameterType = ParameterType.STRING
    default_value: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class CustomAction:
    """A script with its parameters."""

    name: str
    script: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()


def check_actions(path: str, actions: Sequence[CustomAction]) -> Violations:
    """What is wrong with the custom actions of one application or version: their names are unique in it."""
    return [
        *check_count(path, actions, MAX_ACTIONS),
        *check_distinct(f"{path}.name", [action.name for action in actions]),
        *(wrong for i, action in enumerate(actions) for wrong in _check_action(f"{path}[{i}]", action)),
    ]


def _check_action(path: str, action: CustomAction) -> Violations:
    return [
        *_check_name(f"{path}.name", action.name),
        *check_required(f"{path}.script", action.script),
        *check_length(f"{path}.script", action.script, MAX_SCRIPT),
        *check_length(f"{path}.description", action.description, MAX_DESCRIPTION),
        *check_count(f"{path}.parameters", action.parameters, MAX_ACTIONS),
        *check_distinct(f"{path}.parameters.name", [parameter.name for parameter in action.parameters]),
        *(
            wrong
            for i, parameter in enumerate(action.parameters)
            for wrong in _check_parameter(f"{path}.parameters[{i}]", parameter)
        ),
    ]


def _check_parameter(path: str, parameter: Parameter) -> Violations:
    violations = [
        *_check_name(f"{path}.name", parameter.name),
        *check_length(f"{path}.default_value", parameter.default_value, MAX_SCRIPT),
        *check_length(f"{path}.description", parameter.description, MAX_DESCRIPTION),
    ]
    if parameter.default_value and parameter.type is not ParameterType.STRING:
        told = f"is for parameters of type String, this one is {parameter.type.value}"
        violations.append(FieldViolation(f"{path}.default_value", told))
    return violations


def _check_name(path: str, name: str) -> Violations:
    return [*check_required(path, name), *check_length(path, name, MAX_NAME)]
