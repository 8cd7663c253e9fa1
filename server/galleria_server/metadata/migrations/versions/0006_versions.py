"""Versions have several contents, and what owners say of them becomes a document; applications get room beside images.

Tables are made anew and filled, as SQLite changes neither the constraints nor the foreign keys of one that is there.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TARGET = ("region", "replica_count", "storage_account_type", "exclude_from_latest")


def upgrade() -> None:
    """Make the new tables, move what there is, drop the old ones, children first."""
    _make_definitions()
    _make_versions()
    _make_contents()
    targets = _targets()
    versions = _rows("image_versions")
    _move_definitions()
    _move_versions(versions, targets)
    _move_copies()
    op.drop_table("copies")
    op.drop_table("target_regions")
    op.drop_table("image_versions")
    op.drop_table("image_definitions")
    op.rename_table("new_copies", "copies")
    _make_indexes()
    _move_targets(versions, targets)


def _make_definitions() -> None:
    op.create_table(
        "definitions",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("gallery_uid", sa.Uuid(), nullable=False),
        sa.Column("artifact", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=117), nullable=False),
        sa.Column("key", sa.String(length=117), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("identifier_key", sa.String(length=300), nullable=True),
        *_changing(),
        sa.ForeignKeyConstraint(["gallery_uid"], ["galleries.uid"], name=op.f("fk_definitions_gallery_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_definitions")),
        sa.UniqueConstraint("gallery_uid", "artifact", "key", name=op.f("uq_definitions_gallery_uid_artifact_key")),
        sa.UniqueConstraint("gallery_uid", "identifier_key", name=op.f("uq_definitions_gallery_uid_identifier_key")),
    )


def _make_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("definition_uid", sa.Uuid(), nullable=False),
        sa.Column("major", sa.BigInteger(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.Column("patch", sa.BigInteger(), nullable=False),
        sa.Column("location", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("operation_uid", sa.Uuid(), nullable=False),
        sa.Column("published_time", sa.BigInteger(), nullable=True),
        sa.Column("end_of_life_time", sa.BigInteger(), nullable=True),
        *_changing(),
        sa.ForeignKeyConstraint(["definition_uid"], ["definitions.uid"], name=op.f("fk_versions_definition_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_versions")),
        sa.UniqueConstraint(
            "definition_uid", "major", "minor", "patch", name=op.f("uq_versions_definition_uid_major_minor_patch")
        ),
    )


def _make_contents() -> None:
    op.create_table(
        "contents",
        sa.Column("version_uid", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("lun", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_disk_uid", sa.Uuid(), nullable=True),
        sa.Column("source_version_uid", sa.Uuid(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("occupied_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["version_uid"], ["versions.uid"], name=op.f("fk_contents_version_uid")),
        sa.PrimaryKeyConstraint("version_uid", "position", name=op.f("pk_contents")),
    )


def _changing() -> list[sa.Column[Any]]:
    return [
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(length=32), nullable=False),
    ]


def _move_definitions() -> None:
    names = "uid, gallery_uid, name, key, location, identifier_key, spec, create_time, update_time, etag"
    op.execute(f"INSERT INTO definitions ({names}, artifact) SELECT {names}, 'images' FROM image_definitions")  # noqa: S608


def _move_versions(versions: list[dict[str, Any]], targets: dict[Any, list[dict[str, Any]]]) -> None:
    kept = ("uid", "definition_uid", "major", "minor", "patch", "location", "state", "operation_uid", "create_time")
    content = ("size_bytes", "occupied_bytes", "digest", "sha256", "source_disk_uid")
    for row in versions:
        spec = {
            "tags": json.loads(row["tags"]) if isinstance(row["tags"], str) else row["tags"],
            "os_disk": row["source_disk"],
            "exclude_from_latest": bool(row["exclude_from_latest"]),
            "target_regions": targets[row["uid"]],
        }
        changing = {"spec": spec, "update_time": row["create_time"], "etag": row["etag"]}
        moved = {name: row[name] for name in (*kept, "published_time")}
        _insert("versions", {**moved, **changing})
        about = {name: row[name] for name in content}
        _insert("contents", {"version_uid": row["uid"], "position": 0, "source": row["source_disk"], **about})


def _move_copies() -> None:
    op.create_table(
        "new_copies",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("version_uid", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("volume", sa.String(length=80), nullable=False),
        sa.Column("root_id", sa.Uuid(), nullable=False),
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("done_bytes", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version_uid"], ["versions.uid"], name=op.f("fk_copies_version_uid")),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_copies")),
        sa.UniqueConstraint("root_id", name=op.f("uq_copies_root_id")),
    )
    names = (
        "uid, version_uid, region, ordinal, zone, volume, root_id, lease_id, state, owner, epoch, lease_until, "
        "done_bytes, attempts, next_try_at, details"
    )
    op.execute(f"INSERT INTO new_copies ({names}, position) SELECT {names}, 0 FROM copies")  # noqa: S608


def _make_indexes() -> None:
    op.create_index(op.f("ix_contents_source_disk_uid"), "contents", ["source_disk_uid"])
    op.create_index(op.f("ix_contents_source_version_uid"), "contents", ["source_version_uid"])
    op.create_index(op.f("ix_contents_digest"), "contents", ["digest"])
    op.create_index(op.f("ix_disks_digest"), "disks", ["digest"])
    for columns in (["state", "next_try_at"], ["version_uid", "region", "state"], ["region", "volume"]):
        op.create_index(op.f(f"ix_copies_{'_'.join(columns)}"), "copies", columns)


def _move_targets(versions: list[dict[str, Any]], targets: dict[Any, list[dict[str, Any]]]) -> None:
    op.create_table(
        "target_regions",
        sa.Column("version_uid", sa.Uuid(), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["version_uid"], ["versions.uid"], name=op.f("fk_target_regions_version_uid")),
        sa.PrimaryKeyConstraint("version_uid", "region", name=op.f("pk_target_regions")),
    )
    for row in versions:
        for target in targets[row["uid"]]:
            excluded = bool(row["exclude_from_latest"] or target["exclude_from_latest"])
            _insert("target_regions", {"version_uid": row["uid"], "region": target["region"], "excluded": excluded})


def _targets() -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(_rows("target_regions"), key=lambda row: row["position"]):
        # What was not excluded there was excluded when the version was.
        values = (row["region"], row["replica_count"], row["account"], bool(row["exclude_from_latest"]) or None)
        found[row["version_uid"]].append(dict(zip(_TARGET, values, strict=True)))
    return found


def _rows(table: str) -> list[dict[str, Any]]:
    rows = op.get_bind().execute(sa.text(f"SELECT * FROM {table}"))  # noqa: S608
    return [dict(row) for row in rows.mappings()]


def _insert(table: str, values: dict[str, Any]) -> None:
    columns = [sa.column(name, sa.JSON() if name == "spec" else None) for name in values]
    op.get_bind().execute(sa.insert(sa.table(table, *columns)).values(values))
