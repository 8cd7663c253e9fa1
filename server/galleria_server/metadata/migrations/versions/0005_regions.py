"""Regions with their state, and who has access to those that are restricted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables; the server fills in the regions at its start."""
    op.create_table(
        "regions",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("down_time", sa.BigInteger(), nullable=True),
        sa.Column("down_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_regions")),
        sa.UniqueConstraint("region", name=op.f("uq_regions_region")),
    )
    op.create_table(
        "region_access",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("justification", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request_time", sa.BigInteger(), nullable=False),
        sa.Column("decide_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_region_access")),
        sa.UniqueConstraint("subscription", "region", name=op.f("uq_region_access_subscription_region")),
    )
