"""Operations remember how many bytes were there when they began, so that they can tell how fast they are."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Those that there are began with nothing."""
    op.add_column("operations", sa.Column("begun_bytes", sa.BigInteger(), nullable=False, server_default="0"))
