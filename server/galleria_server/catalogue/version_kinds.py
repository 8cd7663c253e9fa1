"""Rules of image versions and of application versions, side by side: there is one way to publish either."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

from galleria_server.catalogue import application_sources, image_sources
from galleria_server.catalogue.sources import Source
from galleria_server.domain import application_version, image_version
from galleria_server.domain.limits import APPLICATION_VERSIONS, IMAGE_VERSIONS, Limit
from galleria_server.domain.names import Artifact, VersionName
from galleria_server.domain.publishing import Spec
from galleria_server.domain.validation import Violations
from galleria_server.metadata.engine import Transaction


@dataclass(frozen=True, slots=True)
class VersionKind(Generic[Spec]):
    """What one kind of version has of its own.

    Attributes:
        name: what it is, to people.
        field: its field in requests.
        limit: how many there may be in a subscription and region.
        immutable: what never changes.
        check: what is wrong with one, whatever else there is.
        check_in_definition: what it may not have in a definition with this spec.
        check_digests: what is wrong with what is said of its disks, which have these digests.
        source_of: what its spec names, checked against the definition.
    """

    name: str
    field: str
    limit: Limit
    immutable: Sequence[str]
    check: Callable[[str, Spec], Violations]
    check_in_definition: Callable[[str, Spec, Any], Violations]
    check_digests: Callable[[str, Spec, Mapping[str, str]], Violations]
    source_of: Callable[[Transaction, Spec, Any, datetime], Source[Spec]]


IMAGES = VersionKind(
    name=Artifact.IMAGE.version_kind,
    field=image_sources.FIELD,
    limit=IMAGE_VERSIONS,
    immutable=image_version.IMMUTABLE,
    check=image_version.check,
    check_in_definition=image_version.check_in_definition,
    check_digests=image_version.check_digests,
    source_of=image_sources.source_of,
)
APPLICATIONS = VersionKind(
    name=Artifact.APPLICATION.version_kind,
    field=application_sources.FIELD,
    limit=APPLICATION_VERSIONS,
    immutable=application_version.IMMUTABLE,
    check=application_version.check,
    check_in_definition=lambda *_: [],
    check_digests=lambda *_: [],
    source_of=application_sources.source_of,
)
_KINDS: Mapping[Artifact, VersionKind[Any]] = {Artifact.IMAGE: IMAGES, Artifact.APPLICATION: APPLICATIONS}


def kind_of(name: VersionName) -> VersionKind[Any]:
    """The kind of the version of that name."""
    return _KINDS[name.definition.artifact]
