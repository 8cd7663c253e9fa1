"""Brings the database's schema up to what this software needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from galleria_server.metadata.engine import Transaction

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaUnknown(Exception):
    """The database has a revision that this software does not know: a newer one wrote it."""

    def __init__(self, revision: str, known: str) -> None:
        super().__init__(revision, known)
        self.revision = revision
        self.known = known

    def __str__(self) -> str:
        return (
            f"the metadata database has schema {self.revision}, this software knows {self.known} and older; "
            "run a newer version of galleria"
        )


def newest() -> str:
    """The revision that this software needs."""
    head = _scripts().get_current_head()
    if head is None:
        raise ValueError(_MIGRATIONS)
    return head


def current(transaction: Transaction) -> str | None:
    """The revision of the database; None while it is empty."""
    return MigrationContext.configure(transaction).get_current_revision()


def upgrade(transaction: Transaction, to: str = "head") -> bool:
    """Run the steps that are missing, up to a revision; all or none. Returns whether there were any.

    Raises:
        SchemaUnknown: the database is newer than this software.
    """
    revision = current(transaction)
    if revision == newest():
        return False
    if revision is not None and revision not in {script.revision for script in _scripts().walk_revisions()}:
        raise SchemaUnknown(revision, newest())
    config = _config()
    config.attributes["connection"] = transaction
    command.upgrade(config, to)
    return True


def _config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
