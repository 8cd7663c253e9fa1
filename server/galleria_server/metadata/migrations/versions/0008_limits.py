"""Limits of subscriptions; what is counted knows its subscription."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# SQLite adds no column without a value for the rows that are there.
_NOBODY = "0" * 32
_IMAGE = "images"


def upgrade() -> None:
    """Make the table, and take each subscription from what holds the row."""
    op.create_table(
        "limits",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_limits")),
        sa.UniqueConstraint("subscription", "key", name=op.f("uq_limits_subscription_key")),
    )
    op.add_column("versions", sa.Column("artifact", sa.String(length=32), nullable=False, server_default=_IMAGE))
    _take("versions", "artifact", "definitions", "definition_uid")
    for name, parent, column in (
        ("galleries", "resource_groups", "group_uid"),
        ("definitions", "galleries", "gallery_uid"),
        ("versions", "definitions", "definition_uid"),
    ):
        op.add_column(name, sa.Column("subscription", sa.Uuid(), nullable=False, server_default=_NOBODY))
        _take(name, "subscription", parent, column)
    _index("galleries", "subscription", "location")
    _index("definitions", "subscription", "artifact", "location")
    _index("versions", "subscription", "artifact", "location")


def _take(name: str, taken: str, parent: str, column: str) -> None:
    """Give every row what the row has that holds it."""
    row, holder = (sa.table(table, *map(sa.column, ("uid", taken, column))) for table in (name, parent))
    found = sa.select(holder.c[taken]).where(holder.c.uid == row.c[column]).scalar_subquery()
    op.execute(sa.update(row).values({taken: found}))


def _index(name: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{name}_{'_'.join(columns)}"), name, list(columns), unique=False)
