"""The commands `galleria serve`, `galleria config` and `galleria db`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from galleria_server.config import Config

P = ParamSpec("P")
T = TypeVar("T")

_CONFIG_HELP = "TOML file with the configuration [GALLERIA_CONFIG]."
_DATA_HELP = "Folder of the server's data [GALLERIA_DATA, default ./data]."


def _one_sentence(function: Callable[P, T]) -> Callable[P, T]:
    """Tell expected errors in one sentence, with exit code 1."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        from galleria_server.config import ConfigError
        from galleria_server.config_dedup import DedupTooWide
        from galleria_server.listening import ListenFailed
        from galleria_server.metadata.lock import DataInUse
        from galleria_server.metadata.schema import SchemaUnknown

        try:
            return function(*args, **kwargs)
        except (ConfigError, DataInUse, DedupTooWide, ListenFailed, OSError, SchemaUnknown) as error:
            raise click.ClickException(str(error)) from error

    return wrapped


def _load(config: str | None, data: str | None = None, listen: str | None = None, log: str | None = None) -> Config:
    from galleria_server.config_file import Flags, load_config

    return load_config(Flags(config, data, listen, log), os.environ)


@click.command()
@click.option("--data", metavar="FOLDER", help=_DATA_HELP)
@click.option("--listen", metavar="HOST:PORT", help="Loopback address [GALLERIA_LISTEN, default 127.0.0.1:8470].")
@click.option("--config", metavar="FILE", help=_CONFIG_HELP)
@click.option("--log", metavar="FORMAT", help="text or json, on standard error [GALLERIA_LOG, default text].")
@_one_sentence
def serve(data: str | None, listen: str | None, config: str | None, log: str | None) -> None:
    """Run the server until it is told to stop."""
    import asyncio

    from galleria_server import logs
    from galleria_server.serving import serve_until_told

    loaded = _load(config, data, listen, log)
    logs.set_up(loaded.log)
    asyncio.run(serve_until_told(loaded, click.echo))


@click.group()
def config() -> None:
    """Look at the server's configuration."""


@config.command("check")
@click.option("--config", metavar="FILE", help=_CONFIG_HELP)
@_one_sentence
def config_check(config: str | None) -> None:
    """Say whether the server would start with the configuration."""
    from galleria_server.config_dedup import check_dedup

    loaded = _load(config)
    volumes = [volume for region in loaded.regions for volume in region.volumes]
    for volume in volumes:
        check_dedup(volume)
    click.echo(f"The configuration is good: {len(loaded.regions)} regions, {len(volumes)} volumes.")


@config.command("show")
@click.option("--config", metavar="FILE", help=_CONFIG_HELP)
@_one_sentence
def config_show(config: str | None) -> None:
    """Print the configuration that results from file, variables and defaults, as a configuration file."""
    from galleria_server.config_text import to_toml

    click.echo(to_toml(_load(config)), nl=False)


@click.group()
def db() -> None:
    """Look after the metadata database of a server that is stopped."""


@db.command("upgrade")
@click.option("--data", metavar="FOLDER", help=_DATA_HELP)
@click.option("--config", metavar="FILE", help=_CONFIG_HELP)
@_one_sentence
def db_upgrade(data: str | None, config: str | None) -> None:
    """Bring the schema up to what this software needs; `serve` does it too."""
    from galleria_server.app import open_metadata
    from galleria_server.metadata import schema

    with open_metadata(_load(config, data)) as database:
        click.echo(f"{database.path} has schema {schema.newest()}.")


@db.command("show")
@click.option("--data", metavar="FOLDER", help=_DATA_HELP)
@click.option("--config", metavar="FILE", help=_CONFIG_HELP)
@_one_sentence
def db_show(data: str | None, config: str | None) -> None:
    """Print the schema of the database and what this software needs."""
    from galleria_server.metadata import schema
    from galleria_server.metadata.engine import DATABASE_FILE, Database
    from galleria_server.metadata.lock import sole_owner

    folder = _load(config, data).metadata_folder
    if not (folder / DATABASE_FILE).exists():
        raise click.ClickException(f"{folder / DATABASE_FILE} does not exist")
    with sole_owner(folder):
        database = Database(folder)
        with database.writing() as transaction:
            current = schema.current(transaction)
        database.close()
    click.echo(f"{database.path} has schema {current or 'none'}, this software needs {schema.newest()}.")
