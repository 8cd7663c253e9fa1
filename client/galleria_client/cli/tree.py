"""Deleting with all that is in it, for galleries and image definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from google.protobuf.empty_pb2 import Empty

    from galleria.v1.deletion_pb2 import DeletionPlan
    from galleria_client._sync.operation import Operation
    from galleria_client.cli.names import Command
    from galleria_client.cli.session import Session

    Delete = Callable[..., tuple[Operation[Empty] | None, DeletionPlan]]


@dataclass(frozen=True, slots=True)
class TreeFlags:
    """What the flags said of a deletion with all that is inside."""

    recursive: bool
    dry_run: bool
    bypass_soft_delete: bool
    force: bool


def tree_flags(function: Command) -> Command:
    """Add the flags; the command gets them as `tree`."""
    names = ("recursive", "dry_run", "bypass_soft_delete", "force")

    @click.option("--recursive", is_flag=True, help="With all that is in it, or nothing.")
    @click.option("--dry-run", is_flag=True, help="Only tell what --recursive would delete, and what forbids it.")
    @click.option("--bypass-soft-delete", is_flag=True, help="With --recursive: also what soft deletion keeps.")
    @click.option(
        "--force", is_flag=True, help="With --recursive: also what deployments use or others are copied from."
    )
    @wraps(function)
    def wrapped(*args: object, **kwargs: object) -> None:
        tree = TreeFlags(*(cast("bool", kwargs.pop(name)) for name in names))
        if not tree.recursive and (tree.dry_run or tree.bypass_soft_delete or tree.force):
            raise click.UsageError("--dry-run, --bypass-soft-delete and --force are for --recursive")
        function(*args, tree=tree, **kwargs)

    return wrapped


def delete_tree(session: Session, tree: TreeFlags, delete: Delete, full: str, etag: str) -> None:
    """Delete with all that is in it and wait until it is gone, or in a dry run answer with what would go."""
    from galleria_client.cli.replication import wait_for

    options = {"bypass_soft_delete": tree.bypass_soft_delete, "force": tree.force, "validate_only": tree.dry_run}
    operation, plan = delete(full, etag=etag, **options)
    if operation is None:
        session.answer(plan, "deletion-plan")
    else:
        wait_for(session, operation, "deleting", None)
