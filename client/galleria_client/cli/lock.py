"""`galleria lock`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import cast

import click

from galleria_client.cli.confirmation import confirm
from galleria_client.cli.names import FLAGS, LEVELS, OPTIONS, Command, Where, full_disk_name, image_name
from galleria_client.cli.session import Session, with_session

KIND = "lock"
_COLLECTION = "/locks/"
_LOCK_LEVELS = {"CanNotDelete": "LOCK_LEVEL_CAN_NOT_DELETE", "ReadOnly": "LOCK_LEVEL_READ_ONLY"}
_NAME = click.option("-n", "--name", "lock_id", metavar="NAME", required=True, help="Name of the lock, or a full one.")


@dataclass(frozen=True, slots=True)
class GivenScope:
    """What the flags said of a scope: its full name, or parts of it."""

    name: str | None
    where: Where
    disk: str | None


def scoped(function: Command) -> Command:
    """Add --scope and the flags for its parts; the command gets them as `scope`."""

    @wraps(function)
    def wrapped(*args: object, scope: str | None, disk: str | None, **kwargs: object) -> None:
        where = Where(**{part: cast("str | None", kwargs.pop(part)) for part in LEVELS})
        function(*args, scope=GivenScope(scope, where, disk), **kwargs)

    command: Command = click.option("-d", "--disk", metavar="DISK", help="Disk.")(wrapped)
    for part in reversed(LEVELS):
        short, long, about = OPTIONS[part]
        command = click.option(short, long, part, metavar=part.upper(), help=about)(command)
    return click.option("--scope", metavar="RESOURCE", help="Full name of the scope, in the place of its parts.")(
        command
    )


@click.group()
def lock() -> None:
    """Locks, which keep resources from being deleted or changed, whoever asks.

    The scope is a subscription, resource group, gallery, image definition, image version, application, application
    version, disk or deployment; the lock holds for everything in it.
    """


@lock.command()
@scoped
@click.option("--level", required=True, type=click.Choice(tuple(_LOCK_LEVELS), case_sensitive=False))
@click.option("-n", "--name", "lock_id", default="", help="Name of the lock; default: the server makes one.")
@click.option("--notes", default="", help="Why it is there, up to 512 characters.")
@click.option("--request-id", default="", metavar="UUID", help="Makes a repeat of the command harmless.")
@with_session()
def create(session: Session, scope: GivenScope, level: str, lock_id: str, notes: str, request_id: str) -> None:
    """Put a lock on a scope."""
    from galleria.v1.locks_pb2 import Lock, LockLevel

    wanted = Lock(level=LockLevel.Value(_LOCK_LEVELS[level]), notes=notes)
    full = full_scope_name(session, scope)
    session.answer(session.client.locks.create(full, wanted, lock_id=lock_id, request_id=request_id), KIND)


@lock.command()
@scoped
@_NAME
@with_session()
def show(session: Session, scope: GivenScope, lock_id: str) -> None:
    """Show a lock."""
    session.answer(session.client.locks.get(_full_name(session, scope, lock_id)), KIND)


@lock.command("list")
@scoped
@click.option("--inherited", is_flag=True, help="Also those on what the scope lies in: all that hold there.")
@click.option("--recursive", is_flag=True, help="Also those on what lies in the scope.")
@with_session()
def list_(session: Session, scope: GivenScope, inherited: bool, recursive: bool) -> None:
    """List the locks on a scope."""
    full = full_scope_name(session, scope)
    session.answer(session.client.locks.list(full, inherited=inherited, recursive=recursive), KIND)


@lock.command()
@scoped
@_NAME
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Refuse unless this is its etag.")
@with_session()
def delete(session: Session, scope: GivenScope, lock_id: str, yes: bool, etag: str) -> None:
    """Delete a lock, so that what it forbade can be done."""
    full = _full_name(session, scope, lock_id)
    confirm(f"the lock {full}", yes=yes)
    session.client.locks.delete(full, etag=etag)


def full_scope_name(session: Session, scope: GivenScope) -> str:
    """The full name of the scope that flags say.

    Raises:
        click.UsageError: they say none, or more than one.
    """
    given = [part for part in LEVELS if getattr(scope.where, part) is not None]
    if scope.name is not None:
        if given or scope.disk is not None:
            raise click.UsageError("--scope is the full name: give it, or its parts")
        return scope.name
    if scope.disk is not None:
        if given not in ([], ["group"]):
            raise click.UsageError("a disk lies in a resource group: give -d with -g alone")
        return full_disk_name(session, scope.disk, scope.where.group)
    if not given:
        raise click.UsageError(f"which scope is meant? give --scope, or its parts by {', '.join(FLAGS.values())}, -d")
    return str(image_name(session, scope.where, given[-1]))


def _full_name(session: Session, scope: GivenScope, lock_id: str) -> str:
    if _COLLECTION in lock_id.lower():
        return lock_id
    return f"{full_scope_name(session, scope)}{_COLLECTION}{lock_id}"
