"""Applications: what may be said of one, and what may be changed later."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from galleria_server.domain.custom_actions import CustomAction, check_actions
from galleria_server.domain.definition import Definition
from galleria_server.domain.gallery import MAX_DESCRIPTION
from galleria_server.domain.image_definition import MAX_EULA, EndOfLifePolicy, OsType
from galleria_server.domain.tags import Tags, check_tags
from galleria_server.domain.validation import Violations, check_length, check_uri


@dataclass(frozen=True, slots=True)
class ApplicationSpec:
    """What its owner says of an application."""

    os_type: OsType
    description: str = ""
    tags: Tags = field(default_factory=dict)
    eula: str = ""
    privacy_statement_uri: str = ""
    release_note_uri: str = ""
    end_of_life_time: datetime | None = None
    end_of_life_policy: EndOfLifePolicy = EndOfLifePolicy.INFORM
    custom_actions: tuple[CustomAction, ...] = ()


Application = Definition[ApplicationSpec]

IMMUTABLE = ("os_type",)


def check(path: str, spec: ApplicationSpec) -> Violations:
    """What is wrong with an application, whatever else there is."""
    return [
        *check_length(f"{path}.description", spec.description, MAX_DESCRIPTION),
        *check_tags(f"{path}.tags", spec.tags),
        *check_length(f"{path}.eula", spec.eula, MAX_EULA),
        *check_uri(f"{path}.privacy_statement_uri", spec.privacy_statement_uri),
        *check_uri(f"{path}.release_note_uri", spec.release_note_uri),
        *check_actions(f"{path}.custom_actions", spec.custom_actions),
    ]
