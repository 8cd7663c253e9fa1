"""The catalogue as it was first published."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _installation()
    _operations()
    _requests()
    _resource_groups()
    _disks()
    _galleries()
    _image_definitions()
    _image_versions()
    _copies()
    _target_regions()


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("high_water", sa.BigInteger(), nullable=False),
        sa.Column("page_token_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("target_uid", sa.Uuid(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_operations")),
    )
    op.create_index(op.f("ix_operations_create_time_uid"), "operations", ["create_time", "uid"], unique=False)
    op.create_index(op.f("ix_operations_target_uid"), "operations", ["target_uid"], unique=False)


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(length=120), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_create_time"), "requests", ["create_time"], unique=False)


def _resource_groups() -> None:
    op.create_table(
        "resource_groups",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=90), nullable=False),
        sa.Column("key", sa.String(length=90), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_resource_groups")),
        sa.UniqueConstraint("subscription", "key", name=op.f("uq_resource_groups_subscription_key")),
    )


def _disks() -> None:
    op.create_table(
        "disks",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("group_uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("volume", sa.String(length=80), nullable=False),
        sa.Column("root_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("session", sa.Uuid(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("occupied_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("statistics", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("ready_time", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["group_uid"], ["resource_groups.uid"], name=op.f("fk_disks_group_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_disks")),
        sa.UniqueConstraint("group_uid", "key", name=op.f("uq_disks_group_uid_key")),
        sa.UniqueConstraint("root_id", name=op.f("uq_disks_root_id")),
        sa.UniqueConstraint("session", name=op.f("uq_disks_session")),
    )
    op.create_index(op.f("ix_disks_state"), "disks", ["state"], unique=False)


def _galleries() -> None:
    op.create_table(
        "galleries",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("group_uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["group_uid"], ["resource_groups.uid"], name=op.f("fk_galleries_group_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_galleries")),
        sa.UniqueConstraint("group_uid", "key", name=op.f("uq_galleries_group_uid_key")),
    )


def _image_definitions() -> None:
    op.create_table(
        "image_definitions",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("gallery_uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("os_type", sa.String(length=32), nullable=False),
        sa.Column("os_state", sa.String(length=32), nullable=False),
        sa.Column("publisher", sa.String(length=128), nullable=False),
        sa.Column("offer", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("identifier_key", sa.String(length=300), nullable=False),
        sa.Column("generation", sa.String(length=32), nullable=False),
        sa.Column("architecture", sa.String(length=32), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["gallery_uid"], ["galleries.uid"], name=op.f("fk_image_definitions_gallery_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_image_definitions")),
        sa.UniqueConstraint(
            "gallery_uid", "identifier_key", name=op.f("uq_image_definitions_gallery_uid_identifier_key")
        ),
        sa.UniqueConstraint("gallery_uid", "key", name=op.f("uq_image_definitions_gallery_uid_key")),
    )


def _image_versions() -> None:
    op.create_table(
        "image_versions",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("definition_uid", sa.Uuid(), nullable=False),
        sa.Column("major", sa.BigInteger(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.Column("patch", sa.BigInteger(), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("source_disk_uid", sa.Uuid(), nullable=False),
        sa.Column("source_disk", sa.Text(), nullable=False),
        sa.Column("exclude_from_latest", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("occupied_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("operation_uid", sa.Uuid(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("published_time", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["definition_uid"], ["image_definitions.uid"], name=op.f("fk_image_versions_definition_uid")
        ),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_image_versions")),
        sa.UniqueConstraint(
            "definition_uid", "major", "minor", "patch", name=op.f("uq_image_versions_definition_uid_major_minor_patch")
        ),
    )
    op.create_index(op.f("ix_image_versions_source_disk_uid"), "image_versions", ["source_disk_uid"], unique=False)


def _copies() -> None:
    op.create_table(
        "copies",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("version_uid", sa.Uuid(), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("volume", sa.String(length=80), nullable=False),
        sa.Column("root_id", sa.Uuid(), nullable=False),
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("done_bytes", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version_uid"], ["image_versions.uid"], name=op.f("fk_copies_version_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_copies")),
        sa.UniqueConstraint("root_id", name=op.f("uq_copies_root_id")),
        sa.UniqueConstraint("version_uid", "region", "volume", name=op.f("uq_copies_version_uid_region_volume")),
    )
    op.create_index(op.f("ix_copies_region_volume"), "copies", ["region", "volume"], unique=False)
    op.create_index(op.f("ix_copies_state_next_try_at"), "copies", ["state", "next_try_at"], unique=False)
    op.create_index(
        op.f("ix_copies_version_uid_region_state"), "copies", ["version_uid", "region", "state"], unique=False
    )


def _target_regions() -> None:
    op.create_table(
        "target_regions",
        sa.Column("version_uid", sa.Uuid(), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("replica_count", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("exclude_from_latest", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["version_uid"], ["image_versions.uid"], name=op.f("fk_target_regions_version_uid")),
        sa.PrimaryKeyConstraint("version_uid", "region", name=op.f("pk_target_regions")),
    )
