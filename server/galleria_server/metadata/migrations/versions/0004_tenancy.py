"""Tenants and subscriptions; resource groups become resources of their own."""

import secrets
import time
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# What every installation has from its beginning; see protos/README.md.
_TENANT = UUID("c5d3a1e0-6b1f-4f0a-9a57-000000000001")
_SUBSCRIPTION = UUID("c5d3a1e0-6b1f-4f0a-9a57-000000000002")


def upgrade() -> None:
    """Make the tables with what there is by default, and give the groups times and etags."""
    now = time.time_ns() // 1000
    _tenants(now)
    _subscriptions(now)
    for column in (
        sa.Column("spec", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("create_time", sa.BigInteger(), nullable=False, server_default=str(now)),
        sa.Column("update_time", sa.BigInteger(), nullable=False, server_default=str(now)),
        sa.Column("etag", sa.String(length=32), nullable=False, server_default=secrets.token_hex(8)),
    ):
        op.add_column("resource_groups", column)


def _tenants(now: int) -> None:
    table = op.create_table(
        "tenants",
        *_resource(),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_tenants")),
    )
    op.bulk_insert(table, [{"uid": _TENANT, "spec": {"display_name": "Default"}, **_made(now)}])


def _subscriptions(now: int) -> None:
    table = op.create_table(
        "subscriptions",
        sa.Column("tenant_uid", sa.Uuid(), nullable=False),
        *_resource(),
        sa.ForeignKeyConstraint(["tenant_uid"], ["tenants.uid"], name=op.f("fk_subscriptions_tenant_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_subscriptions")),
    )
    op.create_index(op.f("ix_subscriptions_tenant_uid"), "subscriptions", ["tenant_uid"], unique=False)
    spec = {"tenant": f"tenants/{_TENANT}", "display_name": "Default"}
    op.bulk_insert(table, [{"uid": _SUBSCRIPTION, "tenant_uid": _TENANT, "spec": spec, **_made(now)}])


def _resource() -> list[sa.Column[object]]:
    return [
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=32), nullable=False),
    ]


def _made(now: int) -> dict[str, object]:
    return {"create_time": now, "update_time": now, "etag": secrets.token_hex(8)}
