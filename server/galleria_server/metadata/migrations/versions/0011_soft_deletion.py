"""Versions that are deleted may be restored for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the times of a soft deletion, and find those that are due."""
    for name in ("soft_delete_time", "consumption_end_time", "hard_deletion_time"):
        op.add_column("versions", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_versions_hard_deletion_time"), "versions", ["hard_deletion_time"], unique=False)
