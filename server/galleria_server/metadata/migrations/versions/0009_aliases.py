"""Aliases of image definitions."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "aliases",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("definition_uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=63), nullable=False),
        sa.Column("version_uid", sa.Uuid(), nullable=False),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["definition_uid"], ["definitions.uid"], name=op.f("fk_aliases_definition_uid")),
        sa.ForeignKeyConstraint(["version_uid"], ["versions.uid"], name=op.f("fk_aliases_version_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_aliases")),
        sa.UniqueConstraint("definition_uid", "key", name=op.f("uq_aliases_definition_uid_key")),
    )
    op.create_index(op.f("ix_aliases_version_uid"), "aliases", ["version_uid"])
    op.create_table(
        "alias_moves",
        sa.Column("alias_uid", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("major", sa.BigInteger(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.Column("patch", sa.BigInteger(), nullable=False),
        sa.Column("move_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["alias_uid"], ["aliases.uid"], name=op.f("fk_alias_moves_alias_uid")),
        sa.PrimaryKeyConstraint("alias_uid", "position", name=op.f("pk_alias_moves")),
    )
