"""The database: its schema, its transactions, and the rows that the reconciler works on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from galleria_server.catalogue import definitions, galleries, settlement, versions
from galleria_server.catalogue import disks as disk_rules
from galleria_server.catalogue import groups as group_rules
from galleria_server.clock import utc_now
from galleria_server.domain.gallery import GallerySpec
from galleria_server.domain.image_definition import DefinitionSpec, Identifier, OsState, OsType
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.models import Copy, CopyState, DiskState
from galleria_server.domain.names import DefinitionName, GalleryName, GroupName, VersionName, VersionNumber
from galleria_server.domain.placement import STANDARD, Candidate, RegionVolumes
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION, GroupSpec, ResourceGroup
from galleria_server.metadata import copies, disks, groups, installation, operations, requests, schema, tables
from galleria_server.metadata import versions as version_rows
from galleria_server.metadata.engine import Database, Transaction
from galleria_server.metadata.requests import Answered, RequestKey
from tests.server.catalogue_client import add_disk

FIRST, SECOND = UUID(int=1), UUID(int=2)
GROUP = GroupName(DEFAULT_SUBSCRIPTION, "rg")
GROUP_ROW = ResourceGroup(uuid4(), GROUP, GroupSpec(), utc_now(), utc_now(), "etag")
IMAGE = DefinitionName(GalleryName(GROUP, "g"), "i")
LATER = timedelta(minutes=1)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    with database.writing() as transaction:
        schema.upgrade(transaction)
    yield database
    database.close()


@pytest.fixture
def transaction(database: Database) -> Iterator[Transaction]:
    with database.writing() as transaction:
        yield transaction


@pytest.fixture
def copy(transaction: Transaction) -> Copy:
    """The one copy of a new version."""
    now = utc_now()
    galleries.create(transaction, IMAGE.gallery, "eastus", GallerySpec(), now)
    definition = DefinitionSpec(OsType.LINUX, OsState.GENERALIZED, Identifier("p", "o", "s"))
    definitions.create(transaction, IMAGE, "", definition, now)
    disk = add_disk(transaction, GROUP, "d", DiskState.READY)
    spec = ImageVersionSpec(os_disk=str(disk.name))
    volume = Candidate("v", "1", frozenset({STANDARD}), free=1 << 30, total=1 << 30)
    volumes = RegionVolumes("eastus", ("1",), (volume,))
    versions.create(transaction, VersionName(IMAGE, VersionNumber(1, 0, 0)), "", spec, lambda _: volumes, now)
    (made,) = copies.due(transaction, now, 10)
    return made


def test_the_migrations_make_the_tables(transaction: Transaction) -> None:
    assert schema.current(transaction) == schema.newest()
    context = MigrationContext.configure(transaction, opts={"compare_type": True, "render_as_batch": True})
    assert compare_metadata(context, tables.metadata) == []


def test_an_upgrade_of_what_is_new_does_nothing(transaction: Transaction) -> None:
    assert schema.upgrade(transaction) is False


def test_a_database_of_newer_software_is_refused(transaction: Transaction) -> None:
    transaction.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(schema.SchemaUnknown) as caught:
        schema.upgrade(transaction)
    assert (caught.value.revision, caught.value.known) == ("9999", schema.newest())


def test_an_upgrade_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path)
    with database.writing() as transaction:
        transaction.execute(text("create table copies (uid text)"))
    with pytest.raises(OperationalError, match="already exists"), database.writing() as transaction:
        schema.upgrade(transaction)
    with database.writing() as transaction:
        assert schema.current(transaction) is None
        assert transaction.execute(text("select name from sqlite_master where type = 'table'")).all() == [("copies",)]
    database.close()


def test_writes_are_durable_and_foreign_keys_hold(transaction: Transaction) -> None:
    settings = {name: transaction.execute(text(f"pragma {name}")).scalar() for name in ("synchronous", "foreign_keys")}
    assert settings == {"synchronous": 2, "foreign_keys": 1}
    assert transaction.execute(text("pragma journal_mode")).scalar() == "wal"


def test_a_transaction_that_fails_writes_nothing(database: Database) -> None:
    def write_and_fail(transaction: Transaction) -> None:
        groups.add(transaction, GROUP_ROW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), database.writing() as transaction:
        write_and_fail(transaction)
    with database.reading() as transaction:
        assert groups.find(transaction, GROUP) is None


def test_a_reader_sees_one_moment_and_writes_nothing(database: Database) -> None:
    with database.reading() as reader:
        assert groups.find(reader, GROUP) is None
        with database.writing() as writer:
            groups.add(writer, GROUP_ROW)
        assert groups.find(reader, GROUP) is None
        with pytest.raises(OperationalError, match="readonly"):
            groups.add(reader, GROUP_ROW)
    with database.reading() as reader:
        assert groups.find(reader, GROUP) is not None


def test_the_installation_stays_the_same_and_its_mark_only_grows(database: Database) -> None:
    with database.writing() as transaction:
        made = installation.ensure(transaction)
        assert installation.noted(transaction) == {}
        numbers = [(FIRST, 0), (SECOND, 0), (FIRST, 7), (SECOND, 7), (SECOND, 5)]
        assert [installation.advance(transaction, *number) for number in numbers] == [1, 2, 7, 8, 9]
    with database.writing() as transaction:
        assert installation.ensure(transaction) == replace(made, high_water=9)
        assert installation.noted(transaction) == {FIRST: 7, SECOND: 9}


def test_requests_are_forgotten_after_a_day(transaction: Transaction) -> None:
    first, second = (Answered(RequestKey("c", "m", uuid4()), b"f", uuid4()) for _ in range(2))
    now = utc_now()
    requests.add(transaction, first, now)
    assert requests.find(transaction, first.key, now + DAY) == first
    assert requests.find(transaction, first.key, now + DAY + TICK) is None
    requests.add(transaction, first, now + DAY + TICK)
    requests.add(transaction, second, now + 2 * DAY)
    assert requests.find(transaction, first.key, now + 2 * DAY) == first
    assert requests.find(transaction, second.key, now + 2 * DAY) == second


def test_requests_of_other_callers_and_methods_are_others(transaction: Transaction) -> None:
    now, key = utc_now(), RequestKey("one", "CreateGallery", uuid4())
    keys = [key, replace(key, caller="two"), replace(key, method="DeleteGallery")]
    for number, own in enumerate(keys):
        requests.add(transaction, Answered(own, bytes([number]), None), now)
    found = [requests.find(transaction, own, now) for own in keys]
    assert [answered and answered.fingerprint for answered in found] == [b"\0", b"\1", b"\2"]


def claimed(transaction: Transaction, copy: Copy, now: datetime) -> Copy:
    claim = copies.claim(transaction, copy.uid, uuid4(), now, now + LATER)
    assert claim is not None
    return claim


def test_a_claim_is_exclusive_until_it_lapses(transaction: Transaction, copy: Copy) -> None:
    now = utc_now()
    first = claimed(transaction, copy, now)
    assert (first.state, first.epoch, first.attempts) == (CopyState.COPYING, 1, 1)
    assert copies.due(transaction, now, 10) == []
    assert copies.claim(transaction, copy.uid, uuid4(), now, now + LATER) is None
    (lapsed,) = copies.due(transaction, now + LATER, 10)
    second = claimed(transaction, lapsed, now + LATER)
    assert second.epoch == 2
    assert not copies.checkpoint(transaction, copy.uid, first.epoch, 5, now + LATER)
    assert not copies.finish(transaction, copy.uid, first.epoch, 5)
    assert copies.checkpoint(transaction, copy.uid, second.epoch, 5, now + 2 * LATER)
    assert copies.finish(transaction, copy.uid, second.epoch, 9)
    assert [(ready.done_bytes, ready.lease_until) for ready in copies.ready(transaction, copy.version_uid, 0)] == [
        (9, None)
    ]
    assert copies.ready(transaction, copy.version_uid, 0, "westus") == []


def test_claims_of_an_earlier_process_end_at_a_start(transaction: Transaction, copy: Copy) -> None:
    now = utc_now()
    claimed(transaction, copy, now)
    assert copies.release_claims(transaction, now) == 1
    assert [found.uid for found in copies.due(transaction, now, 10)] == [copy.uid]


def test_a_copy_given_back_waits_for_its_time(transaction: Transaction, copy: Copy) -> None:
    now = utc_now()
    claim = claimed(transaction, copy, now)
    assert copies.retry(transaction, copy.uid, claim.epoch, now + LATER, "busy")
    assert copies.due(transaction, now, 10) == []
    (due,) = copies.due(transaction, now + LATER, 10)
    assert (due.state, due.details, due.owner) == (CopyState.PENDING, "busy", None)
    assert not copies.retry(transaction, copy.uid, claim.epoch, now, "again")


def test_a_deletion_takes_a_copy_from_whoever_works_on_it(transaction: Transaction, copy: Copy) -> None:
    now = utc_now()
    claim = claimed(transaction, copy, now)
    copies.delete_all(transaction, copy.version_uid)
    assert not copies.checkpoint(transaction, copy.uid, claim.epoch, 1, now + LATER)
    deleting = claimed(transaction, copy, now)
    assert deleting.state is CopyState.DELETING
    assert copies.retry(transaction, copy.uid, deleting.epoch, now, "volume offline")
    copies.drop(transaction, copy.uid)
    assert copies.of_version(transaction, copy.version_uid) == []


def test_only_a_copy_that_is_being_deleted_can_be_dropped(transaction: Transaction, copy: Copy) -> None:
    copies.drop(transaction, copy.uid)
    assert copies.find(transaction, copy.uid) == copy


def test_a_disk_is_needed_while_copies_of_it_are_made(transaction: Transaction, copy: Copy) -> None:
    (disk,) = disks.in_states(transaction, [DiskState.READY])
    assert copies.count_unfinished_from(transaction, disk.uid) == 1
    claim = claimed(transaction, copy, utc_now())
    assert copies.count_unfinished_from(transaction, disk.uid) == 1
    copies.finish(transaction, copy.uid, claim.epoch, 1)
    assert copies.count_unfinished_from(transaction, disk.uid) == 0


def test_settling_twice_changes_nothing_more(transaction: Transaction, copy: Copy) -> None:
    now = utc_now()
    copies.finish(transaction, copy.uid, claimed(transaction, copy, now).epoch, 1)
    settlement.settle_version(transaction, copy.version_uid, now)
    before = version_rows.find_by_uid(transaction, copy.version_uid)
    settlement.settle_version(transaction, copy.version_uid, now + LATER)
    assert version_rows.find_by_uid(transaction, copy.version_uid) == before
    assert operations.running_on(transaction, copy.version_uid) == []
    settlement.settle_version(transaction, uuid4(), now)


def test_a_disk_changes_only_from_the_state_that_was_seen(transaction: Transaction) -> None:
    disk = add_disk(transaction, GROUP, "Disk", DiskState.EMPTY)
    pushing = replace(disk, state=DiskState.PUSHING, session=uuid4())
    assert disks.save(transaction, pushing, when=DiskState.EMPTY)
    assert not disks.save(transaction, replace(disk, state=DiskState.READY), when=DiskState.EMPTY)
    assert pushing.session is not None
    assert disks.find_by_session(transaction, pushing.session) == pushing
    assert disks.find(transaction, replace(disk.name, disk="dISK")) == pushing


def test_a_group_with_condemned_disks_goes_and_leaves_its_name(transaction: Transaction) -> None:
    disk, other = (add_disk(transaction, GROUP, name, DiskState.READY) for name in ("d", "e"))
    for deleted in (disk, other):
        assert groups.child(transaction, disk.group_uid) is not None
        disks.condemn(transaction, deleted.uid)
    assert groups.child(transaction, disk.group_uid) is None
    groups.drop(transaction, disk.group_uid)
    assert groups.find(transaction, GROUP) is None
    assert groups.find_by_uid(transaction, disk.group_uid) is None
    assert groups.page(transaction, DEFAULT_SUBSCRIPTION, "", 10) == []
    assert disks.in_states(transaction, [DiskState.DELETING]) != []
    again = group_rules.ensure(transaction, GROUP, utc_now(), disk.group_uid)
    assert again.uid != disk.group_uid
    for deleted, left in ((disk, True), (other, False)):
        disk_rules.forget(transaction, deleted)
        assert groups.is_taken(transaction, disk.group_uid) is left
    groups.drop_condemned(transaction, again.uid)
    assert groups.find(transaction, GROUP) == again


def test_a_condemned_disk_leaves_its_name(transaction: Transaction) -> None:
    first = add_disk(transaction, GROUP, "d", DiskState.READY)
    disks.condemn(transaction, first.uid)
    assert disks.find(transaction, first.name) is None
    assert disks.page(transaction, GROUP, "", 10) == []
    second = add_disk(transaction, GROUP, "d", DiskState.EMPTY)
    assert disks.find(transaction, first.name) == second
    disks.drop(transaction, second.uid)
    disks.drop(transaction, first.uid)
    assert disks.find_by_uid(transaction, first.uid) is None
    assert disks.find_by_uid(transaction, second.uid) == second
