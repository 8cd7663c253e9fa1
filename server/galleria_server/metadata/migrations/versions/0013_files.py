"""Disks may be files of any length."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Say what every disk is: there were no files."""
    op.add_column("disks", sa.Column("kind", sa.String(length=32), nullable=False, server_default="disk"))
