"""Regions as callers write them."""

from collections.abc import Sequence

from galleria_server.domain.errors import FieldViolation, InvalidRequest, RegionUnknown
from galleria_server.domain.names import region_key

_LONGEST_SHOWN = 64


def known_region(field: str, text: str, known: Sequence[str]) -> str:
    """The short name of the region. Raises InvalidRequest for `field` when it is empty, RegionUnknown."""
    name = region_key(text)
    if not name:
        raise InvalidRequest((FieldViolation(field, "is required"),))
    if name not in known:
        raise RegionUnknown(text[:_LONGEST_SHOWN], tuple(known))
    return name
