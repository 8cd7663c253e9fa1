"""Locks, and which resources each of them lies in."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "locks",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("scope_uid", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_locks")),
        sa.UniqueConstraint("scope_uid", "key", name=op.f("uq_locks_scope_uid_key")),
    )
    op.create_table(
        "lock_places",
        sa.Column("resource_uid", sa.Uuid(), nullable=False),
        sa.Column("lock_uid", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("resource_uid", "lock_uid", name=op.f("pk_lock_places")),
        sa.ForeignKeyConstraint(["lock_uid"], ["locks.uid"], name=op.f("fk_lock_places_lock_uid")),
    )
    op.create_index(op.f("ix_lock_places_lock_uid"), "lock_places", ["lock_uid"])
