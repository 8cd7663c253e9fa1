"""Where a version is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.models import TargetRegion
from galleria_server.domain.placement import Account

MAX_REPLICAS = 100
_FIELD = "image_version.target_regions"


def settled_targets(home: str, wanted: Sequence[TargetRegion]) -> tuple[TargetRegion, ...]:
    """The target regions of a version at `home`: those wanted, or one replica at home.

    Raises:
        InvalidRequest: a region is named twice, or `home` is not among them.
    """
    if not wanted:
        return (TargetRegion(home, 1, Account.STANDARD_LRS),)
    regions = [target.region for target in wanted]
    twice = sorted({region for region in regions if regions.count(region) > 1})
    if twice:
        raise InvalidRequest((FieldViolation(_FIELD, f"names {', '.join(twice)} more than once"),))
    if home not in regions:
        raise InvalidRequest((FieldViolation(_FIELD, f"must contain the version's own location, {home}"),))
    return tuple(wanted)
