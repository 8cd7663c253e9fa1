"""Galleries and definitions that wait until all that was in them is gone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the mark."""
    for table in ("galleries", "definitions"):
        op.add_column(table, sa.Column("deleting", sa.Boolean(), nullable=False, server_default=sa.false()))
