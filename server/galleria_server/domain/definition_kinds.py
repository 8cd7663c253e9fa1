"""Rules of image definitions and of applications, side by side: what is done with either asks here for its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from galleria_server.domain import application, image_definition
from galleria_server.domain.application import ApplicationSpec
from galleria_server.domain.definition import Definition
from galleria_server.domain.gallery import Permissions
from galleria_server.domain.image_definition import DefinitionSpec, Identifier
from galleria_server.domain.names import Artifact, DefinitionName
from galleria_server.domain.validation import Violations

AnySpec = DefinitionSpec | ApplicationSpec
AnyDefinition = Definition[AnySpec]
Spec = TypeVar("Spec", bound=DefinitionSpec | ApplicationSpec)


@dataclass(frozen=True, slots=True)
class DefinitionKind(Generic[Spec]):
    """What one kind of definition has of its own.

    Attributes:
        name: what it is, to people.
        field: its field in requests.
        immutable: what never changes.
        guarded: what changes only when a request says so.
        check: what is wrong with one, wherever it is.
        check_in_gallery: what it may not have in a gallery with these permissions.
        settled: the spec with what follows from it.
        identifier: what is unique in a gallery beside the name.
    """

    name: str
    field: str
    immutable: Sequence[str]
    guarded: Sequence[str]
    check: Callable[[str, Spec], Violations]
    check_in_gallery: Callable[[str, Spec, Permissions], Violations]
    settled: Callable[[Spec], Spec]
    identifier: Callable[[Spec], Identifier | None]


IMAGES = DefinitionKind(
    name="image definition",
    field="image_definition",
    immutable=image_definition.IMMUTABLE,
    guarded=image_definition.GUARDED,
    check=image_definition.check,
    check_in_gallery=image_definition.check_in_gallery,
    settled=image_definition.settled,
    identifier=lambda spec: spec.identifier,
)
APPLICATIONS: DefinitionKind[ApplicationSpec] = DefinitionKind(
    name="application",
    field="application",
    immutable=application.IMMUTABLE,
    guarded=(),
    check=application.check,
    check_in_gallery=lambda *_: [],
    settled=lambda spec: spec,
    identifier=lambda _: None,
)
_KINDS: Mapping[Artifact, DefinitionKind[Any]] = {Artifact.IMAGE: IMAGES, Artifact.APPLICATION: APPLICATIONS}


def kind_of(name: DefinitionName) -> DefinitionKind[Any]:
    """The kind of the definition of that name."""
    return _KINDS[name.artifact]
