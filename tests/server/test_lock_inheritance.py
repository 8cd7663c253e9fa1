"""The most restrictive lock wins, whatever locks there are: held against a model that knows names alone."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_server.catalogue import locks, protection
from galleria_server.clock import utc_now
from galleria_server.domain.errors import ScopeLocked
from galleria_server.domain.locks import Effect, LockLevel, LockSpec
from galleria_server.domain.models import DiskState
from galleria_server.domain.scopes import parse_scope
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.metadata.engine import Transaction
from tests.server.catalogue_client import CatalogueClient, add_disk, gallery_request, image_request
from tests.server.empty_volumes import CatalogueServer

SUBSCRIPTION = f"subscriptions/{DEFAULT_SUBSCRIPTION}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
IMAGE = f"{GROUP}/galleries/g/images/i"
# One name begins as the other does: who compared texts would take one for the parent of the other.
THERE = [
    SUBSCRIPTION,
    GROUP,
    f"{GROUP}.2",
    f"{GROUP}/disks/d",
    f"{GROUP}/disks/d.2",
    f"{GROUP}/galleries/g",
    f"{GROUP}/galleries/g.2",
    IMAGE,
    f"{IMAGE}.2",
    f"{IMAGE}/versions/1.0.1",
    f"{IMAGE}/versions/1.0.10",
]
ABSENT = [
    f"{SUBSCRIPTION}/resourceGroups/new",
    f"{SUBSCRIPTION}/resourceGroups/new/galleries/g",
    f"{GROUP}.2/galleries/g",
    f"{GROUP}/disks/new",
    f"{GROUP}/galleries/g.2/images/i",
    f"{IMAGE}/versions/1.0.100",
]

Put = tuple[str, LockLevel]
PUT = st.lists(st.tuples(st.sampled_from(THERE), st.sampled_from(LockLevel)), max_size=6)


@pytest.fixture(scope="module")
def catalogue(running: CatalogueServer) -> CatalogueServer:
    """A server that has `THERE`."""
    with grpc.insecure_channel(running.target) as channel:
        client = CatalogueClient(channel, running, "rg")
        client.image_name = IMAGE
        for gallery in ("g", "g.2"):
            client.galleries.CreateGallery(gallery_request(GROUP, gallery))
        for image in ("i", "i.2"):
            client.galleries.CreateImageDefinition(image_request(f"{GROUP}/galleries/g", image))
        for disk in ("d", "d.2"):
            running.write(add_disk, client.group_name, disk, DiskState.READY)
        for number in ("1.0.1", "1.0.10"):
            client.create_version(number, disk="d")
        other = CatalogueClient(channel, running, "rg.2")
        other.create_gallery()
    return running


@given(put=PUT)
def test_the_most_restrictive_lock_wins(catalogue: CatalogueServer, put: list[Put]) -> None:
    found = catalogue.write(with_locks, put)
    assert found == {(name, effect): by_names(put, name, effect) for name in (*THERE, *ABSENT) for effect in Effect}


def by_names(put: Sequence[Put], name: str, effect: Effect) -> LockLevel | None:
    """The model: the level by which something is refused."""
    above = [level for scope, level in put if f"{name}/".startswith(f"{scope}/")]
    inside = [level for scope, level in put if f"{scope}/".startswith(f"{name}/")]
    if effect is Effect.CHANGE:
        return LockLevel.READ_ONLY if LockLevel.READ_ONLY in above else None
    strictest_last = (LockLevel.CAN_NOT_DELETE, LockLevel.READ_ONLY)
    return max((*above, *inside), key=strictest_last.index, default=None)


def with_locks(transaction: Transaction, put: Sequence[Put]) -> dict[tuple[str, Effect], LockLevel | None]:
    """By which level each write would be refused; the locks are gone then."""
    for scope, level in put:
        locks.create(transaction, parse_scope("scope", scope), "", LockSpec(level), utc_now())
    found = {(name, effect): refused_by(transaction, name, effect) for name in (*THERE, *ABSENT) for effect in Effect}
    transaction.rollback()
    return found


def refused_by(transaction: Transaction, name: str, effect: Effect) -> LockLevel | None:
    try:
        protection.check(transaction, parse_scope("name", name), effect)
    except ScopeLocked as error:
        return LockLevel(error.level)
    return None
