"""The tables as this version of the software uses them; `migrations/` says how they came about.

A `key` is a name as it is compared: unique among its siblings.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from galleria_server.domain.application import ApplicationSpec
from galleria_server.domain.application_version import ApplicationVersionSpec
from galleria_server.domain.deployment import DeploymentSpec
from galleria_server.domain.disk_system import DiskSystem
from galleria_server.domain.gallery import GallerySpec
from galleria_server.domain.image_definition import DefinitionSpec
from galleria_server.domain.image_version import ImageVersionSpec
from galleria_server.domain.locks import LockSpec
from galleria_server.domain.models import CopyState, DiskKind, DiskState, OperationState, Verb
from galleria_server.domain.names import Artifact
from galleria_server.domain.region_access import AccessState
from galleria_server.domain.tenancy import GroupSpec, SubscriptionSpec, TenantSpec
from galleria_server.domain.version import VersionState
from galleria_server.metadata.columns import Choice, Time, Uid
from galleria_server.metadata.documents import Document

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

installation = Table(
    "installation",
    metadata,
    Column("id", Uid, primary_key=True),
    Column("high_water", BigInteger, nullable=False),
    Column("page_token_key", LargeBinary, nullable=False),
)

noted_volumes = Table(
    "noted_volumes",
    metadata,
    Column("volume", Uid, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

tenants = Table(
    "tenants",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("spec", Document(TenantSpec), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("etag", String(32), nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("tenant_uid", ForeignKey(tenants.c.uid), nullable=False, index=True),
    Column("spec", Document(SubscriptionSpec), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("etag", String(32), nullable=False),
)

regions = Table(
    "regions",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("region", String(64), nullable=False, unique=True),
    Column("restricted", Boolean, nullable=False),
    Column("down_time", Time),
    Column("down_reason", Text, nullable=False),
)

region_access = Table(
    "region_access",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("subscription", Uid, nullable=False),
    Column("region", String(64), nullable=False),
    Column("state", Choice(AccessState), nullable=False),
    Column("justification", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request_time", Time, nullable=False),
    Column("decide_time", Time),
    UniqueConstraint("subscription", "region"),
)

limits = Table(
    "limits",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("subscription", Uid, nullable=False),
    Column("key", String(64), nullable=False),
    Column("number", BigInteger, nullable=False),
    UniqueConstraint("subscription", "key"),
)

resource_groups = Table(
    "resource_groups",
    metadata,
    Column("uid", Uid, primary_key=True),
    # No foreign key: SQLite adds none to a table that is there, and the catalogue looks before it writes.
    Column("subscription", Uid, nullable=False),
    Column("name", String(90), nullable=False),
    Column("key", String(90), nullable=False),
    Column("spec", Document(GroupSpec), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("etag", String(32), nullable=False),
    UniqueConstraint("subscription", "key"),
)

galleries = Table(
    "galleries",
    metadata,
    Column("uid", Uid, primary_key=True),
    # Here and in what galleries hold: whose limit counts it. Nothing moves between subscriptions.
    Column("subscription", Uid, nullable=False),
    Column("group_uid", ForeignKey(resource_groups.c.uid), nullable=False),
    Column("name", String(80), nullable=False),
    Column("key", String(80), nullable=False),
    Column("location", String(64), nullable=False),
    Column("spec", Document(GallerySpec), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("etag", String(32), nullable=False),
    # Deleted with all that is in it, and there until that is gone.
    Column("deleting", Boolean, nullable=False),
    UniqueConstraint("group_uid", "key"),
    Index(None, "subscription", "location"),
)

definitions = Table(
    "definitions",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("subscription", Uid, nullable=False),
    Column("gallery_uid", ForeignKey(galleries.c.uid), nullable=False),
    Column("artifact", Choice(Artifact), nullable=False),
    Column("name", String(117), nullable=False),
    Column("key", String(117), nullable=False),
    Column("location", String(64), nullable=False),
    # Of an image: publisher, offer and SKU as they are compared.
    Column("identifier_key", String(300)),
    Column("spec", Document(DefinitionSpec, (("application", ApplicationSpec),)), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("etag", String(32), nullable=False),
    # Deleted with all that is in it, and there until that is gone.
    Column("deleting", Boolean, nullable=False),
    UniqueConstraint("gallery_uid", "artifact", "key"),
    UniqueConstraint("gallery_uid", "identifier_key"),
    Index(None, "subscription", "artifact", "location"),
)

versions = Table(
    "versions",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("subscription", Uid, nullable=False),
    Column("artifact", Choice(Artifact), nullable=False),
    Column("definition_uid", ForeignKey(definitions.c.uid), nullable=False),
    Column("major", BigInteger, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("patch", BigInteger, nullable=False),
    Column("location", String(64), nullable=False),
    Column("spec", Document(ImageVersionSpec, (("application", ApplicationVersionSpec),)), nullable=False),
    Column("state", Choice(VersionState), nullable=False),
    Column("operation_uid", Uid, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("published_time", Time),
    # As the spec has it, for `latest`.
    Column("end_of_life_time", Time),
    Column("etag", String(32), nullable=False),
    Column("soft_delete_time", Time),
    Column("consumption_end_time", Time),
    Column("hard_deletion_time", Time, index=True),
    UniqueConstraint("definition_uid", "major", "minor", "patch"),
    Index(None, "subscription", "artifact", "location"),
)

contents = Table(
    "contents",
    metadata,
    Column("version_uid", ForeignKey(versions.c.uid), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("lun", Integer),
    Column("source", Text, nullable=False),
    Column("source_disk_uid", Uid, index=True),
    Column("source_version_uid", Uid, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("occupied_bytes", BigInteger, nullable=False),
    Column("digest", String(160), nullable=False, index=True),
    Column("sha256", String(64), nullable=False),
)

# For `latest`: what a version's spec says of each region.
target_regions = Table(
    "target_regions",
    metadata,
    Column("version_uid", ForeignKey(versions.c.uid), primary_key=True),
    Column("region", String(64), primary_key=True),
    Column("excluded", Boolean, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("definition_uid", ForeignKey(definitions.c.uid), nullable=False),
    Column("name", String(63), nullable=False),
    Column("key", String(63), nullable=False),
    Column("version_uid", ForeignKey(versions.c.uid), nullable=False, index=True),
    Column("moves", Integer, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("etag", String(32), nullable=False),
    UniqueConstraint("definition_uid", "key"),
)

alias_moves = Table(
    "alias_moves",
    metadata,
    Column("alias_uid", ForeignKey(aliases.c.uid), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("major", BigInteger, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("patch", BigInteger, nullable=False),
    Column("move_time", Time, nullable=False),
)

copies = Table(
    "copies",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("version_uid", ForeignKey(versions.c.uid), nullable=False),
    Column("position", Integer, nullable=False),
    Column("region", String(64), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("volume", String(80), nullable=False),
    Column("root_id", Uid, nullable=False, unique=True),
    Column("lease_id", Uid, nullable=False),
    Column("state", Choice(CopyState), nullable=False),
    Column("owner", Uid),
    Column("epoch", BigInteger, nullable=False),
    Column("lease_until", Time),
    Column("done_bytes", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", Time),
    Column("details", Text, nullable=False),
    Index(None, "state", "next_try_at"),
    # For `latest`: without it SQLite goes through all READY copies there are.
    Index(None, "version_uid", "region", "state"),
    Index(None, "region", "volume"),
)

disks = Table(
    "disks",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("group_uid", ForeignKey(resource_groups.c.uid), nullable=False),
    Column("name", String(80), nullable=False),
    Column("key", String(80), nullable=False),
    Column("location", String(64), nullable=False),
    Column("volume", String(80), nullable=False),
    Column("root_id", Uid, nullable=False, unique=True),
    Column("kind", Choice(DiskKind), nullable=False, server_default=DiskKind.DISK.value),
    Column("system", Document(DiskSystem), nullable=False, server_default="{}"),
    Column("state", Choice(DiskState), nullable=False, index=True),
    Column("session", Uid, unique=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("occupied_bytes", BigInteger, nullable=False),
    Column("digest", String(160), nullable=False, index=True),
    Column("sha256", String(64), nullable=False),
    Column("statistics", JSON, nullable=False),
    Column("create_time", Time, nullable=False),
    Column("ready_time", Time),
    Column("etag", String(32), nullable=False),
    UniqueConstraint("group_uid", "key"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("group_uid", ForeignKey(resource_groups.c.uid), nullable=False),
    Column("name", String(80), nullable=False),
    Column("key", String(80), nullable=False),
    # The version may be gone: what is forced away leaves its deployments.
    Column("version_uid", Uid, nullable=False),
    Column("spec", Document(DeploymentSpec), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("update_time", Time, nullable=False),
    Column("etag", String(32), nullable=False),
    UniqueConstraint("group_uid", "key"),
    Index(None, "version_uid", "key", "uid"),
)

locks = Table(
    "locks",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("scope_uid", Uid, nullable=False),
    Column("scope", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("spec", Document(LockSpec), nullable=False),
    Column("create_time", Time, nullable=False),
    Column("etag", String(32), nullable=False),
    UniqueConstraint("scope_uid", "key"),
)

# The resources that the scope of a lock is or lies in: what cannot be deleted because of it.
lock_places = Table(
    "lock_places",
    metadata,
    Column("resource_uid", Uid, primary_key=True),
    Column("lock_uid", ForeignKey(locks.c.uid), primary_key=True, index=True),
)

operations = Table(
    "operations",
    metadata,
    Column("uid", Uid, primary_key=True),
    Column("verb", Choice(Verb), nullable=False),
    Column("target_uid", Uid, nullable=False, index=True),
    Column("target", Text, nullable=False),
    Column("state", Choice(OperationState), nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("failure", JSON(none_as_null=True)),
    Column("create_time", Time, nullable=False),
    Column("end_time", Time),
    Column("begun_bytes", BigInteger, nullable=False),
    Index(None, "create_time", "uid"),
)

requests = Table(
    "requests",
    metadata,
    Column("caller", String(200), primary_key=True),
    Column("method", String(120), primary_key=True),
    Column("request_id", Uid, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("answer", Uid),
    Column("create_time", Time, nullable=False, index=True),
)
