"""What a new application version is made from: the disks of its package and default configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from galleria_server.catalogue.sources import Source, content_of, ready_disk
from galleria_server.domain.application import Application
from galleria_server.domain.application_version import (
    CONFIGURATION,
    FIELDS,
    PACKAGE,
    ApplicationVersionSpec,
    check_size,
)
from galleria_server.domain.validation import refuse
from galleria_server.metadata.engine import Transaction

FIELD = "application_version"


def source_of(
    transaction: Transaction, spec: ApplicationVersionSpec, _application: Application, _now: datetime
) -> Source[ApplicationVersionSpec]:
    """What the spec names, byte for byte. Raises NotFound, InvalidRequest, WrongState for a disk without content."""
    named = [(PACKAGE, spec.package), (CONFIGURATION, spec.default_configuration)]
    found = [
        (position, ready_disk(transaction, f"{FIELD}.{FIELDS[position]}", text)) for position, text in named if text
    ]
    refuse(*(check_size(FIELD, position, disk.size_bytes) for position, disk in found))
    names = {position: str(disk.name) for position, disk in found}
    contents = tuple(content_of(position, None, disk) for position, disk in found)
    named_spec = replace(spec, package=names[PACKAGE], default_configuration=names.get(CONFIGURATION, ""))
    return Source(named_spec, contents, tuple((disk.location, disk.volume) for _, disk in found))
