"""Retention and spread: what they would do, and doing it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import cast
from uuid import UUID

from galleria_server.catalogue import definitions, deletion, galleries, protection
from galleria_server.catalogue import versions as catalogue
from galleria_server.catalogue.replicas import VolumesOf
from galleria_server.domain import fates as rules
from galleria_server.domain.errors import DomainError, NotFound
from galleria_server.domain.fates import Fate
from galleria_server.domain.image_definition import ImageDefinition
from galleria_server.domain.locks import Effect
from galleria_server.domain.models import Operation
from galleria_server.domain.names import DefinitionName
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.replication import is_usable
from galleria_server.domain.soft_deletion import ImageState
from galleria_server.domain.version import AnyVersion
from galleria_server.metadata import copies, versions
from galleria_server.metadata import definitions as definition_rows
from galleria_server.metadata.engine import Transaction

MOST_VERSIONS = 10_000
MOST_CHANGES = 1000
"""Versions that one application changes; the next one goes on."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What becomes of each version, highest first, and the operations that do it."""

    fates: tuple[Fate, ...]
    operations: tuple[Operation, ...] = ()


Plan = Callable[[Transaction, DefinitionName, datetime], list[Fate]]


def retention(transaction: Transaction, name: DefinitionName, now: datetime) -> list[Fate]:
    """What the retention policy of a definition would do now. Raises NotFound, also when there is no policy."""
    definition = definitions.require_image(transaction, name)
    policy = definition.spec.retention_policy
    if policy is None:
        raise NotFound("retention policy", str(definition.name))

    def guard(version: AnyVersion) -> str:
        return _guard(transaction, version, Effect.DELETE, now)

    return rules.retention(policy, _versions(transaction, definition), guard, now)


def spread(transaction: Transaction, name: DefinitionName, now: datetime) -> list[Fate]:
    """What the spread policy of a definition would do now. Raises NotFound, also when there is no policy."""
    definition = definitions.require_image(transaction, name)
    policy = definition.spec.spread_policy
    if policy is None:
        raise NotFound("spread policy", str(definition.name))

    def guard(version: AnyVersion) -> str:
        return _guard(transaction, version, Effect.CHANGE, now)

    # The newest are looked at again for each older version and region.
    of_version = cache(partial(copies.of_version, transaction))

    def usable(version: AnyVersion, region: str) -> bool:
        return is_usable(version, of_version(version.uid), region)

    return rules.spread(policy, _versions(transaction, definition), usable, guard)


def apply(transaction: Transaction, name: DefinitionName, plan: Plan, volumes: VolumesOf, now: datetime) -> Applied:
    """Do what the plan says, at most 1,000 changes at once; what cannot be done stays, and its fate says why.

    Raises NotFound, RegionDown, ScopeLocked for the definition.
    """
    protection.check(transaction, name, Effect.CHANGE)
    galleries.require_writable(transaction, name.gallery)
    done: list[Operation] = []
    fates = []
    for fate in plan(transaction, name, now):
        if not fate.changes or len(done) == MOST_CHANGES:
            fates.append(fate)
            continue
        came_to_be, operation = _carry_out(transaction, fate, volumes, now)
        done += [] if operation is None else [operation]
        fates.append(came_to_be)
    return Applied(tuple(fates), tuple(done))


def apply_all(transaction: Transaction, uid: UUID, volumes: VolumesOf, now: datetime) -> int:
    """Apply the policies of one definition; how many versions were changed. What is locked or gone stays as it is."""
    definition = cast("ImageDefinition | None", definition_rows.find_by_uid(transaction, uid))
    if definition is None:
        return 0
    changed = 0
    for there, plan in ((definition.spec.spread_policy, spread), (definition.spec.retention_policy, retention)):
        try:
            if there is not None:
                changed += len(apply(transaction, definition.name, plan, volumes, now).operations)
        except DomainError as error:
            _log.info("a policy of %s is not applied: %s", definition.name, error)
    return changed


def _versions(transaction: Transaction, definition: ImageDefinition) -> list[AnyVersion]:
    return versions.page(transaction, definition.uid, None, MOST_VERSIONS, ImageState.ACTIVE)


def _guard(transaction: Transaction, version: AnyVersion, effect: Effect, now: datetime) -> str:
    """Why the version must not be deleted, or lose a region."""
    try:
        if effect is Effect.DELETE:
            deletion.check_deletable(transaction, version, now)
        else:
            deletion.check_unaliased(transaction, version)
            deletion.check_unused(transaction, version)
        protection.check(transaction, version.name, effect)
    except DomainError as error:
        return str(error)
    return ""


def _carry_out(
    transaction: Transaction, fate: Fate, volumes: VolumesOf, now: datetime
) -> tuple[Fate, Operation | None]:
    name, wanted = fate.version.name, fate.target_regions
    savepoint = transaction.begin_nested()
    try:
        if wanted is None:
            operation = deletion.remove(transaction, name, "", now)
        else:
            operation = catalogue.change_regions(transaction, name, _always(wanted), volumes, now)
    except DomainError as error:
        savepoint.rollback()
        return replace(fate, target_regions=fate.version.target_regions, reason=str(error)), None
    savepoint.commit()
    return fate, operation


def _always(wanted: tuple[TargetRegion, ...]) -> Callable[[AnyVersion], tuple[TargetRegion, ...]]:
    return lambda _: wanted
