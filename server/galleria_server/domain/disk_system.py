"""What a disk says of the operating system on it, so that it comes into no definition of another kind."""

from __future__ import annotations

from dataclasses import dataclass, fields

from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.image_definition import Architecture, DefinitionSpec, Generation, OsState, OsType
from galleria_server.domain.validation import Violations


@dataclass(frozen=True, slots=True)
class DiskSystem:
    """What is known of it; None of what nobody said."""

    os_type: OsType | None = None
    os_state: OsState | None = None
    hyper_v_generation: Generation | None = None
    architecture: Architecture | None = None


UNTOLD = DiskSystem()
"""Nobody said anything."""


def check_fits(path: str, system: DiskSystem, definition: DefinitionSpec) -> Violations:
    """What a disk says of its system must be what the definition says of all its images."""
    said = {field.name: getattr(system, field.name) for field in fields(DiskSystem)}
    different = [name for name, value in said.items() if value not in (None, getattr(definition, name))]
    return [
        FieldViolation(path, f"has {name} {said[name].value}, the definition has {getattr(definition, name).value}")
        for name in different
    ]


def check_no_system(path: str, system: DiskSystem) -> Violations:
    """A file is no disk of a machine: it has no system."""
    said = [field.name for field in fields(DiskSystem) if getattr(system, field.name) is not None]
    return [FieldViolation(f"{path}.{name}", "is for disks, a file has no operating system") for name in said]
