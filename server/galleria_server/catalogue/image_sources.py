"""What a new image version is made from: disks, or another version."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast

from galleria_server.catalogue import definitions
from galleria_server.catalogue.replicas import Home
from galleria_server.catalogue.sources import Source, content_of, ready_disk
from galleria_server.domain.disk_system import check_fits
from galleria_server.domain.errors import FieldViolation, NotFound, WrongState
from galleria_server.domain.image_definition import DefinitionSpec, ImageDefinition
from galleria_server.domain.image_version import ImageVersionSpec, with_source
from galleria_server.domain.models import Disk, DiskKind
from galleria_server.domain.names import Artifact, parse_version
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.domain.validation import Violations, refuse
from galleria_server.domain.version import Content, ImageVersion, VersionState
from galleria_server.metadata import copies, versions
from galleria_server.metadata.engine import Transaction

KIND = Artifact.IMAGE.version_kind
FIELD = "image_version"
# What a definition says of all its images.
_ALIKE = ("os_type", "os_state", "hyper_v_generation", "architecture", "purchase_plan")


def source_of(
    transaction: Transaction, spec: ImageVersionSpec, definition: ImageDefinition, now: datetime
) -> Source[ImageVersionSpec]:
    """What the spec names, checked against the definition.

    Raises NotFound, InvalidRequest, WrongState for a disk without content and a version that cannot be read.
    """
    if spec.source_version:
        return _of_version(transaction, spec, definition, now)
    return _of_disks(transaction, spec, definition.spec)


def _of_disks(transaction: Transaction, spec: ImageVersionSpec, definition: DefinitionSpec) -> Source[ImageVersionSpec]:
    named = [
        (None, "os_disk", spec.os_disk),
        *((disk.lun, f"data_disks[{i}].source", disk.source) for i, disk in enumerate(spec.data_disks)),
    ]
    found = [(lun, _image_disk(transaction, f"{FIELD}.{path}", text)) for lun, path, text in named]
    refuse(check_fits(f"{FIELD}.os_disk", found[0][1].system, definition))
    contents = tuple(content_of(i, lun, disk) for i, (lun, disk) in enumerate(found))
    os_disk, *data = (str(disk.name) for _, disk in found)
    data_disks = tuple(replace(disk, source=name) for disk, name in zip(spec.data_disks, data, strict=True))
    homes = tuple((disk.location, disk.volume) for _, disk in found)
    return Source(replace(spec, os_disk=os_disk, data_disks=data_disks), contents, homes)


def _image_disk(transaction: Transaction, path: str, text: str) -> Disk:
    disk = ready_disk(transaction, path, text)
    if disk.kind is not DiskKind.DISK:
        refuse([FieldViolation(path, f"{disk.name} is a file, an image is made of disks"[:240])])
    return disk


def _of_version(
    transaction: Transaction, spec: ImageVersionSpec, definition: ImageDefinition, now: datetime
) -> Source[ImageVersionSpec]:
    if spec.data_disks:
        refuse([FieldViolation(f"{FIELD}.data_disks", "come with source_version and cannot be given beside it")])
    name = parse_version(f"{FIELD}.source_version", spec.source_version)
    found = versions.find(transaction, name)
    if found is None or found.state is VersionState.DELETING:
        raise NotFound(KIND, str(name))
    if not found.may_be_used(now):
        raise WrongState(KIND, str(found.name), found.image_state.value, ImageState.ACTIVE.value)
    source = cast("ImageVersion", found)
    parent = definitions.require_image(transaction, source.name.definition)
    refuse(_check_alike(f"{FIELD}.source_version", parent, definition.spec))
    homes = [_home(transaction, source, content) for content in source.contents]
    contents = tuple(replace(content, source_version_uid=source.uid) for content in source.contents)
    named = replace(with_source(spec, source.spec), source_version=str(source.name))
    return Source(named, contents, tuple(homes))


def _home(transaction: Transaction, source: ImageVersion, content: Content) -> Home:
    """Where a content of the source lies; at its home rather than elsewhere. Raises WrongState when it is nowhere."""
    served = copies.served(transaction, source.uid, content.position)
    if not served:
        raise WrongState(KIND, str(source.name), source.state.value, "readable in a region")
    first = min(served, key=lambda copy: copy.region != source.location)
    return first.region, first.volume


def _check_alike(path: str, source: ImageDefinition, wanted: DefinitionSpec) -> Violations:
    different = [name for name in _ALIKE if getattr(source.spec, name) != getattr(wanted, name)]
    return [
        FieldViolation(path, f"has {name} {_shown(source.spec, name)}, the definition has {_shown(wanted, name)}"[:240])
        for name in different
    ]


def _shown(spec: DefinitionSpec, name: str) -> object:
    value = getattr(spec, name)
    return getattr(value, "value", value)
