"""Disks may say what system is on them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Nobody said anything of the disks that there are."""
    op.add_column("disks", sa.Column("system", sa.JSON(), nullable=False, server_default="{}"))
