"""Placement keeps families together and copies apart."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_server.domain.errors_content import NotEnoughVolumes
from galleria_server.domain.placement import (
    QUIET_LOAD,
    Account,
    Candidate,
    Order,
    RegionVolumes,
    place_disk,
    place_version,
    ranked,
)

FAMILY = UUID(int=1)
GIB = 1 << 30


def volume(name: str, zone: str = "1", *, free: int = 90 * GIB, load: int = 0, tier: str = "standard") -> Candidate:
    return Candidate(name, zone, frozenset({tier}), free, 100 * GIB, load)


def region(*volumes: Candidate, zones: tuple[str, ...] = ("1", "2", "3")) -> RegionVolumes:
    return RegionVolumes("eastus", zones, volumes)


THREE = region(*(volume(f"eastus-{zone}", zone) for zone in "123"))


@given(st.uuids(), st.permutations(THREE.volumes))
def test_the_order_of_a_family_does_not_depend_on_the_order_of_the_configuration(
    family: UUID, volumes: list[Candidate]
) -> None:
    assert ranked(family, volumes) == ranked(family, THREE.volumes)


@given(st.uuids())
def test_a_lost_volume_moves_only_the_families_that_it_held(family: UUID) -> None:
    first, second, third = ranked(family, THREE.volumes)
    assert ranked(family, [first, third]) == [first, third]
    assert ranked(family, [second, third]) == [second, third]


def test_families_spread_over_the_volumes() -> None:
    homes = [place_disk(UUID(int=family), THREE) for family in range(300)]
    assert {homes.count(name) > 60 for name in ("eastus-1", "eastus-2", "eastus-3")} == {True}


def test_a_next_version_lands_where_its_ancestor_did() -> None:
    order = Order(THREE, 2, Account.STANDARD_LRS)
    assert place_version(FAMILY, [order]) == place_version(FAMILY, [order])
    assert place_version(FAMILY, [order])[0].volume == place_disk(FAMILY, THREE)


def test_room_overrides_the_family_only_past_85_percent() -> None:
    first, *others = ranked(FAMILY, THREE.volumes)
    at_limit = replace(first, free=15 * GIB)
    assert place_disk(FAMILY, region(at_limit, *others)) == first.name
    past_it = replace(first, free=15 * GIB - 1)
    assert place_disk(FAMILY, region(past_it, *others)) == others[0].name


def test_load_overrides_the_family_only_past_twice_the_quietest() -> None:
    first, *others = ranked(FAMILY, THREE.volumes)
    quiet = [replace(other, load=QUIET_LOAD + 1) for other in others]
    twice = replace(first, load=2 * (QUIET_LOAD + 1))
    assert place_disk(FAMILY, region(twice, *quiet)) == first.name
    more = replace(first, load=2 * (QUIET_LOAD + 1) + 1)
    assert place_disk(FAMILY, region(more, *quiet)) == others[0].name


def test_the_first_copy_lands_on_the_disks_own_volume_even_when_that_is_crowded() -> None:
    last = ranked(FAMILY, THREE.volumes)[-1]
    crowded = region(*(replace(v, free=0) if v == last else v for v in THREE.volumes))
    places = place_version(FAMILY, [Order(crowded, 2, Account.STANDARD_LRS)], home=("eastus", last.name))
    assert places[0].volume == last.name


def test_the_disks_volume_means_nothing_in_another_region() -> None:
    last = ranked(FAMILY, THREE.volumes)[-1]
    order = Order(THREE, 1, Account.STANDARD_LRS)
    assert place_version(FAMILY, [order], home=("westus", last.name)) == place_version(FAMILY, [order])


@given(st.uuids(), st.integers(1, 3), st.sampled_from([Account.STANDARD_LRS, Account.STANDARD_ZRS]))
def test_copies_of_a_version_never_share_a_volume(family: UUID, replicas: int, account: Account) -> None:
    volumes = region(*(volume(f"v{zone}{number}", zone) for zone in "123" for number in range(3)))
    places = place_version(family, [Order(volumes, replicas, account)])
    assert len({place.volume for place in places}) == len(places)
    assert {place.ordinal for place in places} == set(range(replicas))


def test_a_zrs_replica_has_a_copy_in_every_zone() -> None:
    places = place_version(FAMILY, [Order(THREE, 1, Account.STANDARD_ZRS)])
    assert sorted((place.ordinal, place.zone) for place in places) == [(0, "1"), (0, "2"), (0, "3")]


@pytest.mark.parametrize(
    ("volumes", "replicas", "account", "wanted", "available"),
    [
        (THREE, 4, Account.STANDARD_LRS, 4, 3),
        (THREE, 2, Account.STANDARD_ZRS, 6, 3),
        (region(volume("a", "1"), volume("b", "2")), 1, Account.STANDARD_ZRS, 3, 0),
        (THREE, 1, Account.PREMIUM_LRS, 1, 0),
        (region(volume("a", tier="premium"), volume("b")), 2, Account.PREMIUM_LRS, 2, 1),
    ],
)
def test_too_few_volumes_are_refused_with_both_numbers(
    volumes: RegionVolumes, replicas: int, account: Account, wanted: int, available: int
) -> None:
    with pytest.raises(NotEnoughVolumes) as refused:
        place_version(FAMILY, [Order(volumes, replicas, account)])
    assert (refused.value.region, refused.value.wanted, refused.value.available) == ("eastus", wanted, available)


def test_a_region_without_volumes_takes_no_disk() -> None:
    with pytest.raises(NotEnoughVolumes):
        place_disk(FAMILY, region())
