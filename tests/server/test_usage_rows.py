"""What limits count is what there is, whatever was done before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text

from galleria_server.catalogue import adoption, definitions, deletion, galleries, subscriptions, versions
from galleria_server.catalogue import limits as rules
from galleria_server.catalogue.adoption import FoundRoot
from galleria_server.clock import utc_now
from galleria_server.domain.application import ApplicationSpec
from galleria_server.domain.application_version import ApplicationVersionSpec, ManageActions
from galleria_server.domain.errors import DomainError
from galleria_server.domain.errors_content import RootNotUsable
from galleria_server.domain.gallery import GallerySpec
from galleria_server.domain.image_definition import DefinitionSpec, Identifier, OsState, OsType
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.limits import (
    APPLICATION_VERSIONS,
    COUNTED,
    GALLERIES,
    IMAGE_DEFINITIONS,
    IMAGE_VERSIONS,
    Limit,
)
from galleria_server.domain.models import DiskState
from galleria_server.domain.names import (
    Artifact,
    DefinitionName,
    GalleryName,
    GroupName,
    LimitName,
    TenantName,
    VersionName,
    VersionNumber,
)
from galleria_server.domain.placement import STANDARD, Candidate, RegionVolumes
from galleria_server.domain.publishing import PublishingSpec
from galleria_server.domain.tenancy import DEFAULT_TENANT, SubscriptionSpec
from galleria_server.domain.version import VersionState
from galleria_server.metadata import definitions as definition_rows
from galleria_server.metadata import limits, schema
from galleria_server.metadata import versions as version_rows
from galleria_server.metadata.engine import Database, Transaction
from tests.server.catalogue_client import DIGEST, add_disk, drop_copies

OWNERS = (UUID(int=1), UUID(int=2))
REGIONS = ("eastus", "westus")
OWNER, REGION = st.sampled_from(OWNERS), st.sampled_from(REGIONS)
STEP = st.tuples(st.sampled_from(("add", "remove")), st.sampled_from(COUNTED), OWNER, REGION, st.sampled_from("ab"))
Counts = Counter[tuple[str, UUID, str]]


@pytest.fixture(scope="module")
def database(module_folder: Path) -> Iterator[Database]:
    """A database with two subscriptions, of which one test undoes what it did before the next."""
    database = Database(module_folder)
    with database.writing() as transaction:
        schema.upgrade(transaction)
        for owner in OWNERS:
            tenant = TenantName(DEFAULT_TENANT)
            subscriptions.create(transaction, owner, tenant, SubscriptionSpec(str(tenant), "S"), utc_now())
    yield database
    database.close()


@contextmanager
def undone(database: Database) -> Iterator[Transaction]:
    with database.writing() as transaction:
        yield transaction
        transaction.rollback()


@pytest.fixture
def transaction(database: Database) -> Iterator[Transaction]:
    with undone(database) as transaction:
        yield transaction


class Catalogue:
    """Adds and removes resources, and counts by itself what there is."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.counts: Counts = Counter()
        self.places: dict[str, str] = {}

    def step(self, verb: str, limit: Limit, owner: UUID, region: str, letter: str) -> None:
        name = self.name(limit, owner, letter)
        try:
            if verb == "add":
                self.add(name, region)
                self.places[str(name)] = region
                self.counts[limit.key, owner, region] += 1
            else:
                self.remove(name)
                self.counts[limit.key, owner, self.places.pop(str(name))] -= 1
        except DomainError:
            return

    def name(self, limit: Limit, owner: UUID, letter: str) -> GalleryName | DefinitionName | VersionName:
        gallery = GalleryName(GroupName(owner, "rg"), letter)
        image = DefinitionName(gallery, "i")
        if limit is GALLERIES:
            return gallery
        if limit is APPLICATION_VERSIONS:
            image = replace(image, artifact=Artifact.APPLICATION)
        return image if limit is IMAGE_DEFINITIONS else VersionName(image, VersionNumber(1, 0, 0))

    def add(self, name: GalleryName | DefinitionName | VersionName, region: str) -> None:
        now = utc_now()
        match name:
            case GalleryName():
                galleries.create(self.transaction, name, region, GallerySpec(), now)
            case DefinitionName():
                spec = DefinitionSpec(OsType.LINUX, OsState.GENERALIZED, Identifier("p", "o", "s"))
                definitions.create(self.transaction, name, region, spec, now)
            case VersionName():
                disk = add_disk(self.transaction, name.definition.gallery.group, f"d{uuid4().hex}", DiskState.READY)
                of_disk: PublishingSpec = ImageVersionSpec(os_disk=str(disk.name))
                if name.definition.artifact is Artifact.APPLICATION:
                    of_disk = ApplicationVersionSpec(package=str(disk.name))
                    if definition_rows.find(self.transaction, name.definition) is None:
                        definitions.create(
                            self.transaction, name.definition, region, ApplicationSpec(OsType.LINUX), now
                        )
                versions.create(self.transaction, name, region, of_disk, lambda _: one_volume(region), now)

    def remove(self, name: GalleryName | DefinitionName | VersionName) -> None:
        match name:
            case GalleryName():
                galleries.remove(self.transaction, name, "")
            case DefinitionName():
                definitions.remove(self.transaction, name, "")
            case VersionName():
                deletion.remove(self.transaction, name, "", utc_now())
                found = version_rows.find(self.transaction, name)
                assert found is not None
                drop_copies(self.transaction, found.uid)


def one_volume(region: str) -> RegionVolumes:
    volume = Candidate("v", "1", frozenset({STANDARD}), free=1 << 30, total=1 << 30)
    return RegionVolumes(region, ("1",), (volume,))


def counted(transaction: Transaction) -> Counts:
    return Counter(
        {
            (limit.key, owner, region): limits.count(transaction, limit, owner, region)
            for limit in COUNTED
            for owner in OWNERS
            for region in REGIONS
        }
    )


@given(steps=st.lists(STEP, max_size=40))
def test_usages_count_what_there_is(database: Database, steps: list[tuple[str, Limit, UUID, str, str]]) -> None:
    with undone(database) as transaction:
        catalogue = Catalogue(transaction)
        for step in steps:
            catalogue.step(*step)
            assert +counted(transaction) == +catalogue.counts


def test_what_is_adopted_is_counted_and_not_refused(transaction: Transaction) -> None:
    catalogue, owner = Catalogue(transaction), OWNERS[0]
    for limit in (GALLERIES, IMAGE_DEFINITIONS):
        catalogue.step("add", limit, owner, "eastus", "a")
    rules.put(transaction, LimitName(owner, IMAGE_VERSIONS.key), 0)
    gallery = galleries.require(transaction, GalleryName(GroupName(owner, "rg"), "a"))
    root = FoundRoot(
        id=uuid4(),
        region="westus",
        zone="1",
        volume="v",
        tiers=frozenset({"standard"}),
        scope=gallery.group_uid,
        resource=uuid4(),
        name=str(catalogue.name(IMAGE_VERSIONS, owner, "a")),
        size=4096,
        occupied=0,
        digest=DIGEST,
        pinned_ms=0,
    )
    adoption.adopt(transaction, root, "")
    assert limits.count(transaction, IMAGE_VERSIONS, owner, "westus") == 1


def test_an_application_that_is_adopted_keeps_its_bytes_and_is_to_be_created_again(transaction: Transaction) -> None:
    catalogue, owner = Catalogue(transaction), OWNERS[0]
    for limit in (GALLERIES, APPLICATION_VERSIONS):
        catalogue.step("add", limit, owner, "eastus", "a")
    name = catalogue.name(APPLICATION_VERSIONS, owner, "a")
    catalogue.step("remove", APPLICATION_VERSIONS, owner, "eastus", "a")
    gallery = galleries.require(transaction, GalleryName(GroupName(owner, "rg"), "a"))
    root = FoundRoot(
        id=uuid4(),
        region="eastus",
        zone="1",
        volume="v",
        tiers=frozenset({"standard"}),
        scope=gallery.group_uid,
        resource=uuid4(),
        name=str(name),
        size=1001,
        occupied=1001,
        digest=DIGEST,
        pinned_ms=0,
    )
    configuration = replace(root, id=uuid4(), name=f"{name}/configuration")
    with pytest.raises(RootNotUsable, match="first"):
        adoption.adopt(transaction, configuration, "")
    for found in (root, configuration):
        assert adoption.adopt(transaction, found, "") == str(name)
    assert isinstance(name, VersionName)
    version = version_rows.find(transaction, name)
    assert version is not None
    assert [content.size_bytes for content in version.contents] == [1001, 1001]
    assert [version.content_name(one) for one in (0, 1)] == [root.name, configuration.name]
    assert version.state is VersionState.FAILED
    disk = add_disk(transaction, gallery.name.group, "again", DiskState.READY)
    spec = ApplicationVersionSpec(package=str(disk.name), manage_actions=ManageActions("i", "r"))
    versions.create(transaction, name, "eastus", spec, lambda _: one_volume("eastus"), utc_now())
    again = version_rows.find(transaction, name)
    assert again is not None
    assert (again.uid, again.spec.target_regions[0].region) == (version.uid, "eastus")


def test_images_and_applications_of_one_name_are_counted_apart(transaction: Transaction) -> None:
    catalogue, owner = Catalogue(transaction), OWNERS[0]
    for limit in COUNTED:
        catalogue.step("add", limit, owner, "eastus", "a")
    here = {limit.key: limits.count(transaction, limit, owner, "eastus") for limit in COUNTED}
    assert here == dict.fromkeys((limit.key for limit in COUNTED), 1)
    catalogue.step("remove", APPLICATION_VERSIONS, owner, "eastus", "a")
    assert +counted(transaction) == +catalogue.counts


@pytest.mark.parametrize("limit", COUNTED, ids=[limit.key for limit in COUNTED])
def test_counting_reads_an_index_and_no_rows(transaction: Transaction, limit: Limit) -> None:
    seen: list[tuple[str, object]] = []
    event.listen(transaction, "before_cursor_execute", lambda *told: seen.append((told[2], told[3])))
    limits.count(transaction, limit, OWNERS[0], "eastus")
    ((statement, values),) = seen
    plan = transaction.exec_driver_sql(f"explain query plan {statement}", values).all()  # type: ignore[arg-type]
    table = limit.key.removeprefix("image_").removeprefix("application_")
    index = f"COVERING INDEX ix_{table}_subscription"
    assert [index in row.detail for row in plan] == [True]


def test_the_migration_tells_every_row_its_subscription(tmp_path: Path) -> None:
    database = Database(tmp_path)
    with database.writing() as transaction:
        schema.upgrade(transaction, "0005")
        for statement in OLD_ROWS:
            transaction.execute(text(statement))
        schema.upgrade(transaction)
        for limit in COUNTED:
            here = [limits.count(transaction, limit, owner, "eastus") for owner in OWNERS]
            assert here == [0 if limit is APPLICATION_VERSIONS else 1, 0], limit.key
    database.close()


def _insert(table: str, **values: object) -> str:
    return f"insert into {table} ({', '.join(values)}) values ({', '.join(map(repr, values.values()))})"  # noqa: S608


_TIMES = {"create_time": 1, "update_time": 1, "etag": "e", "spec": "{}"}
_GROUP, _GALLERY, _IMAGE, _VERSION = (UUID(int=number).hex for number in (11, 12, 13, 14))
_CONTENT = {"size_bytes": 1, "occupied_bytes": 1, "digest": "d", "sha256": "s", "source_disk": "d"}
OLD_ROWS = (
    _insert("resource_groups", uid=_GROUP, subscription=OWNERS[0].hex, name="rg", key="rg", **_TIMES),
    _insert("galleries", uid=_GALLERY, group_uid=_GROUP, name="g", key="g", location="eastus", **_TIMES),
    _insert(
        "image_definitions",
        uid=_IMAGE,
        gallery_uid=_GALLERY,
        name="i",
        key="i",
        location="eastus",
        identifier_key="p/o/s",
        **_TIMES,
    ),
    _insert(
        "image_versions",
        uid=_VERSION,
        definition_uid=_IMAGE,
        major=1,
        minor=0,
        patch=0,
        location="eastus",
        tags="{}",
        source_disk_uid=_VERSION,
        exclude_from_latest=0,
        state="Succeeded",
        operation_uid=_VERSION,
        create_time=1,
        etag="e",
        **_CONTENT,
    ),
)
