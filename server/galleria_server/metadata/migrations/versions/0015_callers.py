"""Requests are remembered by caller and method, too."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table anew, with the requests that are there."""
    op.rename_table("requests", "old_requests")
    op.drop_index("ix_requests_create_time", "old_requests")
    new = op.create_table(
        "requests",
        sa.Column("caller", sa.String(length=200), nullable=False),
        sa.Column("method", sa.String(length=120), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Uuid(), nullable=True),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "method", "request_id", name=op.f("pk_requests")),
    )
    names = ["method", "request_id", "fingerprint", "answer", "create_time"]
    old = sa.table("old_requests", *map(sa.column, names))
    everything = sa.select(sa.literal(""), *(old.c[name] for name in names))
    op.execute(sa.insert(new).from_select(["caller", *names], everything))
    op.drop_table("old_requests")
    op.create_index(op.f("ix_requests_create_time"), "requests", ["create_time"])
