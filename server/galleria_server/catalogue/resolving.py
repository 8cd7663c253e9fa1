"""What version a name means in a region."""

from __future__ import annotations

from datetime import datetime

from galleria_server.catalogue import definitions
from galleria_server.catalogue.version_kinds import kind_of
from galleria_server.catalogue.versions import VersionView, require, view
from galleria_server.domain.definition_kinds import AnyDefinition
from galleria_server.domain.errors import EndOfLifeReached, NotFound, WrongState
from galleria_server.domain.errors_content import NotInRegion
from galleria_server.domain.image_definition import EndOfLifePolicy
from galleria_server.domain.names import VersionName, VersionNumber
from galleria_server.domain.replication import is_usable
from galleria_server.domain.resolving import Resolved, Skipped, end_of_life, is_denied, skipped, warnings
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.domain.version import AnyVersion, VersionState
from galleria_server.metadata import aliases, copies, versions
from galleria_server.metadata.engine import Transaction

MAX_SKIPPED = 100
_TOLD = 3
"""Versions of which an error says why they are not meant."""


def get(transaction: Transaction, name: VersionName, region: str, now: datetime, *, with_copies: bool) -> VersionView:
    """The version of that name; `latest` is resolved in `region`. Raises NotFound, NotInRegion."""
    if name.number is None and name.alias:
        return view(transaction, _aliased(transaction, name), with_copies=with_copies)
    version = require(transaction, name) if name.number else resolve(transaction, name, region, now).version
    return view(transaction, version, with_copies=with_copies)


def resolve(transaction: Transaction, name: VersionName, region: str, now: datetime) -> Resolved:
    """The version that who deploys `name` in `region` gets, and why; `latest` is one that is usable there.

    Raises NotFound when there is no such version at all, NotInRegion when none can be read there, EndOfLifeReached.
    """
    definition = definitions.require(transaction, name.definition)
    if name.number is None and not name.alias:
        return _latest(transaction, name, definition, region, now)
    version = readable(transaction, name, region, now)
    if is_denied(version, definition.spec, now):
        end = end_of_life(version, definition.spec, now)
        raise EndOfLifeReached(str(version.name), "" if end is None else end.isoformat())
    reason = f"the alias {name.alias} is {version.number}" if name.alias else f"{version.number} is what was asked for"
    return Resolved(version, reason, warnings=warnings(version, definition.spec, now))


def readable(transaction: Transaction, name: VersionName, region: str, now: datetime) -> AnyVersion:
    """The version of an exact number or an alias, when it can be read in `region`, whatever its end of life.

    One all whose copies there lack something is read as far as it goes. Raises NotFound, NotInRegion, WrongState
    when it is soft-deleted and its use has ended.
    """
    version = _aliased(transaction, name) if name.alias else require(transaction, name)
    if version.state is VersionState.DELETING:
        raise NotFound(kind_of(name).name, str(version.name))
    if not version.may_be_used(now):
        raise WrongState(kind_of(name).name, str(version.name), version.image_state.value, ImageState.ACTIVE.value)
    if not all(copies.served(transaction, version.uid, content.position, region) for content in version.contents):
        raise NotInRegion(str(version.name), region)
    return version


def warnings_of(transaction: Transaction, version: AnyVersion, now: datetime) -> tuple[str, ...]:
    """What who runs a version is told of it."""
    return warnings(version, definitions.require(transaction, version.name.definition).spec, now)


def _aliased(transaction: Transaction, name: VersionName) -> AnyVersion:
    definition = definitions.require(transaction, name.definition)
    alias = aliases.find(transaction, definition.uid, name.alias)
    version = None if alias is None else versions.find_by_uid(transaction, alias.version_uid)
    if version is None:
        raise NotFound("alias", f"{definition.name}/aliases/{name.alias}")
    return version


def _latest(
    transaction: Transaction, name: VersionName, definition: AnyDefinition, region: str, now: datetime
) -> Resolved:
    spec = definition.spec
    denies = spec.end_of_life_policy is EndOfLifePolicy.DENY
    gone = denies and spec.end_of_life_time is not None and spec.end_of_life_time <= now
    found = None if gone else versions.find_latest(transaction, definition.uid, region, now if denies else None)
    number = None if found is None else found.number
    passed = _skipped(transaction, definition, number, region, now)
    if found is None:
        if not passed:
            raise NotFound(kind_of(name).name, str(name))
        raise NotInRegion(str(name), region, tuple(map(str, passed[:_TOLD])))
    count = len(passed)
    if count == MAX_SKIPPED:
        count = versions.count(transaction, definition.uid, above=number)
    above = f", of {count} with higher numbers none can be" if count else ""
    reason = f"{number} is the highest version that is usable in {region}{above}"
    return Resolved(found, reason, passed, count, warnings(found, spec, now))


def _skipped(
    transaction: Transaction, definition: AnyDefinition, number: VersionNumber | None, region: str, now: datetime
) -> tuple[Skipped, ...]:
    passed = versions.above(transaction, definition.uid, number, MAX_SKIPPED)
    of_each = copies.of_versions(transaction, [version.uid for version in passed])
    return tuple(
        skipped(version, definition.spec, region, now, usable=is_usable(version, of_each[version.uid], region))
        for version in passed
    )
