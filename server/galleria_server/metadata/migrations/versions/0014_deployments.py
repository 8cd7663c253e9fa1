"""Deployments of versions."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "deployments",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("group_uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("version_uid", sa.Uuid(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["group_uid"], ["resource_groups.uid"], name=op.f("fk_deployments_group_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_deployments")),
        sa.UniqueConstraint("group_uid", "key", name=op.f("uq_deployments_group_uid_key")),
    )
    op.create_index(op.f("ix_deployments_version_uid_key_uid"), "deployments", ["version_uid", "key", "uid"])
