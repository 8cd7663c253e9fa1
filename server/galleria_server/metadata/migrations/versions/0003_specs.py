"""What owners say of galleries and image definitions becomes a document; resources know when they were changed."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_GALLERY = ("description", "tags")
_DEFINITION = (*_GALLERY, "os_type", "os_state", "publisher", "offer", "sku", "generation", "architecture")


def upgrade() -> None:
    """Move columns into documents, row by row."""
    _move("galleries", _GALLERY)
    _move("image_definitions", _DEFINITION)


def _move(table: str, names: Sequence[str]) -> None:
    op.add_column(table, sa.Column("spec", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column(table, sa.Column("update_time", sa.BigInteger(), nullable=False, server_default="0"))
    json = ("spec", "tags")
    columns = [sa.column(name, sa.JSON() if name in json else None) for name in ("uid", "create_time", "spec", *names)]
    rows = sa.table(table, sa.column("update_time"), *columns)
    for row in op.get_bind().execute(sa.select(rows)).mappings().all():
        values = {"spec": _spec(row), "update_time": row["create_time"]}
        op.get_bind().execute(sa.update(rows).where(rows.c.uid == row["uid"]).values(values))
    for name in names:
        op.drop_column(table, name)


def _spec(row: sa.RowMapping) -> dict[str, Any]:
    spec: dict[str, Any] = {"description": row["description"], "tags": row["tags"]}
    if "os_type" in row:
        spec |= {
            "os_type": row["os_type"],
            "os_state": row["os_state"],
            "identifier": {name: row[name] for name in ("publisher", "offer", "sku")},
            "hyper_v_generation": row["generation"],
            "architecture": row["architecture"],
        }
    return spec
